// The one place where a failure becomes an answer on an MCP endpoint.
import {
  renderErrorBody,
  renderErrorJson,
  type Exchange,
  type GatewayError,
} from '../core/index.ts'
import type { RpcId } from '../wire/index.ts'

/** Answers an exchange that has not been answered yet. `rpcId` is used unless the error knows its own. */
export function answerError(exchange: Exchange, error: GatewayError, rpcId?: RpcId): void {
  const { answer } = exchange
  const body = renderErrorBody(error, { requestId: exchange.id, rpcId: error.rpcId ?? rpcId })
  const headers = ['content-type', 'application/json', 'content-length', String(body.length)]
  if (error.retryAfterSeconds !== undefined) {
    headers.push('retry-after', String(Math.ceil(error.retryAfterSeconds)))
  }
  if (error.row.status === 405) headers.push('allow', 'GET, POST, DELETE')
  answer.start(error.row.status, headers)
  answer.end(body)
}

/** The error as the JSON of one message, for an event stream that has begun. */
export function errorJson(error: GatewayError, requestId: string, rpcId: RpcId): string {
  return renderErrorJson(error, { requestId, rpcId })
}
