// What a channel has to know of a message that its client sent, so that it can be posted: which headers go with it, what
// it waits for, and which answers it will have. Whether the message is in order is for the endpoint to say.
import {
  encodeHeaderValue,
  HEADER,
  isObject,
  isRpcId,
  type JsonLimits,
  type JsonObject,
  messageKind,
  type MessageKind,
  META,
  NAME_SOURCE,
  readBody,
  type RpcId,
  wholeOf,
} from '../../../wire/index.ts'

export interface PostedMessage {
  readonly bytes: Buffer
  /** `unknown`: the endpoint will refuse it. */
  readonly kind: MessageKind | 'batch' | 'unknown'
  readonly method: string | undefined
  /** Of the requests in it: each is answered once. */
  readonly ids: readonly RpcId[]
  /** The version that a message of the modern era claims; undefined in the legacy era. */
  readonly modernVersion: string | undefined
  /** The value of Mcp-Name, where the method has one. */
  readonly name: string | undefined
  /** The request that it cancels. */
  readonly cancels: RpcId | undefined
}

const NO_IDS: readonly RpcId[] = []

export function readPosted(bytes: Buffer, limits: JsonLimits): PostedMessage {
  const outline = outlineOf(bytes, limits)
  if (isBatch(outline)) return { ...opaque(bytes), kind: 'batch', ids: outline.flatMap(idOf) }
  const kind = outline && messageKind(outline)
  if (outline === undefined || kind === undefined) return opaque(bytes)
  const method = outline['method'] as string | undefined
  const params = outline['params'] as JsonObject | undefined
  const meta = params?.['_meta']
  const claimed = isObject(meta) ? meta[META.protocolVersion] : undefined
  const source = NAME_SOURCE.get(method ?? '')
  const name = source && params?.[source]
  return {
    bytes,
    kind,
    method,
    ids: kind === 'request' ? [outline['id'] as RpcId] : NO_IDS,
    modernVersion: typeof claimed === 'string' ? claimed : undefined,
    name: typeof name === 'string' ? name : undefined,
    cancels: method === 'notifications/cancelled' ? cancelledId(bytes) : undefined,
  }
}

/** True for the two messages that everything behind them waits for. */
export function isHandshake({ method, modernVersion }: PostedMessage): boolean {
  if (modernVersion !== undefined) return false
  return method === 'initialize' || method === 'notifications/initialized'
}

/** The MCP headers that a Streamable HTTP client would have sent with it. */
export function mirrorHeaders({ method, modernVersion, name }: PostedMessage): string[] {
  if (modernVersion === undefined) return []
  const headers = [HEADER.protocolVersion, modernVersion, HEADER.method, method ?? '']
  if (name !== undefined) headers.push(HEADER.name, encodeHeaderValue(name))
  return headers
}

type Outline = JsonObject | readonly unknown[] | undefined

function outlineOf(bytes: Buffer, limits: JsonLimits): Outline {
  try {
    return readBody(bytes, limits).outline
  } catch {
    // The endpoint finds the same and says so to the client.
    return undefined
  }
}

function isBatch(outline: Outline): outline is readonly unknown[] {
  return Array.isArray(outline)
}

function opaque(bytes: Buffer): PostedMessage {
  return {
    bytes,
    kind: 'unknown',
    method: undefined,
    ids: NO_IDS,
    modernVersion: undefined,
    name: undefined,
    cancels: undefined,
  }
}

function idOf(item: unknown): readonly RpcId[] {
  if (!isObject(item) || typeof item['method'] !== 'string' || !isRpcId(item['id'])) return NO_IDS
  return [item['id']]
}

function cancelledId(bytes: Buffer): RpcId | undefined {
  const { params } = wholeOf(bytes) as { readonly params?: { readonly requestId?: unknown } }
  return isRpcId(params?.requestId) ? params.requestId : undefined
}
