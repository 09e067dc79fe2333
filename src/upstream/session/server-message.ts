// One message text of a server, such as a line of a child's stdout, as JSON-RPC messages. The bytes are kept: they are
// what the client gets.
import { isUtf8 } from 'node:buffer'
import {
  isObject,
  isRpcId,
  jsonItems,
  type JsonObject,
  type MessageKind,
  messageKind,
  type RpcId,
  singleLine,
} from '../../wire/index.ts'

export interface ServerMessage {
  readonly kind: MessageKind
  /** The message as the server wrote it, without line breaks of any kind. */
  readonly line: Buffer
  readonly message: JsonObject
}

/**
 * The messages of a line: one, or the items of a batch (MCP 2025-03-26 basic §Batching), or none for a blank line.
 * Undefined when it is noise: not UTF-8, not JSON, not JSON-RPC.
 */
export function readServerMessages(line: Buffer): readonly ServerMessage[] | undefined {
  if (!isUtf8(line)) return undefined
  const text = line.toString('utf8')
  if (text.trim() === '') return []
  const value = parse(text)
  // A lone CR would end the field of an event stream (HTML Living Standard §9.2.6).
  const bytes = singleLine(line)
  if (!Array.isArray(value)) {
    const single = asMessage(value, bytes)
    return single === undefined ? undefined : [single]
  }
  const items = jsonItems(bytes)
  const messages = value.map((item, at) => asMessage(item, items[at] as Buffer))
  return messages.includes(undefined) ? undefined : (messages as ServerMessage[])
}

function asMessage(value: unknown, line: Buffer): ServerMessage | undefined {
  if (!isObject(value)) return undefined
  const kind = messageKind(value)
  return kind === undefined ? undefined : { kind, line, message: value }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    // JSON.parse has one failure, a SyntaxError: the line is noise, and noise is what undefined means.
    return undefined
  }
}

/** Ids and progress tokens are equal only if their types are: `1` and `"1"` are two. */
export function idKey(id: RpcId): string {
  return `${typeof id}:${id}`
}

/** The key of an id or token that may be missing or malformed. */
export function idKeyOf(value: unknown): string | undefined {
  return isRpcId(value) ? idKey(value) : undefined
}

/** `params` of a message, empty when it has none. */
export function paramsOf(message: JsonObject): JsonObject {
  const params = message['params']
  return isObject(params) ? params : {}
}

/** `_meta` of `params` or of a result, empty when it has none. */
export function metaOf(holder: unknown): JsonObject {
  const meta = isObject(holder) ? holder['_meta'] : undefined
  return isObject(meta) ? meta : {}
}

/** Code of a JSON-RPC error; undefined for a result. */
export function errorCodeOf(message: JsonObject): number | undefined {
  const error = message['error']
  const code = isObject(error) ? error['code'] : undefined
  return typeof code === 'number' ? code : undefined
}

/** The cancellation of a request by its sender (MCP §Cancellation), as a line. */
export function cancellation(requestId: RpcId, reason: string): Buffer {
  const params = { requestId, reason }
  return Buffer.from(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params }))
}

/** Tells a server that its request reaches nobody, so that it does not wait for ever. */
export function unreachableClient(id: unknown): Buffer {
  const error = { code: -32_603, message: 'the client cannot be reached' }
  return Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, error }))
}
