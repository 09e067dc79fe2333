// The opening handshake of a WebSocket as the client sends it (RFC 6455 §4.2.1), checked before anyone decides on it. The
// answer and the frames are the business of `ws`.
import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../core/index.ts'
import { fieldValue, isRepeatedField } from './raw-headers.ts'

export interface WebSocketHandshake {
  /** What the answer has to prove that it was read. */
  readonly key: string
  /** In the client's order, each once. */
  readonly subprotocols: readonly string[]
}

const VERSION = '13'
/** Sixteen bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** A value instead of an exception, as for every other head: GW_WEBSOCKET_HANDSHAKE (400) or GW_WEBSOCKET_VERSION (426). */
export function readHandshake(request: IncomingMessage): WebSocketHandshake | GatewayError {
  const { method, httpVersion, rawHeaders } = request
  if (method !== 'GET' || httpVersion !== '1.1') return refuse('expected GET over HTTP/1.1')
  if (fieldValue(rawHeaders, 'sec-websocket-version') !== VERSION) {
    return new GatewayError('GW_WEBSOCKET_VERSION', `Sec-WebSocket-Version: expected ${VERSION}`)
  }
  const key = fieldValue(rawHeaders, 'sec-websocket-key') ?? ''
  if (!KEY.test(key) || isRepeatedField(rawHeaders, 'sec-websocket-key')) {
    return refuse('Sec-WebSocket-Key: expected once, 16 bytes in base64')
  }
  const offered = fieldValue(rawHeaders, 'sec-websocket-protocol')
  const subprotocols = offered === undefined ? [] : offered.split(',').map((it) => it.trim())
  const isList = subprotocols.every((it) => TOKEN.test(it))
  if (!isList || new Set(subprotocols).size < subprotocols.length) {
    return refuse('Sec-WebSocket-Protocol: expected names, each once')
  }
  return { key, subprotocols }
}

function refuse(complaint: string): GatewayError {
  return new GatewayError('GW_WEBSOCKET_HANDSHAKE', complaint)
}
