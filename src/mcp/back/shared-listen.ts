// One stream for several listeners of one caller: its filter is what any of them wants, it is replaced when that grows or
// shrinks, and comes back after it was lost, with word of what may have been missed.
import { GatewayError, type Clock, type Timer } from '../../core/index.ts'
import {
  changesOf,
  covers,
  intersectionOf,
  isSame,
  unionOf,
  wants,
} from '../translate/listen-filter.ts'
import type {
  ListenFilter,
  ListenRequest,
  ListenSink,
  RpcError,
  RpcNotification,
  ServerView,
  ViewCall,
  ViewOrigin,
} from '../view/server-view.ts'

/** Listeners come and go; a stream that hears a little too much for a while costs less than a new one each time. */
const SHRINK_AFTER_MS = 30_000
const FIRST_RETRY_MS = 500
const MAX_RETRY_MS = 30_000
/** A stream that lasted this long was a good one: the next loss is a new trouble. */
const STABLE_AFTER_MS = 60_000
/** Listeners of a server that stays away this long are told; they may come back. */
const GIVE_UP_AFTER_MS = 600_000

export interface SharedListenContext {
  readonly view: ServerView
  readonly clock: Clock
  /** Numbers from 0 to 1, as Math.random gives. */
  readonly random: () => number
  /** The last listener has left. */
  onEmpty(): void
}

interface Listener {
  readonly filter: ListenFilter
  readonly origin: ViewOrigin
  readonly sink: ListenSink
}

interface Stream {
  readonly filter: ListenFilter
  readonly openedAtMs: number
  call: ViewCall | undefined
  /** Undefined until it is acknowledged. */
  honoured: ListenFilter | undefined
}

export class SharedListen {
  readonly #context: SharedListenContext
  /** Those who have had their acknowledgement, and those who wait for it. */
  readonly #hearing = new Set<Listener>()
  readonly #waiting = new Set<Listener>()
  #namedCount = 0
  /** Acknowledged: all that listeners hear comes from it. */
  #current: Stream | undefined
  /** To take its place. It stays until then, so that nothing is missed between the two. */
  #next: Stream | undefined
  #isFlushDue = false
  #retry: Timer | undefined
  #retryCount = 0
  #shrink: Timer | undefined
  /** Since when changes may have been missed. */
  #lostAtMs: number | undefined

  constructor(context: SharedListenContext) {
    this.#context = context
  }

  /** URIs and tasks that its listeners name, each as often as it is named. */
  get namedCount(): number {
    return this.#namedCount
  }

  add({ filter, caller, headers }: ListenRequest, sink: ListenSink): ViewCall {
    const listener = { filter, origin: { caller, headers }, sink }
    this.#waiting.add(listener)
    this.#namedCount += namedIn(filter)
    this.#flushSoon()
    return { cancel: () => this.#remove(listener) }
  }

  stop(): void {
    const listeners = this.#all()
    this.#leave()
    for (const { sink } of listeners) sink.onEnd()
  }

  #all(): readonly Listener[] {
    return [...this.#hearing, ...this.#waiting]
  }

  #has(listener: Listener): boolean {
    return this.#hearing.has(listener) || this.#waiting.has(listener)
  }

  #remove(listener: Listener): void {
    if (!this.#hearing.delete(listener) && !this.#waiting.delete(listener)) return
    this.#namedCount -= namedIn(listener.filter)
    if (this.#hearing.size + this.#waiting.size === 0) this.#leave()
    else this.#shrink ??= this.#context.clock.after(SHRINK_AFTER_MS, () => this.#onShrinkTime())
  }

  #leave(): void {
    this.#hearing.clear()
    this.#waiting.clear()
    this.#namedCount = 0
    this.#shrink?.cancel()
    this.#retry?.cancel()
    this.#current?.call?.cancel()
    this.#next?.call?.cancel()
    this.#current = undefined
    this.#next = undefined
    this.#context.onEmpty()
  }

