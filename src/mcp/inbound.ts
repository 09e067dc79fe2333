// Bytes of a POST to a checked message: which era, which method, and that the MCP headers say the same as the body.
// What the method means is the server's business.
import { Content, GatewayError } from '../core/index.ts'
import {
  BATCH_VERSION,
  eraOfVersion,
  HEADER,
  isObject,
  messageKind,
  META,
  readBody,
  wholeOf,
  type CallSpans,
  type Era,
  type Inbound,
  type JsonLimits,
  type JsonObject,
  type RpcId,
  type RpcMessage,
} from '../wire/index.ts'
import {
  checkMirror,
  checkNameMirror,
  mismatch,
  requireMirror,
  singleHeader,
  type MessageHeaders,
} from './header-check.ts'

/**
 * Reads one POSTed message. The order of the checks is that of the reference implementation: shape, era and version,
 * envelope, method header, name header. So a request with several faults gets the same error behind the gateway as before.
 *
 * @throws GatewayError GW_PARSE_ERROR, GW_INVALID_MESSAGE, GW_INVALID_ENVELOPE, GW_HEADER_MISMATCH; with
 * `rpcId` where the id could be read.
 */
export function readInbound(
  headers: MessageHeaders,
  body: Buffer | Content,
  limits: JsonLimits,
): Inbound {
  const { outline, whole, spans } = readBody(body, limits)
  if (Array.isArray(outline)) return readBatch(headers, outline)
  const shaped = checkShape(outline)
  try {
    return new InboundMessage(shaped, claimOf(headers, shaped), { body: whole ?? body, spans })
  } catch (thrown) {
    throw withRpcId(thrown, shaped.message)
  }
}

interface Shaped {
  readonly kind: 'request' | 'notification' | 'response'
  readonly message: RpcMessage
}

function checkShape(value: unknown): Shaped {
  const kind = isObject(value) ? messageKind(value) : undefined
  if (kind !== undefined) return { kind, message: value as RpcMessage }
  throw new GatewayError(
    'GW_INVALID_MESSAGE',
    'expected a JSON-RPC 2.0 request, notification or response with a string or integer id',
  )
}

function withRpcId(thrown: unknown, { id: rpcId }: RpcMessage): unknown {
  if (!(thrown instanceof GatewayError) || rpcId === undefined) return thrown
  const { code, data } = thrown
  return new GatewayError(code, thrown.message, { rpcId, ...(data !== undefined && { data }) })
}

interface Read {
  readonly body: JsonObject | Buffer | Content
  readonly spans: CallSpans | undefined
}

/** A message of one of the eras. `message` is built when a transport asks for it: the straight lane never does. */
class InboundMessage implements Inbound {
  readonly era: Era
  readonly kind: Shaped['kind']
  readonly method: string | undefined
  readonly id: RpcId | undefined
  readonly version: string | undefined
  readonly spans: CallSpans | undefined
  #body: Read['body']

  constructor({ kind, message }: Shaped, { era, version }: Claim, { body, spans }: Read) {
    this.era = era
    this.kind = kind
    this.method = message.method
    this.id = message.id
    this.version = version
    this.spans = spans
    this.#body = body
  }

  get message(): JsonObject {
    const body = this.#body instanceof Content ? this.#body.bytes() : this.#body
    if (!Buffer.isBuffer(body)) return body
    const message = wholeOf(body)
    this.#body = message
    return message
  }
}

/** Which era a message belongs to, and the version it names. */
interface Claim {
  readonly era: Era
  readonly version: string | undefined
}

function claimOf(headers: MessageHeaders, { kind, message }: Shaped): Claim {
  if (kind === 'request') return claimOfRequest(headers, message)
  if (kind === 'notification') return claimOfNotification(headers, message)
  return legacyClaim(headers)
}

function legacyClaim(headers: MessageHeaders): Claim {
  return { era: 'legacy', version: headers.header(HEADER.protocolVersion) }
}

