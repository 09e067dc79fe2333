// Options of servers to pools of endpoints: the one place that knows which transport an endpoint needs.
import { basename } from 'node:path'
import type { Clock } from '../core/index.ts'
import type { Log, Metrics } from '../observability/index.ts'
import { EndpointPool, type PoolMember, type ServerOptions } from '../routing/index.ts'
import {
  createStdioUpstream,
  createStreamableHttpUpstream,
  type EndpointOptions,
} from '../upstream/index.ts'

export interface PoolBuildContext {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  /** The few variables of the gateway's own environment that every child gets. */
  readonly baseEnv: Readonly<Record<string, string>>
}

export function buildPools(
  servers: readonly ServerOptions[],
  context: PoolBuildContext,
): readonly EndpointPool[] {
  return servers.map(({ name, endpoints, healthCheck }) => {
    const members = endpoints.map((endpoint) => buildMember(endpoint, name, context))
    return new EndpointPool(members, { ...context, server: name, healthCheck })
  })
}

function buildMember(
  endpoint: EndpointOptions,
  server: string,
  context: PoolBuildContext,
): PoolMember {
  const name = endpointName(endpoint)
  if (endpoint.kind === 'http') return { name, upstream: createStreamableHttpUpstream(endpoint) }
  return { name, upstream: createStdioUpstream(endpoint, { ...context, name, server }) }
}

/** For logs and metrics: without a query, which may carry a secret, and without arguments, which may too. */
function endpointName(endpoint: EndpointOptions): string {
  if (endpoint.kind === 'stdio') return basename(endpoint.command)
  const { origin, pathname } = new URL(endpoint.url)
  return origin + pathname
}
