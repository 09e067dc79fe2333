// Turns a refusal of the listener into an answer: through an Answer where a request was read, as raw HTTP/1.1 where the
// parser gave up before there was one. Which refusal it is, is decided elsewhere.
import { STATUS_CODES } from 'node:http'
import { GatewayError, renderErrorBody, type Answer } from '../core/index.ts'
import type { SecurityHeaders } from './security-headers.ts'

/** Answers an exchange that has not been answered yet. */
export function answerError(answer: Answer, error: GatewayError, requestId: string): void {
  const body = renderErrorBody(error, { requestId })
  answer.start(error.row.status, errorHeaders(error, body))
  answer.end(body)
}

function errorHeaders(error: GatewayError, body: Buffer): string[] {
  const headers = ['content-type', 'application/json', 'content-length', String(body.length)]
  if (error.retryAfterSeconds !== undefined) {
    headers.push('retry-after', String(Math.ceil(error.retryAfterSeconds)))
  }
  // RFC 6455 §4.4 wants to hear which version is spoken, RFC 9110 §15.5.22 what to upgrade to.
  if (error.code === 'GW_WEBSOCKET_VERSION') {
    headers.push('connection', 'upgrade', 'upgrade', 'websocket', 'sec-websocket-version', '13')
  }
  return headers
}

export interface RawErrorContext {
  readonly requestId: string
  /** For Date (RFC 9110 §6.6.1). */
  readonly nowMs: number
  readonly security: SecurityHeaders
}

/** A whole HTTP/1.1 answer, for a connection that is closed after it. */
export function renderRawError(
  error: GatewayError,
  { requestId, nowMs, security }: RawErrorContext,
): Buffer {
  const { status } = error.row
  const body = renderErrorBody(error, { requestId })
  const fields = security.addedTo(errorHeaders(error, body))
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}`]
  for (let at = 0; at < fields.length; at += 2) lines.push(`${fields[at]}: ${fields[at + 1]}`)
  lines.push(`date: ${new Date(nowMs).toUTCString()}`, 'connection: close', '', '')
  return Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), body])
}

/**
 * Prefixes of Node's codes for what its HTTP/1.1 parser and timers refuse; anything else is the socket's own failure, as
 * is a message that ends with the connection.
 */
const HTTP_FAULT = /^(?:HPE_(?!INVALID_EOF_STATE)|ERR_HTTP_)/

/** The refusal behind a `clientError`; undefined when the socket itself failed and nobody is left to be told. */
export function refusalOfParserError(thrown: Error): GatewayError | undefined {
  const { code, reason } = thrown as { code?: unknown; reason?: unknown }
  if (typeof code !== 'string' || !HTTP_FAULT.test(code)) return undefined
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new GatewayError('GW_HEADERS_TOO_LARGE', 'header section: larger than allowed')
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new GatewayError('GW_BODY_TOO_LARGE', 'chunk extensions: larger than allowed')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new GatewayError('GW_REQUEST_TIMEOUT', 'the request did not arrive whole in time')
    default: {
      // The parser's reason is one of its own fixed sentences, never a part of the input.
      const detail = typeof reason === 'string' && reason !== '' ? `: ${reason}` : ''
      return new GatewayError('GW_BAD_FRAMING', `expected an HTTP/1.1 request${detail}`)
    }
  }
}
