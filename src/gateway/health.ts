// What load balancers and people ask a gateway about itself: alive, ready, and which endpoints are reachable.
import type { Exchange } from '../core/index.ts'
import type { Pool } from '../routing/index.ts'
import type { ReadinessWarning } from './tls-watch.ts'

/** Paths that no route may have. */
export const HEALTH_PATHS = ['/health', '/healthz', '/readyz'] as const

/** Whether the gateway takes new calls. */
export type Readiness = 'starting' | 'ready' | 'draining'

export interface HealthSource {
  readonly readiness: () => Readiness
  readonly pools: readonly Pool[]
  /** What is to be mended although calls are taken. */
  readonly warnings: () => readonly ReadinessWarning[]
}

interface Backend {
  readonly name: string
  readonly healthy: boolean
  /** RFC 3339, or null before the first look. */
  readonly lastCheck: string | null
}

const SERVICE = 'sallyport'

/** Answers an exchange on one of HEALTH_PATHS. */
export function answerHealth(exchange: Exchange, source: HealthSource): void {
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD') {
    send(exchange, 405, { error: 'expected GET or HEAD' }, ['allow', 'GET, HEAD'])
    return
  }
  const readiness = source.readiness()
  if (exchange.path === '/healthz') {
    send(exchange, 200, { status: 'ok' })
    return
  }
  const status = readiness === 'ready' ? 200 : 503
  if (exchange.path === '/readyz') {
    const warnings = source.warnings()
    send(exchange, status, { status: readiness, ...(warnings.length > 0 && { warnings }) })
    return
  }
  const backends = source.pools.flatMap(backendsOf)
  const isDegraded = backends.some(({ healthy }) => !healthy)
  const word = readiness === 'ready' ? (isDegraded ? 'degraded' : 'ok') : readiness
  send(exchange, status, { status: word, service: SERVICE, backends })
}

/** Named by server and place: addresses of endpoints are not for everyone who can reach the listener. */
function backendsOf(pool: Pool): readonly Backend[] {
  const endpoints = pool.endpoints()
  return endpoints.map(({ healthy, lastCheckMs }, place) => ({
    name: endpoints.length === 1 ? pool.server : `${pool.server}/${place + 1}`,
    healthy,
    lastCheck: lastCheckMs === undefined ? null : new Date(lastCheckMs).toISOString(),
  }))
}

function send(
  exchange: Exchange,
  status: number,
  content: unknown,
  extra: readonly string[] = [],
): void {
  const body = Buffer.from(`${JSON.stringify(content)}\n`)
  const headers = ['content-type', 'application/json', 'content-length', String(body.length)]
  exchange.answer.start(status, [...headers, 'cache-control', 'no-store', ...extra])
  exchange.answer.end(exchange.method === 'HEAD' ? undefined : body)
}
