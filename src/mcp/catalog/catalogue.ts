// One server's list, read whole: all its pages put together. Keeping it is the cache's business.
import { GatewayError } from '../../core/index.ts'
import type { RpcError, ServerView, ViewCall, ViewOrigin } from '../view/server-view.ts'
import { isObject, META, type JsonObject } from '../../wire/index.ts'
import { uiUrisOf } from './uri-code.ts'

/** What is kept of a server: its four lists, and what it says of itself. */
export type CatalogueKind = 'tools' | 'prompts' | 'resources' | 'templates' | 'discover'

interface CatalogueSource {
  readonly method: string
  /** Member of the result that holds the items. */
  readonly items: string
  /** Member of an item that names it. */
  readonly key: string
}

export const CATALOGUES: Readonly<Record<CatalogueKind, CatalogueSource>> = {
  tools: { method: 'tools/list', items: 'tools', key: 'name' },
  prompts: { method: 'prompts/list', items: 'prompts', key: 'name' },
  resources: { method: 'resources/list', items: 'resources', key: 'uri' },
  templates: { method: 'resources/templates/list', items: 'resourceTemplates', key: 'uriTemplate' },
  discover: { method: 'server/discover', items: '', key: '' },
}

export interface Catalogue {
  /** Of a list; those without a name of their own are not in it. */
  readonly items: readonly JsonObject[]
  /** Of `server/discover`: the result; of a list: undefined. */
  readonly about: JsonObject | undefined
  /** What the server calls itself, if it says so. */
  readonly serverInfo: JsonObject | undefined
  /** False: the server does not have this list at all. */
  readonly isSupported: boolean
  /** Of tools: true when any of them names the resource of an app. */
  readonly namesApps: boolean
  readonly ttlMs: number
  readonly isPublic: boolean
}

/** Pages and items of one server's list; what is beyond is not offered. */
const MAX_PAGES = 200
const MAX_ITEMS = 10_000
const METHOD_NOT_FOUND = -32_601
/** For how long a server's lack of a list is taken for granted. */
const UNSUPPORTED_TTL_MS = 60_000

export interface CatalogueSink {
  /** `isCut`: it had more than is kept of a list. */
  onRead(catalogue: Catalogue, isCut: boolean): void
  onFailure(error: GatewayError | RpcError): void
}

/** Reads the whole list. Nothing is heard after `cancel`. */
export function readCatalogue(
  view: ServerView,
  kind: CatalogueKind,
  origin: ViewOrigin,
  sink: CatalogueSink,
): ViewCall {
  const reading = new Reading(view, kind, origin, sink)
  reading.ask(undefined)
  return reading
}

class Reading implements ViewCall {
  readonly #view: ServerView
  readonly #kind: CatalogueKind
  readonly #origin: ViewOrigin
  readonly #sink: CatalogueSink
  readonly #items = new Map<string, JsonObject>()
  #call: ViewCall | undefined
  #pages = 0
  #ttlMs = Number.MAX_SAFE_INTEGER
  #isPublic = true
  #serverInfo: JsonObject | undefined

  constructor(view: ServerView, kind: CatalogueKind, origin: ViewOrigin, sink: CatalogueSink) {
    this.#view = view
    this.#kind = kind
    this.#origin = origin
    this.#sink = sink
  }

  ask(cursor: string | undefined): void {
    const { method } = CATALOGUES[this.#kind]
    const { caller, headers } = this.#origin
    const params = cursor === undefined ? {} : { cursor }
    this.#call = this.#view.call(
      { method, params, logLevel: undefined, caller, headers },
      {
        onNotification: () => {},
        onResult: (result) => this.#onPage(result, cursor),
        onError: (error) => this.#onError(error),
        onFailure: (error) => this.#sink.onFailure(error),
      },
    )
  }

  cancel(): void {
    this.#call?.cancel()
  }

  #onPage(result: JsonObject, cursor: string | undefined): void {
    this.#pages++
    this.#ttlMs = Math.min(this.#ttlMs, ttlOf(result))
    this.#isPublic &&= result['cacheScope'] === 'public'
    const info = isObject(result['_meta']) ? result['_meta'][META.serverInfo] : undefined
    if (isObject(info)) this.#serverInfo = info
    if (this.#kind === 'discover') return this.#finish(result, false)
    const { items, key } = CATALOGUES[this.#kind]
    const page: unknown = result[items]
    if (!Array.isArray(page)) {
      const problem = `expected ${items}, an array, in the result of ${CATALOGUES[this.#kind].method}`
      return this.#sink.onFailure(new GatewayError('GW_UPSTREAM_PROTOCOL', problem))
    }
    for (const item of page as unknown[]) {
      const name = isObject(item) ? item[key] : undefined
      // Names are unique per server; of a server that breaks the rule the first stands.
      if (typeof name === 'string' && !this.#items.has(name))
        this.#items.set(name, item as JsonObject)
    }
    const { nextCursor } = result
    const hasMore = typeof nextCursor === 'string'
    // A cursor that leads to itself would be followed for ever.
    const isFull =
      this.#items.size >= MAX_ITEMS || this.#pages >= MAX_PAGES || nextCursor === cursor
    if (hasMore && !isFull) this.ask(nextCursor)
    else this.#finish(undefined, hasMore)
  }

  #finish(about: JsonObject | undefined, isCut: boolean): void {
    const items = [...this.#items.values()].slice(0, MAX_ITEMS)
    this.#sink.onRead(
      {
        items,
        about,
        serverInfo: this.#serverInfo,
        isSupported: true,
        namesApps: this.#kind === 'tools' && items.some((tool) => uiUrisOf(tool).length > 0),
        ttlMs: this.#ttlMs,
        isPublic: this.#isPublic,
      },
      isCut || this.#items.size > MAX_ITEMS,
    )
  }

  /** A server without prompts, say, need not know the method: that is no failure but an empty list. */
  #onError(error: RpcError): void {
    if (error.code !== METHOD_NOT_FOUND) return this.#sink.onFailure(error)
    this.#sink.onRead(
      {
        items: [],
        about: undefined,
        serverInfo: undefined,
        isSupported: false,
        namesApps: false,
        ttlMs: UNSUPPORTED_TTL_MS,
        isPublic: true,
      },
      false,
    )
  }
}

/** "Absent or negative: 0" (MCP 2026-07-28 caching). */
function ttlOf({ ttlMs }: JsonObject): number {
  return typeof ttlMs === 'number' && ttlMs > 0 ? ttlMs : 0
}
