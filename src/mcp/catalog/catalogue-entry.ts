// One server's list as one caller, or everybody, sees it: when it is read, how long it stands, and what is answered while it
// is read anew or cannot be. Which callers share it is the cache's business.
import { GatewayError, type Clock, type Timer } from '../../core/index.ts'
import type { Log } from '../../observability/index.ts'
import type { RpcError, ServerView, ViewCall, ViewOrigin } from '../view/server-view.ts'
import { CATALOGUES, readCatalogue, type Catalogue, type CatalogueKind } from './catalogue.ts'
import type { CatalogObserver } from './context.ts'

export interface EntrySurroundings {
  readonly clock: Clock
  readonly log: Log
  readonly observer: CatalogObserver
  readonly timeoutMs: number
  readonly pollIntervalMs: number
  readonly random: () => number
}

/** What an entry can say at once. */
export interface Look {
  readonly catalogue: Catalogue | undefined
  /** 0: it may have changed already, or is missing. */
  readonly freshForMs: number
  /** Why there is none, once it was tried. */
  readonly error: GatewayError | RpcError | undefined
  /** Set when it is worth waiting; never rejects. Look again then. */
  readonly waiting: Promise<void> | undefined
}

/** A list that says it is never fresh (`ttlMs` 0) is still not read more often than this. */
const MIN_REFRESH_MS = 1_000
/** Wait after a failure, doubled with each further one. */
const FIRST_RETRY_MS = 1_000
const MAX_RETRY_MS = 60_000
const MAX_DOUBLINGS = 6
/** How long an answer waits for a server that failed the last time. */
const RETRY_GRACE_MS = 250
/** A list that cannot be read anew is offered this long after it was last good. */
const STALE_LIMIT_MS = 600_000
/** So much more or less, that lists are not all read at once. */
const POLL_JITTER = 0.1

interface Filling {
  readonly call: ViewCall
  readonly callerKey: string
  readonly timer: Timer
  readonly done: Promise<void>
  readonly settle: () => void
}

export class CatalogueEntry {
  readonly kind: CatalogueKind
  /** The last who asked: as whom the list is read anew. Undefined: that one is gone, and nobody has asked since. */
  origin: ViewOrigin | undefined
  /** As whom it was read: who may see it, if it is private. */
  readAs: ViewOrigin
  readonly #view: ServerView
  readonly #around: EntrySurroundings
  readonly #onChange: (entry: CatalogueEntry, isFirst: boolean) => void
  #catalogue: Catalogue | undefined
  #error: GatewayError | RpcError | undefined
  #filling: Filling | undefined
  #readAtMs = 0
  #triedAtMs = 0
  #pollAfterMs = 0
  #failures = 0
  #changes = 0
  #changesSeen = 0
  #isClosed = false

  /** `onChange` is called when what it offers is another than before; `isFirst`: it was read for the first time. */
  constructor(
    around: EntrySurroundings,
    view: ServerView,
    asked: { readonly kind: CatalogueKind; readonly origin: ViewOrigin },
    onChange: (entry: CatalogueEntry, isFirst: boolean) => void,
  ) {
    this.#around = around
    this.#view = view
    this.kind = asked.kind
    this.origin = asked.origin
    this.readAs = asked.origin
    this.#onChange = onChange
  }

  get isPublic(): boolean {
    return this.#catalogue?.isPublic ?? false
  }