/** The body decides the era by what it claims; the version header is checked against it (MCP 2026-07-28 versioning). */
function claimOfRequest(headers: MessageHeaders, message: RpcMessage): Claim {
  const meta = metaOf(message.params)
  const headerVersion = singleHeader(headers, HEADER.protocolVersion)
  const isHeaderModern = headerVersion !== undefined && eraOfVersion(headerVersion) === 'modern'
  const isHandshake = message.method === 'initialize' && !hasModernEnvelope(meta)
  if (isHandshake && isHeaderModern) {
    throw mismatch(HEADER.protocolVersion, headerVersion, 'initialize, of the legacy era')
  }
  if (isHandshake) return legacyClaim(headers)
  if (meta?.[META.protocolVersion] === undefined) {
    if (isHeaderModern) throw missingEnvelope(headerVersion, meta)
    return legacyClaim(headers)
  }
  const version = checkEnvelope(meta)
  const method = message.method ?? ''
  checkMirror(headers, HEADER.protocolVersion, version)
  checkMirror(headers, HEADER.method, method)
  requireMirror(headers, HEADER.protocolVersion, version)
  requireMirror(headers, HEADER.method, method)
  checkNameMirror(headers, message)
  return { era: 'modern', version }
}

/** The modern era defines no headers for notifications; what is there must still agree with the body. */
function claimOfNotification(headers: MessageHeaders, message: RpcMessage): Claim {
  const headerVersion = singleHeader(headers, HEADER.protocolVersion)
  const claimed = metaOf(message.params)?.[META.protocolVersion]
  if (claimed !== undefined && typeof claimed !== 'string') throw notAVersion()
  if (claimed !== undefined) checkMirror(headers, HEADER.protocolVersion, claimed)
  const version = claimed ?? headerVersion
  if (version === undefined || eraOfVersion(version) === 'legacy') return legacyClaim(headers)
  checkMirror(headers, HEADER.method, message.method ?? '')
  return { era: 'modern', version }
}

/** Arrays existed only in one revision, whose clients do not send the version header. */
function readBatch(headers: MessageHeaders, items: readonly unknown[]): Inbound {
  const version = headers.header(HEADER.protocolVersion)
  if (items.length === 0) throw badBatch('expected a message, got an empty batch')
  if (version !== undefined && version !== BATCH_VERSION) {
    throw badBatch(`expected one message: batches exist only in protocol version ${BATCH_VERSION}`)
  }
  const messages = items.map((item) => checkShape(item).message)
  const isModern = messages.some(
    ({ params }) => metaOf(params)?.[META.protocolVersion] !== undefined,
  )
  if (isModern) throw badBatch('expected one message: the modern era has no batches')
  return {
    era: 'legacy',
    kind: 'batch',
    method: undefined,
    id: undefined,
    message: messages,
    version,
  }
}

function badBatch(problem: string): GatewayError {
  return new GatewayError('GW_INVALID_MESSAGE', problem)
}

function metaOf(params: JsonObject | undefined): JsonObject | undefined {
  const meta = params?.['_meta']
  return isObject(meta) ? meta : undefined
}

/** Only a whole and modern claim makes `initialize` a modern request, of a method that era does not have. */
function hasModernEnvelope(meta: JsonObject | undefined): boolean {
  const claimed = meta?.[META.protocolVersion]
  if (typeof claimed !== 'string' || eraOfVersion(claimed) === 'legacy') return false
  return isObject(meta?.[META.clientCapabilities])
}

/** The version that the request claims. */
function checkEnvelope(meta: JsonObject): string {
  const version = meta[META.protocolVersion]
  if (typeof version !== 'string') throw notAVersion()
  if (isObject(meta[META.clientCapabilities])) return version
  throw new GatewayError(
    'GW_INVALID_ENVELOPE',
    `params._meta["${META.clientCapabilities}"]: expected the client’s capabilities, an object`,
  )
}

function notAVersion(): GatewayError {
  return new GatewayError(
    'GW_INVALID_ENVELOPE',
    `params._meta["${META.protocolVersion}"]: expected a protocol version, a string`,
  )
}

function missingEnvelope(version: string, meta: JsonObject | undefined): GatewayError {
  const required = [META.protocolVersion, META.clientCapabilities]
  const missing = meta === undefined ? ['_meta'] : required.filter((key) => meta[key] === undefined)
  return new GatewayError(
    'GW_INVALID_ENVELOPE',
    `params: expected ${missing.join(', ')}, which protocol version ${version} requires`,
  )
}