  #onShrinkTime(): void {
    this.#shrink = undefined
    const union = this.#union()
    if (this.#next !== undefined || this.#current === undefined) return
    if (!isSame(this.#current.filter, union)) this.#open(union)
  }

  /** After the listeners that come at the same time, so that they share one stream; and never before `add` has returned. */
  #flushSoon(): void {
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    queueMicrotask(() => {
      this.#isFlushDue = false
      this.#flush()
    })
  }

  /** Acknowledges who can be, and opens a stream for the others. */
  #flush(): void {
    const given = this.#current
    const waiting = [...this.#waiting]
    for (const listener of waiting) {
      // Nothing is asked of the server for those who want nothing.
      if (covers(given?.filter ?? {}, listener.filter)) this.#acknowledge(listener, given)
    }
    // A stream on its way is waited for: what it does not cover comes with the one after it.
    if (this.#next !== undefined || this.#waiting.size === 0) return
    this.#retry?.cancel()
    this.#open(this.#union())
  }

  #union(): ListenFilter {
    return unionOf(this.#all().map(({ filter }) => filter))
  }

  #acknowledge(listener: Listener, stream: Stream | undefined): void {
    // Another one's sink may have made it leave.
    if (!this.#waiting.delete(listener)) return
    this.#hearing.add(listener)
    listener.sink.onAcknowledged(intersectionOf(listener.filter, stream?.honoured ?? {}))
  }

  #open(filter: ListenFilter): void {
    const [first] = this.#all()
    if (first === undefined) return
    const { view, clock } = this.#context
    const stream: Stream = {
      filter,
      openedAtMs: clock.monotonicMs(),
      call: undefined,
      honoured: undefined,
    }
    this.#next = stream
    stream.call = view.listen(
      { ...first.origin, filter },
      {
        onAcknowledged: (honoured) => this.#onAcknowledged(stream, honoured),
        onNotification: (change) => this.#onChange(change),
        onEnd: () => this.#onGone(stream, endedEarly(view.name)),
        onFailure: (error) => this.#onGone(stream, error),
      },
    )
  }

  #onAcknowledged(stream: Stream, honoured: ListenFilter): void {
    if (stream !== this.#next) return
    const before = this.#current
    stream.honoured = honoured
    this.#current = stream
    this.#next = undefined
    before?.call?.cancel()
    if (this.#lostAtMs !== undefined) this.#tellMissed(honoured)
    this.#lostAtMs = undefined
    this.#flush()
  }

  /** From the one stream that is acknowledged and not cancelled. */
  #onChange(change: RpcNotification): void {
    this.#tell((listener) => (wants(listener.filter, change) ? [change] : []))
  }

  #tellMissed(honoured: ListenFilter): void {
    this.#tell(({ filter }) => changesOf(intersectionOf(filter, honoured)))
  }

  /** Each acknowledged listener its own; one may leave, or make another leave, when it hears something. */
  #tell(changesFor: (listener: Listener) => readonly RpcNotification[]): void {
    const listeners = [...this.#hearing]
    for (const listener of listeners) {
      for (const change of changesFor(listener)) {
        if (this.#hearing.has(listener)) listener.sink.onNotification(change)
      }
    }
  }

  #onGone(stream: Stream, error: GatewayError | RpcError): void {
    if (stream === this.#current) {
      this.#current = undefined
      this.#lostAtMs ??= this.#context.clock.monotonicMs()
      this.#countLoss(stream)
    } else if (stream === this.#next) {
      this.#next = undefined
      this.#onRefused(error)
    } else return
    if (this.#lostAtMs !== undefined && this.#next === undefined) this.#comeBack(error)
  }

  /** Whoever waits for the first acknowledgement is told at once; the others have been heard before. */
  #onRefused(error: GatewayError | RpcError): void {
    const listeners = [...this.#waiting]
    for (const listener of listeners) this.#fail(listener, error)
  }

  #countLoss({ openedAtMs }: Stream): void {
    const lastedMs = this.#context.clock.monotonicMs() - openedAtMs
    if (lastedMs >= STABLE_AFTER_MS) this.#retryCount = 0
  }

  #comeBack(error: GatewayError | RpcError): void {
    if (this.#hearing.size + this.#waiting.size === 0) return
    const { clock, random } = this.#context
    const awayMs = clock.monotonicMs() - (this.#lostAtMs ?? 0)
    // What the server itself answers, it would answer again.
    if (awayMs >= GIVE_UP_AFTER_MS || !(error instanceof GatewayError)) {
      const listeners = this.#all()
      for (const listener of listeners) this.#fail(listener, error)
      return
    }
    const steadyMs = Math.min(FIRST_RETRY_MS * 2 ** this.#retryCount, MAX_RETRY_MS)
    this.#retryCount++
    this.#retry?.cancel()
    // Spread, so that all callers do not come back to a restarted server in the same moment.
    const delayMs = (steadyMs * (1 + random())) / 2
    this.#retry = clock.after(delayMs, () => {
      if (this.#next === undefined) this.#open(this.#union())
    })
  }

  #fail(listener: Listener, error: GatewayError | RpcError): void {
    if (!this.#has(listener)) return
    this.#remove(listener)
    listener.sink.onFailure(error)
  }
}

/** URIs and tasks that a filter names. */
export function namedIn({ resourceSubscriptions = [], taskIds = [] }: ListenFilter): number {
  return resourceSubscriptions.length + taskIds.length
}

function endedEarly(server: string): GatewayError {
  return new GatewayError('GW_UPSTREAM_BROKEN', `the server "${server}" ended a subscription`)
}
