// What is counted and logged about an exchange once it is over. Labels come from the config and from tables, never from
// the client, or anyone could fill the memory with them.
import type { Exchange, GatewayError } from '../core/index.ts'
import type { CallReport } from '../mcp/index.ts'
import type { Log, LogFields, LogOptions, Metrics } from '../observability/index.ts'
import { peerLabel } from '../tls/index.ts'

const NO_ROUTE = 'none'
/** No route can have this name either: paths start with a slash. */
const REDIRECT = 'redirect'
const MS_PER_SECOND = 1_000
/** A client's method name is logged no longer than this. */
const MAX_METHOD_CHARS = 64

export interface Reporter {
  onCall(report: CallReport): void
  onRefusal(exchange: Exchange, error: GatewayError): void
  /** Answered by a listener that only redirects. */
  onRedirect(exchange: Exchange): void
  /** Refused by the listener, before there was an exchange. */
  onSocketRefusal(error: GatewayError, remoteAddress: string | undefined, requestId: string): void
}

export function createReporter(log: Log, metrics: Metrics, options: LogOptions): Reporter {
  const hasAccessLog = options.access && log.isEnabled('info')

  const logFailure = (error: GatewayError, fields: LogFields): void => {
    log[error.row.level]({ ...fields, code: error.code, error }, 'request failed')
  }

  return {
    onCall(report) {
      const { exchange, route, error, durationMs, outcome } = report
      const { status } = exchange.answer
      metrics.exchanges.inc(route.path, status)
      metrics.exchangeSeconds.observe(route.path, durationMs / MS_PER_SECOND)
      metrics.upstreamCalls.inc(route.servers, outcome)
      if (error !== undefined) metrics.refusals.inc({ code: error.code })
      if (!hasAccessLog && error === undefined) return
      const fields = { ...describe(exchange), ...describeCall(report) }
      if (error !== undefined) logFailure(error, fields)
      if (hasAccessLog) log.info(fields, 'exchange')
    },
    onRefusal(exchange, error) {
      metrics.exchanges.inc(NO_ROUTE, exchange.answer.status)
      metrics.refusals.inc({ code: error.code })
      logFailure(error, describe(exchange))
    },
    onRedirect(exchange) {
      metrics.exchanges.inc(REDIRECT, exchange.answer.status)
      if (hasAccessLog) log.info(describe(exchange), 'exchange')
    },
    onSocketRefusal(error, remoteAddress, requestId) {
      metrics.refusals.inc({ code: error.code })
      logFailure(error, {
        exchange: requestId,
        ...(remoteAddress !== undefined && { remote: remoteAddress }),
      })
    },
  }
}

function describe(exchange: Exchange): LogFields {
  return {
    exchange: exchange.id,
    listener: exchange.listener.name,
    remote: exchange.remoteAddress,
    ...(exchange.peer && { peer: peerLabel(exchange.peer) }),
    method: exchange.method,
    path: exchange.path,
    status: exchange.answer.status,
  }
}

function describeCall({ route, inbound, durationMs }: CallReport): LogFields {
  return {
    route: route.path,
    server: route.servers,
    durationMs: Math.round(durationMs * MS_PER_SECOND) / MS_PER_SECOND,
    ...(inbound !== undefined && { era: inbound.era }),
    ...(inbound?.method !== undefined && { rpcMethod: inbound.method.slice(0, MAX_METHOD_CHARS) }),
  }
}
