// Options of routing: which path leads to which server, and what replicas a server has.
import { type DocumentOf, duration, list, section, text, toMs } from '../core/fields.ts'
import type { EndpointOptions } from '../upstream/options.ts'
import {
  endpointKind,
  type httpServerShape,
  type stdioServerShape,
  toHttpEndpoints,
  toStdioEndpoints,
} from '../upstream/options-schema.ts'

export interface HealthCheckOptions {
  /** Time between two looks at an endpoint. */
  readonly intervalMs: number
  readonly timeoutMs: number
}

export interface ServerOptions {
  readonly name: string
  /** At least one. */
  readonly endpoints: readonly EndpointOptions[]
  readonly healthCheck: HealthCheckOptions
}

export interface RouteOptions {
  /** Exact path, starting with one slash. */
  readonly path: string
  /** Names of the servers behind it, in the order in which their offers are listed. At least one, each once. */
  readonly servers: readonly string[]
}

const healthCheckSchema = section({
  interval: duration({ min: '100ms', max: '1h' })
    .default('30s')
    .describe('Time between two looks at an endpoint.'),
  timeout: duration({ min: '100ms', max: '5m' })
    .default('5s')
    .describe('Time for one look; an endpoint that does not answer in it counts as unhealthy.'),
})

/** Keys of a server of either kind. */
export const serverShape = {
  health_check: healthCheckSchema
    .prefault({})
    .describe('How the gateway finds out whether an endpoint is there; `GET /health` shows it.'),
}

/** A server is of the kind of the first endpoint that says so. */
export function serverKind(server: unknown): 'http' | 'stdio' {
  const endpoints = (server as { endpoints?: unknown } | null)?.endpoints
  if (!Array.isArray(endpoints)) return 'http'
  const kinds = endpoints.map(endpointKind)
  return kinds.find((kind) => kind !== undefined) ?? 'http'
}

export const serverNameField = text({
  expected: 'a name of a-z, 0-9, "-" and "_" that starts with a letter or digit',
  mend: 'rename the server',
  pattern: /^[a-z0-9][a-z0-9_-]{0,62}$/,
  shown: 'as-is',
})

/** Paths that the gateway answers itself. */
const OWN_PATHS: ReadonlySet<string> = new Set(['/health', '/healthz', '/readyz'])

/**
 * Path characters of RFC 3986 §3.3, without empty segments. Dots and slashes must not come percent-encoded: some servers
 * behind the gateway would decode them and see another path than the one that was routed.
 */
const SEGMENT = /(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%(?!2[eEfF])[0-9A-Fa-f]{2})+/.source
const ROUTE_PATTERN = new RegExp(`^/(?:${SEGMENT}(?:/${SEGMENT})*/?)?$`)

/** Servers behind one route; every list that a client asks for is made of as many. */
const MAX_SERVERS = 64

/** Keys of a route. */
export const routeShape = {
  path: text({
    expected: 'a path that starts with one "/", such as /mcp',
    mend: 'leave out "//", "." and ".." segments, the query, and the gateway’s own /health, /healthz and /readyz',
    pattern: ROUTE_PATTERN,
    check: (path) => !OWN_PATHS.has(path) && !/\/\.{1,2}(?:\/|$)/.test(path),
    shown: 'as-is',
  }).describe(
    'Path on every listener, compared exactly and case-sensitively. A request for a path without route is answered with GW_NO_ROUTE (404).',
  ),
  servers: list(serverNameField, {
    expected: 'a list with at least one server',
    mend: 'write names of servers, like [weather, files]',
    min: 1,
    max: MAX_SERVERS,
  }).describe(
    'Names of the servers that the path leads to. One: clients see it as it is. Several: clients see one server that offers what all of them offer, in this order.',
  ),
}

export type RoutingServerDocument = (
  | DocumentOf<typeof httpServerShape>
  | DocumentOf<typeof stdioServerShape>
) &
  DocumentOf<typeof serverShape>

export function toServerOptions(
  name: string,
  server: RoutingServerDocument,
  resolvePath: (written: string) => string,
): ServerOptions {
  const { interval, timeout } = server.health_check
  return {
    name,
    endpoints:
      'stdio' in server
        ? toStdioEndpoints(server, resolvePath)
        : toHttpEndpoints(server, resolvePath),
    healthCheck: { intervalMs: toMs(interval), timeoutMs: toMs(timeout) },
  }
}

export function toRouteOptions({ path, servers }: DocumentOf<typeof routeShape>): RouteOptions {
  return { path, servers }
}
