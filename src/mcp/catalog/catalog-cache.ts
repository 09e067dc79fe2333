// The lists of all servers of a view, by who may see them. Filled in parallel when they are asked for, shared between
// callers where a server says that its list is public, read anew when old, and dropped when nobody asks any more.
import { GatewayError, type Timer } from '../../core/index.ts'
import type { RpcError, ServerView, ViewOrigin } from '../view/server-view.ts'
import { scopeOf, type CallerScope } from './caller-scope.ts'
import type { Catalogue, CatalogueKind } from './catalogue.ts'
import { CatalogueEntry, type EntrySurroundings, type Look } from './catalogue-entry.ts'
import type { MaybeLater } from './maybe-later.ts'

/** One kind of list of all servers, as one caller sees them. */
export interface CatalogueSet {
  /** Equal for callers that see the same. */
  readonly key: string
  /** By server, in the order of the configuration; undefined: missing. */
  readonly catalogues: readonly (Catalogue | undefined)[]
  /** Why a server is missing. */
  readonly errors: readonly (GatewayError | RpcError | undefined)[]
  /** Time for which all of them stand; 0 when one is missing. */
  readonly freshForMs: number
  readonly isPublic: boolean
}

/** What the cache tells of a list that changed between two readings. */
export interface CatalogueChange {
  readonly server: number
  readonly kind: CatalogueKind
  /** Which callers see the list: their `own` or `shared` scope. */
  readonly scope: string
}

export interface CacheEvents {
  onChange(change: CatalogueChange): void
  /** Somebody asks for lists of the server. */
  onUse(server: number, origin: ViewOrigin): void
  /** Nobody has asked for any list for a while. */
  onIdle(): void
}

/** Lists of one kind and scope, by server. */
interface Shelf {
  readonly scope: string
  readonly kind: CatalogueKind
  readonly entries: (CatalogueEntry | undefined)[]
  usedAtMs: number
}

/** Somebody for whom lists are being read. */
interface Waiter {
  readonly callerKey: string
  isGone: boolean
}

/** Lists kept at once, over all servers and callers. */
const MAX_ENTRIES = 8_192
const MIN_SHELVES = 16
/** How finely the poll interval is divided. */
const TICKS_PER_POLL = 8
/** A list that nobody asked for this many poll intervals is dropped. */
const IDLE_POLLS = 2

export class CatalogCache {
  readonly #views: readonly ServerView[]
  readonly #around: EntrySurroundings
  readonly #events: CacheEvents
  /** In the order of use. */
  readonly #shelves = new Map<string, Shelf>()
  readonly #waiters = new Set<Waiter>()
  #timer: Timer | undefined

  constructor(views: readonly ServerView[], around: EntrySurroundings, events: CacheEvents) {
    this.#views = views
    this.#around = around
    this.#events = events
  }

  start(): void {
    const { clock, pollIntervalMs } = this.#around
    this.#timer ??= clock.every(pollIntervalMs / TICKS_PER_POLL, () => this.#poll())
  }

