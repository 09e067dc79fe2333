// The subscriptions of a view's clients: divides each between the servers, and tells of lists that changed without their
// server having said so.
import { toGatewayError, type Clock } from '../../core/index.ts'
import type { ListChange } from '../translate/listen-filter.ts'
import type {
  ListenFilter,
  ListenRequest,
  ListenSink,
  ServerView,
  ViewCall,
} from '../view/server-view.ts'
import { scopeOf } from './caller-scope.ts'
import type { CatalogCache, CatalogueChange } from './catalog-cache.ts'
import type { CatalogueKind } from './catalogue.ts'
import { CHANGED_LISTS, MergedListen, type ServerShare } from './listen-merge.ts'
import { splitFilter } from './listen-split.ts'
import type { MergedUris } from './merged-uris.ts'

export interface ViewListensOptions {
  readonly servers: readonly string[]
  readonly clock: Clock
  readonly random: () => number
  readonly views: readonly ServerView[]
  readonly cache: CatalogCache
  readonly uris: MergedUris
  /** Time for the servers to acknowledge. */
  readonly timeoutMs: number
}

const FLAG_OF = {
  'notifications/tools/list_changed': 'toolsListChanged',
  'notifications/prompts/list_changed': 'promptsListChanged',
  'notifications/resources/list_changed': 'resourcesListChanged',
} as const satisfies Record<ListChange, keyof ListenFilter>

const CHANGE_OF: ReadonlyMap<CatalogueKind, ListChange> = new Map(
  Object.entries(CHANGED_LISTS).flatMap(([method, kinds]) =>
    kinds.map((kind) => [kind, method as ListChange]),
  ),
)

export class ViewListens {
  readonly #options: ViewListensOptions
  /** As many as the fronts let clients open. */
  readonly #listens = new Set<MergedListen>()

  constructor(options: ViewListensOptions) {
    this.#options = options
  }

  listen(request: ListenRequest, sink: ListenSink): ViewCall {
    const { clock, random, views, cache, timeoutMs } = this.#options
    const around = {
      clock,
      random,
      views,
      timeoutMs,
      onListChange: (server: number, kinds: readonly CatalogueKind[]) => {
        for (const kind of kinds) cache.invalidate(server, kind)
      },
    }
    const listen = new MergedListen(request, sink, around, (over) => this.#listens.delete(over))
    this.#listens.add(listen)
    this.#sharesOf(request)
      .then((shares) => listen.open(shares))
      .catch((thrown: unknown) => listen.fail(toGatewayError(thrown)))
    return listen
  }

  /** A list changed without the server having told: a poll found it, or the server came back. */
  onChange({ kind, scope }: CatalogueChange): void {
    const method = CHANGE_OF.get(kind)
    if (method === undefined) return
    for (const listen of this.#listens) {
      const seen = scopeOf(listen.request)
      const isWanted = listen.request.filter[FLAG_OF[method]] === true
      if (isWanted && (seen.own === scope || seen.shared === scope)) listen.tellChanged(method)
    }
  }

  end(): void {
    for (const listen of this.#listens) listen.end()
  }

  async #sharesOf(request: ListenRequest): Promise<ServerShare[]> {
    const { servers, uris } = this.#options
    if (servers.length === 1) {
      return [{ server: 0, filter: request.filter, clientUris: new Map(), words: undefined }]
    }
    const subscribed = await Promise.all(
      (request.filter.resourceSubscriptions ?? []).map(async (uri) => ({
        uri,
        found: await uris.find(uri, request),
      })),
    )
    return splitFilter(request.filter, servers, subscribed).map(({ server, ...share }) => {
      const expose = uris.exposeFor(server, request)
      return { ...share, server, words: { server: servers[server] as string, expose } }
    })
  }
}
