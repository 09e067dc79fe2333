// Renders a failure as the JSON-RPC error that every client of the gateway understands. The status, the headers and the
// sending are the caller's: listener/ before a message was read, mcp/ from there on.
import type { GatewayError } from './errors.ts'

export interface ErrorBodyContext {
  /** Id of the exchange; the log has it on every line about this failure. */
  readonly requestId: string
  /** Id of the JSON-RPC request, where it could be read. Taken from the error when absent here. */
  readonly rpcId?: string | number | undefined
}

/**
 * What the client is told. A client's own fault is described in full, since the sentence speaks only of what it sent. Any
 * other failure may carry addresses or texts of a server behind us in its message, so the client gets the table's
 * sentence and looks up the rest by request id.
 */
function clientMessage(error: GatewayError): string {
  return error.source === 'client' ? error.message : error.row.meaning
}

/** The error message as JSON text. `id` is there only when known (JSON-RPC 2.0 §5). */
export function renderErrorJson(error: GatewayError, context: ErrorBodyContext): string {
  const rpcId = context.rpcId ?? error.rpcId
  return JSON.stringify({
    jsonrpc: '2.0',
    ...(rpcId !== undefined && { id: rpcId }),
    error: {
      code: error.row.rpcCode,
      message: clientMessage(error),
      data: { ...error.data, code: error.code, requestId: context.requestId },
    },
  })
}

/** The same as the bytes of a whole body, UTF-8 without a trailing newline. */
export function renderErrorBody(error: GatewayError, context: ErrorBodyContext): Buffer {
  return Buffer.from(renderErrorJson(error, context))
}
