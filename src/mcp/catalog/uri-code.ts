// URIs that name their server: for resources whose own URI would lead to another server's. Reversible by themselves.
import { isObject, type JsonObject } from '../../wire/index.ts'

/** A resource by its server and its URI there. */
export interface OwnUri {
  readonly server: string
  readonly uri: string
}

/**
 * `sallyport://server/` and the server's own URI behind it, as it is: encoding it would change what a URI template expands
 * to, and a URI may have any other in its path. Hosts of MCP apps take `ui:` alone, so such a URI stays one.
 */
const SCHEME = 'sallyport://'
const UI_SCHEME = 'ui:'
const UI_PREFIX = 'ui://sallyport/'

/** Where a tool names the resource that shows its results. */
const UI_META_KEYS = ['ui/resourceUri', 'openai/outputTemplate'] as const

export class UriCode {
  readonly #servers: ReadonlySet<string>

  constructor(servers: readonly string[]) {
    this.#servers = new Set(servers)
  }

  wrap({ server, uri }: OwnUri): string {
    return `${uri.startsWith(UI_SCHEME) ? UI_PREFIX : SCHEME}${server}/${uri}`
  }

  /** Undefined for what was not wrapped for one of the servers. */
  unwrap(wrapped: string): OwnUri | undefined {
    const isUi = wrapped.startsWith(UI_PREFIX)
    if (!isUi && !wrapped.startsWith(SCHEME)) return undefined
    const start = isUi ? UI_PREFIX.length : SCHEME.length
    const end = wrapped.indexOf('/', start)
    const server = wrapped.slice(start, end)
    if (end < 0 || !this.#servers.has(server)) return undefined
    const uri = wrapped.slice(end + 1)
    return uri.startsWith(UI_SCHEME) === isUi ? { server, uri } : undefined
  }
}

/** Gives the URI that clients see. */
export type ExposeUri = (own: string) => string

/** The URIs of apps that a tool names. */
export function uiUrisOf(tool: JsonObject): string[] {
  const meta = tool['_meta']
  if (!isObject(meta)) return []
  const nested = isObject(meta['ui']) ? meta['ui']['resourceUri'] : undefined
  const uris = [nested, ...UI_META_KEYS.map((key) => meta[key])]
  return uris.filter((uri) => typeof uri === 'string')
}

/** The tool with the URIs of its app exposed; the same object when none changes. */
export function withExposedUi(tool: JsonObject, expose: ExposeUri): JsonObject {
  if (uiUrisOf(tool).every((uri) => expose(uri) === uri)) return tool
  const meta: Record<string, unknown> = { ...(tool['_meta'] as JsonObject) }
  for (const key of UI_META_KEYS) {
    const uri = meta[key]
    if (typeof uri === 'string') meta[key] = expose(uri)
  }
  const { ui } = meta
  if (isObject(ui) && typeof ui['resourceUri'] === 'string') {
    meta['ui'] = { ...ui, resourceUri: expose(ui['resourceUri']) }
  }
  return { ...tool, _meta: meta }
}
