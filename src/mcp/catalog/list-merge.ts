// Merged lists, page by page. A list is put together once per change of what it is made from; its pages, and their JSON
// text, are the same objects for everybody who may see them.
import type { ViewOrigin } from '../view/server-view.ts'
import type { JsonObject } from '../../wire/index.ts'
import type { CatalogCache, CatalogueSet } from './catalog-cache.ts'
import { CATALOGUES, type CatalogueKind } from './catalogue.ts'
import type { ListPosition } from './cursor.ts'
import { whenThere, type MaybeLater } from './maybe-later.ts'
import { Memo } from './memo.ts'
import type { MergedNames } from './merged-names.ts'
import type { MergedUris } from './merged-uris.ts'
import { shareText } from './serialised.ts'
import { withExposedUi } from './uri-code.ts'
import type { UriRoutes } from './uri-routes.ts'

export type ListKind = Exclude<CatalogueKind, 'discover'>

export interface ListPage {
  readonly items: readonly JsonObject[]
  /** Where the next page begins; undefined: this was the last. */
  readonly next: ListPosition | undefined
}

/** One server's part of a merged list: items as clients see them, with the keys that the server knows them by. */
interface ServerPart {
  readonly server: string
  readonly keys: readonly string[]
  readonly items: readonly JsonObject[]
}

export interface MergedListsOptions {
  readonly servers: readonly string[]
  readonly pageSize: number
  readonly cache: CatalogCache
  readonly names: MergedNames
  readonly uris: MergedUris
}

/** Pages kept per list; where clients read in another way than the usual, further ones are made per request. */
const MAX_PAGES_KEPT = 256

export class MergedList {
  readonly #parts: readonly ServerPart[]
  readonly #pageSize: number
  readonly #pages = new Map<string, ListPage>()

  constructor(parts: readonly ServerPart[], pageSize: number) {
    this.#parts = parts
    this.#pageSize = pageSize
  }

  /** The page at a position; undefined position: the first. */
  page(position: ListPosition | undefined): ListPage {
    const key = position === undefined ? '' : JSON.stringify(position)
    const known = this.#pages.get(key)
    if (known !== undefined) return known
    const page = this.#cut(position ?? { done: [], partial: undefined })
    if (this.#pages.size < MAX_PAGES_KEPT) this.#pages.set(key, page)
    return page
  }

  /**
   * First the rest of the server that was given in part, then the servers that were not given yet, in order: also one
   * that stands before it and was missing until now.
   */
  #cut({ done, partial }: ListPosition): ListPage {
    const given = new Set(done)
    const items: JsonObject[] = []
    const ahead = this.#parts.filter(({ server }) => !given.has(server))
    const rest = ahead.toSorted(
      (a, b) => Number(b.server === partial?.server) - Number(a.server === partial?.server),
    )
    // Servers that are missing now are not done: they may be back for a later page.
    for (const [place, part] of rest.entries()) {
      const from = part.server === partial?.server ? startAfter(part, partial) : 0
      const taken = part.items.slice(from, from + this.#pageSize - items.length)
      items.push(...taken)
      const upTo = from + taken.length
      if (upTo < part.items.length) {
        const lastKey = part.keys[upTo - 1] ?? ''
        const next = { server: part.server, lastKey, count: upTo }
        return { items: shareText(items), next: { done: [...given], partial: next } }
      }
      given.add(part.server)
      const hasMore = rest.slice(place + 1).some((it) => it.items.length > 0)
      if (items.length === this.#pageSize && hasMore) {
        return { items: shareText(items), next: { done: [...given], partial: undefined } }
      }
    }
    return { items: shareText(items), next: undefined }
  }
}

function startAfter(
  { keys }: ServerPart,
  { lastKey, count }: NonNullable<ListPosition['partial']>,
): number {
  const place = keys.indexOf(lastKey)
  return place < 0 ? Math.min(count, keys.length) : place + 1
}

export class MergedLists {
  readonly #options: MergedListsOptions
  readonly #lists = new Map<ListKind, Memo<MergedList>>()

  constructor(options: MergedListsOptions) {
    this.#options = options
  }

  /** The merged list of what is in the set. */
  listOf(kind: ListKind, set: CatalogueSet, origin: ViewOrigin): MaybeLater<MergedList> {
    const isSingle = this.#options.servers.length === 1
    const namesUris =
      kind === 'tools' ? set.catalogues.some((it) => it?.namesApps) : kind !== 'prompts'
    if (isSingle || !namesUris) return this.#build(kind, set, undefined)
    // What a URI is to be for clients depends on who else offers it, also where a tool names that of its app.
    const routes = this.#options.uris.routesFor(origin)
    return whenThere(routes, (it) => this.#build(kind, set, it))
  }

  #build(kind: ListKind, set: CatalogueSet, routes: UriRoutes | undefined): MergedList {
    const { servers, pageSize } = this.#options
    const madeFrom = [...set.catalogues.map((it) => it?.items), routes]
    let memo = this.#lists.get(kind)
    if (memo === undefined) this.#lists.set(kind, (memo = new Memo()))
    return memo.get(set.key, madeFrom, () => {
      const parts = servers.map((_, server) => this.#part(kind, server, { set, routes }))
      return new MergedList(
        parts.filter((it) => it !== undefined),
        pageSize,
      )
    })
  }

  #part(
    kind: ListKind,
    place: number,
    { set, routes }: { readonly set: CatalogueSet; readonly routes: UriRoutes | undefined },
  ): ServerPart | undefined {
    const catalogue = set.catalogues[place]
    if (catalogue === undefined) return undefined
    const server = this.#options.servers[place] as string
    const keys: string[] = []
    const items: JsonObject[] = []
    for (const item of catalogue.items) {
      const key = item[CATALOGUES[kind].key] as string
      const exposed = this.#expose(item, { kind, key, place, server, set, routes })
      if (exposed === undefined) continue
      keys.push(key)
      items.push(exposed)
    }
    return { server, keys, items }
  }

  #expose(item: JsonObject, at: ItemPlace): JsonObject | undefined {
    const { kind, key, place, server, set, routes } = at
    if (kind === 'tools' || kind === 'prompts') {
      const { names } = this.#options
      const local = names.localName(kind, place, key)
      const name = local === undefined ? undefined : names.tableOf(kind, set).nameOf(server, local)
      if (name === undefined) return undefined
      const named = name === key ? item : { ...item, name }
      if (routes === undefined) return named
      return withExposedUi(named, (uri) => routes.exposeListed({ server, uri }))
    }
    if (routes === undefined) return item
    const own = { server, uri: key }
    const uri = kind === 'resources' ? routes.exposeListed(own) : routes.exposeTemplate(own)
    return uri === key ? item : { ...item, [CATALOGUES[kind].key]: uri }
  }
}

interface ItemPlace {
  readonly kind: ListKind
  readonly key: string
  readonly place: number
  readonly server: string
  readonly set: CatalogueSet
  readonly routes: UriRoutes | undefined
}