  /** Without reading anything anew. */
  peek(): Look {
    const catalogue = this.#catalogue
    const agedMs = this.#around.clock.monotonicMs() - this.#readAtMs
    const freshForMs =
      catalogue === undefined || this.#isOutdated ? 0 : Math.max(0, catalogue.ttlMs - agedMs)
    return { catalogue, freshForMs, error: this.#error, waiting: undefined }
  }

  look(): Look {
    const seen = this.peek()
    if (seen.freshForMs > 0) return seen
    if (seen.catalogue !== undefined && !this.#isOutdated) {
      this.refresh()
      return seen
    }
    const isFailing = this.#failures > 0
    if (!isFailing) this.#fill()
    else this.refresh()
    if (this.#filling === undefined) return seen
    const { done } = this.#filling
    return { ...seen, waiting: isFailing ? this.#atMost(RETRY_GRACE_MS, done) : done }
  }

  /** Takes what another entry has just read of the same list, though maybe before the last change told of. */
  adopt(catalogue: Catalogue): void {
    this.#keep(catalogue, this.#changesSeen, this.#catalogue === undefined)
  }

  /** The server told of a change: what is kept stands no longer. */
  invalidate(): void {
    this.#changes++
  }

  /** Reads it anew if it is older than polling allows. */
  poll(): void {
    if (this.#around.clock.monotonicMs() - this.#triedAtMs >= this.#pollAfterMs) this.refresh()
  }

  /** Reads it anew in the background, unless that was tried a moment ago. */
  refresh(): void {
    const waitMs =
      this.#failures === 0
        ? MIN_REFRESH_MS
        : Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(MAX_DOUBLINGS, this.#failures - 1))
    if (this.#around.clock.monotonicMs() - this.#triedAtMs >= waitMs) this.#fill()
  }

  /** Reads nothing more as this caller. */
  forgetCaller(callerKey: string): void {
    if (this.origin?.caller.key === callerKey) this.origin = undefined
    if (this.#filling?.callerKey !== callerKey) return
    const filling = this.#endFilling()
    filling?.call.cancel()
    // Who waits with the one that is gone gets what is read for another.
    this.#fill()
    if (this.#filling === undefined) filling?.settle()
    else void this.#filling.done.then(filling?.settle)
  }

  close(): void {
    this.#isClosed = true
    const filling = this.#endFilling()
    filling?.call.cancel()
    filling?.settle()
  }

  get #isOutdated(): boolean {
    return this.#changes !== this.#changesSeen
  }

  #fill(): void {
    const { origin } = this
    if (this.#filling !== undefined || this.#isClosed || origin === undefined) return
    const { clock, timeoutMs, pollIntervalMs, random } = this.#around
    const { promise: done, resolve: settle } = Promise.withResolvers<void>()
    this.#triedAtMs = clock.monotonicMs()
    this.#pollAfterMs = pollIntervalMs * (1 + POLL_JITTER * (2 * random() - 1))
    const changes = this.#changes
    const call = readCatalogue(this.#view, this.kind, origin, {
      onRead: (catalogue, isCut) => {
        this.readAs = origin
        this.#onRead(catalogue, isCut, changes)
      },
      onFailure: (error) => this.#onFailure(error),
    })
    const timer = clock.after(timeoutMs, () => {
      call.cancel()
      const problem = `no ${CATALOGUES[this.kind].method} within ${timeoutMs} ms`
      this.#onFailure(new GatewayError('GW_UPSTREAM_TIMEOUT', problem))
    })
    this.#filling = { call, callerKey: origin.caller.key, timer, done, settle }
  }

  #onRead(catalogue: Catalogue, isCut: boolean, changes: number): void {
    const filling = this.#endFilling()
    const wasFailing = this.#failures > 0
    if (wasFailing) this.#log('info', 'list can be read again')
    if (isCut) this.#log('warn', 'list is too long; its end is left out')
    this.#failures = 0
    this.#error = undefined
    this.#keep(catalogue, changes, this.#catalogue === undefined && !wasFailing)
    filling?.settle()
  }

  /** The items stay the same array when nothing changed: what was built from them still stands. */
  #keep(catalogue: Catalogue, changes: number, isFirst: boolean): void {
    const before = this.#catalogue
    this.#readAtMs = this.#around.clock.monotonicMs()
    this.#changesSeen = changes
    const isSame = before !== undefined && areEqual(before, catalogue)
    this.#catalogue = isSame
      ? { ...catalogue, items: before.items, about: before.about }
      : catalogue
    const scopeChanged = before?.isPublic !== catalogue.isPublic
    if (!isSame || scopeChanged) this.#onChange(this, isFirst)
  }

  #onFailure(error: GatewayError | RpcError): void {
    const filling = this.#endFilling()
    const { clock, observer } = this.#around
    if (this.#failures === 0) this.#log('warn', 'list cannot be read', error)
    this.#failures++
    this.#error = error
    // The wait for the next attempt begins with the end of this one, which may have taken the whole timeout.
    this.#triedAtMs = clock.monotonicMs()
    observer.onMissing(this.#view.name, CATALOGUES[this.kind].method)
    const isTooOld = clock.monotonicMs() - this.#readAtMs > STALE_LIMIT_MS
    if (this.#catalogue !== undefined && isTooOld) {
      this.#catalogue = undefined
      this.#onChange(this, false)
    }
    filling?.settle()
  }

  #endFilling(): Filling | undefined {
    const filling = this.#filling
    this.#filling = undefined
    filling?.timer.cancel()
    return filling
  }

  async #atMost(waitMs: number, done: Promise<void>): Promise<void> {
    const { promise: over, resolve } = Promise.withResolvers<void>()
    const timer = this.#around.clock.after(waitMs, resolve)
    await Promise.race([done, over])
    timer.cancel()
  }

  #log(level: 'info' | 'warn', message: string, error?: GatewayError | RpcError): void {
    const fields = { server: this.#view.name, rpcMethod: CATALOGUES[this.kind].method }
    const cause = error === undefined || error instanceof Error ? error : new Error(`${error.code}`)
    this.#around.log[level]({ ...fields, ...(cause !== undefined && { error: cause }) }, message)
  }
}

function areEqual(a: Catalogue, b: Catalogue): boolean {
  return (
    a.isSupported === b.isSupported &&
    JSON.stringify([a.items, a.about]) === JSON.stringify([b.items, b.about])
  )
}
