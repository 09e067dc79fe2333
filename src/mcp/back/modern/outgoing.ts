// Requests of the modern era as requests to a pool: the envelope, the headers that mirror the body, the bytes.
import type { RawHeaders } from '../../../core/index.ts'
import type { UpstreamRequest } from '../../../upstream/index.ts'
import {
  encodeHeaderValue,
  encodeJson,
  EVENT_STREAM,
  HEADER,
  MODERN_VERSIONS,
  NAME_SOURCE,
  type JsonObject,
} from '../../../wire/index.ts'
import { withEnvelope } from '../../translate/envelope.ts'
import type { ViewOrigin } from '../../view/server-view.ts'
import { OutgoingPost } from '../outgoing-post.ts'

/** The version that every request names. */
export const VERSION = MODERN_VERSIONS[0]
export const LISTEN = 'subscriptions/listen'

export interface OutgoingCall extends ViewOrigin {
  readonly id: number
  readonly method: string
  readonly params: JsonObject
  readonly logLevel: string | undefined
  /** Mcp-Param-*: name, value, name, value, …. */
  readonly paramHeaders: RawHeaders
}

const JSON_TYPE = 'application/json'
/** What a header can carry unchanged; Mcp-Method has no encoding (MCP 2026-07-28 transports). */
const HEADER_SAFE = /^[\x21-\x7e]+$/

/** False for a method that Mcp-Method cannot name: no server has it. */
export function isSendable(method: string): boolean {
  return HEADER_SAFE.test(method)
}

/** The client's own fields come first; none of them is one of those added here (see ViewOrigin). */
export function outgoingRequest(call: OutgoingCall): UpstreamRequest {
  const { id, method, caller, logLevel } = call
  const { capabilities, clientInfo } = caller
  const params = withEnvelope(call.params, { version: VERSION, capabilities, clientInfo, logLevel })
  const message = { jsonrpc: '2.0', id, method, params }
  return new OutgoingPost({
    headers: [
      ...call.headers,
      'content-type',
      JSON_TYPE,
      'accept',
      `${JSON_TYPE}, ${EVENT_STREAM}`,
      HEADER.protocolVersion,
      VERSION,
      HEADER.method,
      method,
      ...nameHeader(method, params),
      ...call.paramHeaders,
    ],
    content: encodeJson(() => JSON.stringify(message)),
    inbound: { era: 'modern', kind: 'request', method, id, message, version: VERSION },
    sessionId: undefined,
    longLived: method === LISTEN,
  })
}

/** Params without the value are the server's to refuse. */
function nameHeader(method: string, params: JsonObject): RawHeaders {
  const source = NAME_SOURCE.get(method)
  const name = source === undefined ? undefined : params[source]
  return typeof name === 'string' ? [HEADER.name, encodeHeaderValue(name)] : []
}
