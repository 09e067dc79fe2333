// What a merged view answers itself: its lists, page by page, and what it says of itself.
import type { GatewayError } from '../../core/index.ts'
import type { RpcError, ViewRequest } from '../view/server-view.ts'
import type { JsonObject } from '../../wire/index.ts'
import {
  cachePolicyOf,
  failureOfAll,
  invalidParams,
  metaOf,
  methodNotFound,
  missingIn,
} from './answers.ts'
import type { CatalogCache, CatalogueSet } from './catalog-cache.ts'
import { CATALOGUES } from './catalogue.ts'
import type { CatalogContext } from './context.ts'
import { CursorCodec, type CursorScope, type ListPosition } from './cursor.ts'
import { mergeDiscover } from './discover-merge.ts'
import { MergedLists, type ListKind, type MergedList } from './list-merge.ts'
import { whenThere, type MaybeLater } from './maybe-later.ts'
import type { MergedNames } from './merged-names.ts'
import type { MergedUris } from './merged-uris.ts'

export type OwnAnswer =
  | { readonly result: JsonObject }
  | { readonly result?: undefined; readonly error: RpcError | GatewayError }

export interface ListAnswersOptions {
  readonly servers: readonly string[]
  readonly cache: CatalogCache
  readonly names: MergedNames
  readonly uris: MergedUris
  readonly context: CatalogContext
}

const KINDS: ReadonlyMap<string, ListKind> = new Map([
  ['tools/list', 'tools'],
  ['prompts/list', 'prompts'],
  ['resources/list', 'resources'],
  ['resources/templates/list', 'templates'],
])

/** One request for a page. */
interface PageRequest {
  readonly kind: ListKind
  readonly position: ListPosition | undefined
  readonly scope: CursorScope
}

export class ListAnswers {
  readonly #options: ListAnswersOptions
  readonly #lists: MergedLists
  readonly #cursors: CursorCodec

  constructor(options: ListAnswersOptions) {
    this.#options = options
    const { context, servers, cache, names, uris } = options
    const { pageSize } = context.options
    this.#lists = new MergedLists({ servers, pageSize, cache, names, uris })
    this.#cursors = new CursorCodec(context.seal)
  }

  /** Undefined for what is not the view's own to answer. */
  answer(request: ViewRequest): MaybeLater<OwnAnswer> | undefined {
    if (request.method === 'server/discover') return this.#discover(request)
    const kind = KINDS.get(request.method)
    return kind === undefined ? undefined : this.#list(kind, request)
  }

  #discover(request: ViewRequest): MaybeLater<OwnAnswer> {
    const { cache, servers, context } = this.#options
    return whenThere(cache.get('discover', request), (set): OwnAnswer => {
      const error = failureOfAll(set)
      if (error !== undefined) return { error }
      return { result: mergeDiscover(set, servers, context.serverInfo) }
    })
  }

  #list(kind: ListKind, request: ViewRequest): MaybeLater<OwnAnswer> {
    const { name, clock } = this.#options.context
    const { cursor } = request.params
    const scope = { view: name, method: request.method, callerKey: request.caller.key }
    const position =
      cursor === undefined ? undefined : this.#cursors.read(cursor, scope, clock.nowMs())
    if (cursor !== undefined && position === undefined)
      return { error: invalidParams('Invalid cursor') }
    return whenThere(this.#options.cache.get(kind, request), (set) => {
      const error = this.#refusal(request.method, set)
      if (error !== undefined) return { error }
      return whenThere(this.#lists.listOf(kind, set, request), (list) => ({
        result: this.#page(list, set, { kind, position, scope }),
      }))
    })
  }

  #refusal(
    method: string,
    { catalogues, ...set }: CatalogueSet,
  ): RpcError | GatewayError | undefined {
    const isNowhere = catalogues.every((it) => it?.isSupported === false)
    return isNowhere ? methodNotFound(method) : failureOfAll({ catalogues, ...set })
  }

  #page(list: MergedList, set: CatalogueSet, { kind, position, scope }: PageRequest): JsonObject {
    const { servers, context } = this.#options
    const { items, next } = list.page(position)
    const policy = cachePolicyOf(set)
    const isWhole = position === undefined && next === undefined
    const serverInfo = servers.length === 1 ? set.catalogues[0]?.serverInfo : context.serverInfo
    return {
      resultType: 'complete',
      [CATALOGUES[kind].items]: items,
      ...(next && { nextCursor: this.#cursors.write(next, scope, context.clock.nowMs()) }),
      ttlMs: policy.ttlMs,
      // A cursor is good for its caller alone, and all pages of a list share one scope (MCP 2026-07-28 caching).
      cacheScope: isWhole ? policy.cacheScope : 'private',
      _meta: metaOf(serverInfo, missingIn(set, servers)),
    }
  }
}
