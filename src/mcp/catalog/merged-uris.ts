// Resources of a view by URI: what each is called for clients, and which server's resource a URI means.
import type { ViewOrigin } from '../view/server-view.ts'
import type { CatalogCache, CatalogueSet } from './catalog-cache.ts'
import { whenThere, type MaybeLater } from './maybe-later.ts'
import { Memo } from './memo.ts'
import { UriCode, type ExposeUri, type OwnUri } from './uri-code.ts'
import { UriMemory } from './uri-memory.ts'
import { UriRoutes } from './uri-routes.ts'

/** What a client's URI stands for. */
export interface FoundUri {
  /** Place of the server in the configuration. */
  readonly server: number
  /** The server's own URI of it. */
  readonly uri: string
}

/** What a URI leads to; where no list knows it, the servers that may be asked, in order. */
export type UriLookup = FoundUri | { readonly askable: readonly number[] }

export class MergedUris {
  readonly #servers: readonly string[]
  readonly #cache: CatalogCache
  readonly #code: UriCode
  readonly #memory: UriMemory
  readonly #places: ReadonlyMap<string, number>
  readonly #routes = new Memo<UriRoutes>()

  constructor(servers: readonly string[], cache: CatalogCache) {
    this.#servers = servers
    this.#cache = cache
    this.#code = new UriCode(servers)
    this.#memory = new UriMemory(this.#code)
    this.#places = new Map(servers.map((server, place) => [server, place]))
  }

  find(uri: string, origin: ViewOrigin): MaybeLater<UriLookup> {
    return this.#whenListed(uri, origin, (routes, askable) => {
      const found = routes.find(uri) ?? this.#remembered(uri, origin)
      return this.#placed(found) ?? { askable }
    })
  }

  /** Of a completion: a template, or a resource as such. */
  findTemplate(template: string, origin: ViewOrigin): MaybeLater<UriLookup> {
    return this.#whenListed(template, origin, (routes, askable) => {
      return this.#placed(routes.findTemplate(template)) ?? { askable }
    })
  }

  routesFor(origin: ViewOrigin): MaybeLater<UriRoutes> {
    const resources = this.#cache.get('resources', origin)
    const templates = this.#cache.get('templates', origin)
    return whenThere(resources, (listed) =>
      whenThere(templates, (patterns) => this.routesOf(listed, patterns)),
    )
  }

  routesOf(resources: CatalogueSet, templates: CatalogueSet): UriRoutes {
    const items = [...resources.catalogues, ...templates.catalogues].map((it) => it?.items)
    // A scope's resources may be everybody's and its templates one caller's own.
    return this.#routes.get(`${resources.key}\n${templates.key}`, items, () => {
      const sources = this.#servers.map((server, place) => ({
        server,
        uris: keysOf(resources, place, 'uri'),
        templates: keysOf(templates, place, 'uriTemplate'),
      }))
      return new UriRoutes(this.#code, sources)
    })
  }

  /** For what a server's results mention. Asks no server for its lists. */
  exposeFor(server: number, origin: ViewOrigin): ExposeUri {
    const name = this.#servers[server] as string
    let routes: UriRoutes | undefined
    return (uri) => {
      routes ??= this.routesOf(
        this.#cache.peek('resources', origin),
        this.#cache.peek('templates', origin),
      )
      return this.#memory.expose({ server: name, uri }, routes, origin.caller.key)
    }
  }

  #whenListed(
    uri: string,
    origin: ViewOrigin,
    decide: (routes: UriRoutes, askable: readonly number[]) => UriLookup,
  ): MaybeLater<UriLookup> {
    const wrapped = this.#placed(this.#code.unwrap(uri))
    if (wrapped !== undefined) return wrapped
    return whenThere(this.routesFor(origin), (routes) => decide(routes, this.#askable(origin)))
  }

  /** Servers that have resources, or may have. */
  #askable(origin: ViewOrigin): number[] {
    const sets = [this.#cache.peek('resources', origin), this.#cache.peek('templates', origin)]
    return this.#servers
      .map((_, server) => server)
      .filter((server) => sets.some(({ catalogues }) => catalogues[server]?.isSupported !== false))
  }

  #remembered(uri: string, origin: ViewOrigin): OwnUri | undefined {
    const server = this.#memory.serverOf(uri, origin.caller.key)
    return server === undefined ? undefined : { server, uri }
  }

  #placed(own: OwnUri | undefined): FoundUri | undefined {
    const server = own && this.#places.get(own.server)
    return own === undefined || server === undefined ? undefined : { server, uri: own.uri }
  }
}

function keysOf(
  { catalogues }: CatalogueSet,
  server: number,
  key: 'uri' | 'uriTemplate',
): string[] {
  return catalogues[server]?.items.map((it) => it[key] as string) ?? []
}
