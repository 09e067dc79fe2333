// The socket of the admin listener: plain HTTP on loopback, with the names of loopback. What it answers is in admin.ts.
import { HostOriginCheck } from '../admission/index.ts'
import type { Clock } from '../core/index.ts'
import { createListener, PLAIN_SECURITY_HEADERS, type Listener } from '../listener/index.ts'
import type { ListenerOptions } from '../listener/options.ts'
import type { Log, Metrics } from '../observability/index.ts'
import { answerAdmin } from './admin.ts'
import type { HealthSource } from './health.ts'
import type { AdminOptions } from './options.ts'
import type { Reporter } from './report.ts'

export interface AdminListenerContext {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  readonly limits: ListenerOptions['limits']
  readonly health: HealthSource
  readonly reporter: Reporter
}

export function createAdminListener(
  admin: AdminOptions,
  { log, metrics, clock, limits, health, reporter }: AdminListenerContext,
): Listener {
  const hostOrigin = new HostOriginCheck({
    allowedHosts: [],
    allowedOrigins: [],
    boundHost: admin.host,
    certificateHosts: [],
  })
  const options = { ...admin, tls: undefined, http2: false, limits }
  return createListener(
    { ...options, securityHeaders: PLAIN_SECURITY_HEADERS },
    {
      log: log.with({ listener: admin.name }),
      metrics,
      clock,
      onExchange: (exchange) => answerAdmin(exchange, { hostOrigin, health, metrics, reporter }),
      onRefusal: (error, remote, id) => reporter.onSocketRefusal(error, remote, id),
    },
  )
}
