// Bytes to JSON-RPC message, with the budgets of a body and without ambiguity about what was said.
import { isUtf8 } from 'node:buffer'
import { type Content, GatewayError } from '../core/index.ts'
import type { CallSpans, JsonObject, RpcId } from './inbound.ts'
import { outlineMessage } from './outline.ts'
import { inOnePiece } from './scan/json-scan.ts'
import { measureStructure, type Structure } from './structure.ts'

export interface JsonLimits {
  readonly maxJsonDepth: number
  readonly maxJsonElements: number
}

/** A JSON-RPC message by its shape (JSON-RPC 2.0 §4, §5). */
export type MessageKind = 'request' | 'notification' | 'response'

/** A body, read as far as decisions need it. */
export interface ReadBody {
  /** At least those members of a message on which decisions hang (see `outlineMessage`); of a batch, all of its items. */
  readonly outline: JsonObject | readonly unknown[]
  /** The whole message, if it had to be built. */
  readonly whole: JsonObject | undefined
  /** As `Inbound.spans`. */
  readonly spans: CallSpans | undefined
}

/**
 * Reads one body. Objects on which decisions hang (the message, its `params`, its `params._meta`) must not repeat a
 * key: JSON.parse keeps the last, other parsers the first, and the original bytes are what the server gets.
 *
 * @throws GatewayError GW_PARSE_ERROR, GW_INVALID_MESSAGE
 */
export function readBody(body: Buffer | Content, limits: JsonLimits): ReadBody {
  const bytes = Buffer.isBuffer(body) ? body : inOnePiece(body)
  if (!isUtf8(bytes)) throw new GatewayError('GW_PARSE_ERROR', 'expected a body in UTF-8')
  const { maxJsonDepth: maxDepth, maxJsonElements: elements } = limits
  const read = outlineMessage(bytes, { maxDepth, elements })
  if (read !== undefined) return { outline: read.message, whole: undefined, spans: read.spans }
  const outline = parseMessage(bytes.toString('utf8'), limits)
  return { outline, whole: isObject(outline) ? outline : undefined, spans: undefined }
}

/** The whole message in a body that was read before. */
export function wholeOf(bytes: Buffer): JsonObject {
  return JSON.parse(bytes.toString('utf8')) as JsonObject
}

/** The long way, which tells what is wrong with a body. */
export function parseMessage(text: string, limits: JsonLimits): JsonObject | readonly unknown[] {
  const value = parseJson(text)
  const structure = measureStructure(text, limits.maxJsonDepth, limits.maxJsonElements)
  refuseExcess(structure, limits)
  if (Array.isArray(value)) return value as readonly unknown[]
  if (!isObject(value)) {
    throw new GatewayError('GW_INVALID_MESSAGE', 'expected a JSON-RPC message, an object')
  }
  refuseDuplicates(value, structure)
  return value
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    // V8's message quotes the body; only our own words may reach the client.
    throw new GatewayError('GW_PARSE_ERROR', 'expected a body of valid JSON', { cause })
  }
}

function refuseExcess(structure: Structure, limits: JsonLimits): void {
  if (structure.depth > limits.maxJsonDepth) {
    throw new GatewayError(
      'GW_PARSE_ERROR',
      `expected JSON nested at most ${limits.maxJsonDepth} deep (limits.max_json_depth)`,
    )
  }
  if (structure.elements > limits.maxJsonElements) {
    throw new GatewayError(
      'GW_PARSE_ERROR',
      `expected JSON of at most ${limits.maxJsonElements} values (limits.max_json_elements)`,
    )
  }
}

function refuseDuplicates(message: JsonObject, structure: Structure): void {
  const params = message['params']
  const meta = isObject(params) ? params['_meta'] : undefined
  const duplicated =
    (countMembers(message) !== structure.rootMembers && 'the message') ||
    (isObject(params) && countMembers(params) !== structure.paramsMembers && 'params') ||
    (isObject(meta) && countMembers(meta) !== structure.metaMembers && 'params._meta')
  if (duplicated === false) return
  throw new GatewayError(
    'GW_INVALID_MESSAGE',
    `expected every key of ${duplicated} once, got a duplicate`,
  )
}

function countMembers(object: JsonObject): number {
  let count = 0
  for (const name in object) if (Object.hasOwn(object, name)) count++
  return count
}

/** True for a JSON object: not null, not an array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** True for an id MCP allows: a string or an integer, never null (MCP 2025-11-25 basic §Requests). */
export function isRpcId(value: unknown): value is RpcId {
  return typeof value === 'string' || Number.isInteger(value)
}

/** What the message is, or undefined when it is not one. */
export function messageKind(message: JsonObject): MessageKind | undefined {
  if (message['jsonrpc'] !== '2.0') return undefined
  const id = message['id']
  if (typeof message['method'] === 'string') {
    const params = message['params']
    if (params !== undefined && !isObject(params)) return undefined
    if (id === undefined) return 'notification'
    return isRpcId(id) ? 'request' : undefined
  }
  if ('method' in message) return undefined
  const hasResult = 'result' in message
  const hasError = isObject(message['error'])
  if (hasResult === hasError) return undefined
  if (hasResult) return isRpcId(id) ? 'response' : undefined
  return id === undefined || id === null || isRpcId(id) ? 'response' : undefined
}
