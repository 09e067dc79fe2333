// Options of servers to pools of endpoints: the one place that knows which transport an endpoint needs, and which endpoints
// share TLS.
import { basename } from 'node:path'
import type { Clock } from '../core/index.ts'
import type { Log, Metrics } from '../observability/index.ts'
import { EndpointPool, type PoolMember, type ServerOptions } from '../routing/index.ts'
import {
  type ClientTls,
  type ClientTlsOptions,
  createClientTls,
  DEFAULT_CLIENT_TLS,
  type Expiring,
} from '../tls/index.ts'
import {
  createStdioUpstream,
  createHttpUpstream,
  type EndpointOptions,
  type HttpEndpointOptions,
} from '../upstream/index.ts'

export interface PoolBuildContext {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  /** The few variables of the gateway's own environment that every child gets. */
  readonly baseEnv: Readonly<Record<string, string>>
  /** Certificates of endpoints as handshakes show them; each once until it changes. */
  readonly onPeerCertificate?: (certificate: Expiring) => void
}

/** @throws TlsMaterialError when a file of a server's `tls` cannot be used. */
export function buildPools(
  servers: readonly ServerOptions[],
  context: PoolBuildContext,
): readonly EndpointPool[] {
  return servers.map(({ name, endpoints, healthCheck }) => {
    const tlsOf = sharedTls(name, context)
    const members = endpoints.map((endpoint) =>
      buildMember(endpoint, { ...context, server: name, tlsOf }),
    )
    return new EndpointPool(members, { ...context, server: name, healthCheck })
  })
}

type TlsOf = (endpoint: HttpEndpointOptions) => ClientTls

/** Endpoints with the same options have one TLS between them: its files are read, watched and reported once. */
function sharedTls(server: string, context: PoolBuildContext): TlsOf {
  const { clock, onPeerCertificate } = context
  const log = context.log.with({ server })
  const made = new Map<ClientTlsOptions, ClientTls>()
  return (endpoint) => {
    const options = endpoint.tls ?? DEFAULT_CLIENT_TLS
    const known = made.get(options)
    if (known !== undefined) return known
    const source = sourceName(server)
    const name = made.size === 0 ? source : `${source}, ${endpointName(endpoint)}`
    const tls = createClientTls(options, {
      name,
      clock,
      log,
      ...(onPeerCertificate && { onPeerCertificate }),
    })
    made.set(options, tls)
    return tls
  }
}

/** How logs, metrics and warnings call what has TLS of its own: `server weather`, `plugin Redact`, whose pool is called so. */
export function sourceName(pool: string): string {
  return pool.startsWith('plugin ') ? pool : `server ${pool}`
}

interface MemberContext extends PoolBuildContext {
  readonly server: string
  readonly tlsOf: TlsOf
}

function buildMember(endpoint: EndpointOptions, context: MemberContext): PoolMember {
  const name = endpointName(endpoint)
  if (endpoint.kind === 'stdio') {
    return { name, upstream: createStdioUpstream(endpoint, { ...context, name }) }
  }
  const { clock, log, server } = context
  const isTls = endpoint.url.startsWith('https:')
  const upstream = createHttpUpstream(endpoint, {
    name,
    server,
    clock,
    log,
    ...(isTls && { tls: context.tlsOf(endpoint) }),
  })
  return { name, upstream }
}

/** For logs and metrics: without a query, which may carry a secret, and without arguments, which may too. */
function endpointName(endpoint: EndpointOptions): string {
  if (endpoint.kind === 'stdio') return basename(endpoint.command)
  const { origin, pathname } = new URL(endpoint.url)
  return origin + pathname
}