  close(): void {
    this.#timer?.cancel()
    for (const shelf of this.#shelves.values()) closeAll(shelf)
    this.#shelves.clear()
  }

  /** The lists of all servers; waits for those that are not known yet, each at most the timeout. Rejects for who is gone. */
  get(kind: CatalogueKind, origin: ViewOrigin): MaybeLater<CatalogueSet> {
    const scope = scopeOf(origin)
    const looks = this.#look(kind, origin, scope)
    const waiting = looks.map((look) => look.waiting).filter((it) => it !== undefined)
    if (waiting.length === 0) return this.#setOf(kind, scope, looks)
    const lists = this.#wait(waiting, origin).then(() => {
      const set = this.peek(kind, origin)
      const isTurnedPrivate = set.catalogues.some(
        (it, server) => it === undefined && set.errors[server] === undefined,
      )
      return isTurnedPrivate ? this.#getOnceMore(kind, origin) : set
    })
    // Who asks for two kinds at once looks at the second only when the first is there.
    lists.catch(() => undefined)
    return lists
  }

  /** What is known of them at once. Asks no server. */
  peek(kind: CatalogueKind, origin: ViewOrigin): CatalogueSet {
    const scope = scopeOf(origin)
    const looks = this.#views.map((_, server) => this.#find(kind, scope, server)?.peek())
    return this.#setOf(kind, scope, looks)
  }

  /** The server told of a change, to whomever: what is known of the list stands for nobody. */
  invalidate(server: number, kind: CatalogueKind): void {
    for (const shelf of this.#shelves.values()) {
      if (shelf.kind === kind) shelf.entries[server]?.invalidate()
    }
  }

  /** Drops what only this caller could see, and reads nothing more as it. */
  forgetCaller(callerKey: string): void {
    for (const waiter of this.#waiters) waiter.isGone ||= waiter.callerKey === callerKey
    for (const [key, shelf] of this.#shelves) {
      for (const [server, entry] of shelf.entries.entries()) {
        if (entry === undefined) continue
        entry.forgetCaller(callerKey)
        if (entry.isPublic || entry.readAs.caller.key !== callerKey) continue
        entry.close()
        shelf.entries[server] = undefined
      }
      if (shelf.entries.every((it) => it === undefined)) this.#shelves.delete(key)
    }
  }

  /** The latest that asked for a list of the server, as far as it is kept. */
  originFor(server: number): ViewOrigin | undefined {
    const origins = [...this.#shelves.values()].map(({ entries }) => entries[server]?.origin)
    return origins.findLast((it) => it !== undefined)
  }

  /** Lists kept at the moment. */
  get size(): number {
    let size = 0
    for (const { entries } of this.#shelves.values()) {
      size += entries.filter((it) => it !== undefined).length
    }
    return size
  }

  /** What was waited for as everybody's list turned out to be another caller's own. */
  async #getOnceMore(kind: CatalogueKind, origin: ViewOrigin): Promise<CatalogueSet> {
    const looks = this.#look(kind, origin, scopeOf(origin))
    const waiting = looks.map((look) => look.waiting).filter((it) => it !== undefined)
    await this.#wait(waiting, origin)
    return this.peek(kind, origin)
  }

  /** What has been begun for a caller must not go on and ask the servers for more once it is gone. */
  async #wait(waiting: readonly Promise<void>[], { caller }: ViewOrigin): Promise<void> {
    const waiter: Waiter = { callerKey: caller.key, isGone: false }
    this.#waiters.add(waiter)
    await Promise.all(waiting)
    this.#waiters.delete(waiter)
    if (waiter.isGone) throw new GatewayError('GW_SESSION_NOT_FOUND', 'the session has ended')
  }

  #look(kind: CatalogueKind, origin: ViewOrigin, scope: CallerScope): Look[] {
    const shared = this.#use(kind, scope.shared)
    const own = this.#use(kind, scope.own)
    return this.#views.map((view, server) => {
      const known = shared?.entries[server] ?? own?.entries[server]
      const entry = known ?? this.#create({ kind, origin, scope: scope.own, view, server })
      entry.origin = origin
      this.#events.onUse(server, origin)
      return entry.look()
    })
  }

  #create(asked: {
    readonly kind: CatalogueKind
    readonly origin: ViewOrigin
    readonly scope: string
    readonly view: ServerView
    readonly server: number
  }): CatalogueEntry {
    const { server, scope, view } = asked
    const entry = new CatalogueEntry(this.#around, view, asked, (it, isFirst) => {
      const readFor = this.#place(it, server)
      if (!isFirst) this.#events.onChange({ server, kind: it.kind, scope: readFor })
    })
    this.#shelf(asked.kind, scope).entries[server] = entry
    return entry
  }

  #find(kind: CatalogueKind, scope: CallerScope, server: number): CatalogueEntry | undefined {
    const shared = this.#shelves.get(shelfKey(kind, scope.shared))
    const own = this.#shelves.get(shelfKey(kind, scope.own))
    return shared?.entries[server] ?? own?.entries[server]
  }

  /** Puts an entry where the list that it has just read belongs; returns the scope. */
  #place(entry: CatalogueEntry, server: number): string {
    const { shared, own } = scopeOf(entry.readAs)
    // Somebody else may have asked meanwhile, but it must never be read as one caller and shown to another.
    if (!entry.isPublic) entry.origin = entry.readAs
    const [to, from] = entry.isPublic ? [shared, own] : [own, shared]
    const left = this.#shelves.get(shelfKey(entry.kind, from))
    if (left?.entries[server] === entry) left.entries[server] = undefined
    const target = this.#shelf(entry.kind, to)
    const there = target.entries[server]
    const { catalogue } = entry.peek()
    // Two callers that asked at once, before anybody knew that the list is public.
    if (there !== undefined && there !== entry && catalogue !== undefined) there.adopt(catalogue)
    else target.entries[server] = entry
    return to
  }

  #use(kind: CatalogueKind, scope: string): Shelf | undefined {
    const key = shelfKey(kind, scope)
    const shelf = this.#shelves.get(key)
    if (shelf === undefined) return undefined
    shelf.usedAtMs = this.#around.clock.monotonicMs()
    this.#shelves.delete(key)
    this.#shelves.set(key, shelf)
    return shelf
  }

  #shelf(kind: CatalogueKind, scope: string): Shelf {
    const known = this.#use(kind, scope)
    if (known !== undefined) return known
    const shelf = { kind, scope, entries: [], usedAtMs: this.#around.clock.monotonicMs() }
    this.#shelves.set(shelfKey(kind, scope), shelf)
    const most = Math.max(MIN_SHELVES, Math.floor(MAX_ENTRIES / this.#views.length))
    for (const [key, oldest] of this.#shelves) {
      if (this.#shelves.size <= most) break
      closeAll(oldest)
      this.#shelves.delete(key)
    }
    return shelf
  }

  #setOf(
    kind: CatalogueKind,
    scope: CallerScope,
    looks: readonly (Look | undefined)[],
  ): CatalogueSet {
    const isPublic = looks.every((look) => look?.catalogue?.isPublic !== false)
    const isWhole = looks.every((look) => look?.catalogue !== undefined)
    const freshForMs = Math.min(...looks.map((look) => look?.freshForMs ?? 0))
    return {
      key: shelfKey(kind, isPublic && isWhole ? scope.shared : scope.own),
      catalogues: looks.map((look) => look?.catalogue),
      errors: looks.map((look) => look?.error),
      freshForMs,
      isPublic,
    }
  }

  #poll(): void {
    const { clock, pollIntervalMs } = this.#around
    const idleSinceMs = clock.monotonicMs() - pollIntervalMs * IDLE_POLLS
    for (const [key, shelf] of this.#shelves) {
      if (shelf.usedAtMs < idleSinceMs) {
        closeAll(shelf)
        this.#shelves.delete(key)
        continue
      }
      for (const entry of shelf.entries) entry?.poll()
    }
    if (this.#shelves.size === 0) this.#events.onIdle()
  }
}

function shelfKey(kind: CatalogueKind, scope: string): string {
  return `${kind}\n${scope}`
}

function closeAll({ entries }: Shelf): void {
  for (const entry of entries) entry?.close()
}
