// The admin listener's few paths: health, readiness, metrics. Loopback only; nothing here changes anything.
import type { HostOriginCheck } from '../admission/index.ts'
import { GatewayError, toGatewayError, type Exchange } from '../core/index.ts'
import { answerError } from '../mcp/index.ts'
import type { Metrics } from '../observability/index.ts'
import { answerHealth, HEALTH_PATHS, type HealthSource } from './health.ts'
import type { Reporter } from './report.ts'

export interface AdminParts {
  readonly hostOrigin: HostOriginCheck
  readonly health: HealthSource
  readonly metrics: Metrics
  readonly reporter: Reporter
}

const healthPaths: ReadonlySet<string> = new Set(HEALTH_PATHS)

export function answerAdmin(exchange: Exchange, parts: AdminParts): void {
  const refuse = (error: GatewayError): void => {
    answerError(exchange, error)
    parts.reporter.onRefusal(exchange, error)
  }
  const refusal = parts.hostOrigin.refuse(exchange)
  if (refusal !== undefined) return refuse(refusal)
  if (healthPaths.has(exchange.path)) return answerHealth(exchange, parts.health)
  if (exchange.path !== '/metrics') {
    return refuse(
      new GatewayError('GW_NO_ROUTE', 'expected /metrics, /health, /healthz or /readyz'),
    )
  }
  void answerMetrics(exchange, parts.metrics).catch((thrown: unknown) =>
    refuse(toGatewayError(thrown)),
  )
}

async function answerMetrics(exchange: Exchange, { registry }: Metrics): Promise<void> {
  const body = Buffer.from(await registry.metrics())
  const { contentType } = registry
  exchange.answer.start(200, ['content-type', contentType, 'content-length', String(body.length)])
  exchange.answer.end(body)
}
