// Read this first: the steps of a request, in order. A step either answers the exchange or hands it on.
import { GatewayError, type Exchange } from '../core/index.ts'
import type { HostOriginCheck } from '../admission/index.ts'
import { answerError, type Channels, type McpEndpoint, type McpRoute } from '../mcp/index.ts'
import type { Router } from '../routing/index.ts'
import { answerHealth, HEALTH_PATHS, type HealthSource } from './health.ts'

export interface PipelineParts {
  readonly hostOrigin: HostOriginCheck
  readonly health: HealthSource
  readonly router: Router<McpRoute>
  readonly mcp: McpEndpoint
  readonly channels: Pick<Channels<McpRoute>, 'take'>
  /** Told of every exchange that no route took, once it is answered. */
  readonly onRefusal: (exchange: Exchange, error: GatewayError) => void
}

const healthPaths: ReadonlySet<string> = new Set(HEALTH_PATHS)

/** Builds what a listener calls with each exchange. */
export function createPipeline(parts: PipelineParts): (exchange: Exchange) => void {
  const refuse = (exchange: Exchange, error: GatewayError): void => {
    answerError(exchange, error)
    parts.onRefusal(exchange, error)
  }

  return (exchange) => {
    // 1 The listener has framed the request: its target, headers and budgets are in order.

    // Probes of load balancers come by address, not by name; what they get tells nothing about the servers.
    if (exchange.path === '/healthz' || exchange.path === '/readyz') {
      answerHealth(exchange, parts.health)
      return
    }

    // 2 Admission: is the exchange meant for us, and may its page call us?
    const refusal = parts.hostOrigin.refuse(exchange)
    if (refusal !== undefined) {
      refuse(exchange, refusal)
      return
    }
    if (healthPaths.has(exchange.path)) {
      answerHealth(exchange, parts.health)
      return
    }

    // 3 The message, 4 the endpoint, 5 its transport: the MCP endpoint drives them, for the answer comes back to it. What
    // opens or belongs to a channel comes there as one exchange per message.
    const route = parts.router.find(exchange.path)
    if (route === undefined) {
      refuse(exchange, new GatewayError('GW_NO_ROUTE', 'no route has this path'))
      return
    }
    if (!parts.channels.take(exchange, route)) parts.mcp.handle(exchange, route)
  }
}
