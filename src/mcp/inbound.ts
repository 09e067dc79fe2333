// Bytes of a POST to a checked message: which era, which method, and that the MCP headers say the same as the body, as
// an intermediary that reads the body must ensure (MCP 2026-07-28 transports §Header validation). What the method
// means is the server's business.
import { GatewayError, type Exchange } from '../core/index.ts'
import {
  BATCH_VERSION,
  decodeHeaderValue,
  eraOfVersion,
  HEADER,
  isObject,
  isRpcId,
  messageKind,
  META,
  NAME_SOURCE,
  parseMessage,
  type Inbound,
  type JsonLimits,
  type JsonObject,
} from '../wire/index.ts'

/** The parts of an exchange that this stage reads. */
export type MessageHeaders = Pick<Exchange, 'header' | 'isRepeated'>

/**
 * Reads one POSTed message. The order of the checks is that of the reference implementation: shape, era and version,
 * envelope, method header, name header. So a request with several faults gets the same error behind the gateway as before.
 *
 * @throws GatewayError GW_PARSE_ERROR, GW_INVALID_MESSAGE, GW_INVALID_ENVELOPE, GW_HEADER_MISMATCH; with
 * `rpcId` where the id could be read.
 */
export function readInbound(headers: MessageHeaders, bytes: Buffer, limits: JsonLimits): Inbound {
  const value = parseMessage(bytes, limits)
  if (Array.isArray(value)) return readBatch(headers, value)
  const message = value as JsonObject
  const kind = messageKind(message)
  if (kind === undefined) {
    throw new GatewayError(
      'GW_INVALID_MESSAGE',
      'expected a JSON-RPC 2.0 request, notification or response with a string or integer id',
    )
  }
  if (kind === 'response') return { ...legacy(headers, message), kind }
  try {
    return kind === 'request'
      ? readRequest(headers, message)
      : readNotification(headers, message)
  } catch (thrown) {
    throw withRpcId(thrown, message)
  }
}

function withRpcId(thrown: unknown, message: JsonObject): unknown {
  const rpcId = message['id']
  if (!(thrown instanceof GatewayError) || !isRpcId(rpcId)) return thrown
  const { code, data } = thrown
  return new GatewayError(code, thrown.message, { rpcId, ...(data !== undefined && { data }) })
}

function legacy(headers: MessageHeaders, message: JsonObject): Inbound {
  return {
    era: 'legacy',
    kind: 'request',
    method: message['method'] as string | undefined,
    id: message['id'] as Inbound['id'],
    message,
    version: headers.header(HEADER.protocolVersion),
  }
}

function readRequest(headers: MessageHeaders, message: JsonObject): Inbound {
  const params = message['params'] as JsonObject | undefined
  const meta = metaOf(params)
  const headerVersion = singleHeader(headers, HEADER.protocolVersion)
  const isHeaderModern = headerVersion !== undefined && eraOfVersion(headerVersion) === 'modern'
  const claimed = meta?.[META.protocolVersion]

  if (claimed === undefined) {
    if (!isHeaderModern) return legacy(headers, message)
    if (message['method'] === 'initialize') {
      throw mismatch('MCP-Protocol-Version', headerVersion, 'initialize belongs to earlier versions')
    }
    throw missingEnvelope(headerVersion, meta)
  }
  if (message['method'] === 'initialize' && !isModernClaim(meta)) {
    if (isHeaderModern) {
      throw mismatch('MCP-Protocol-Version', headerVersion, 'initialize belongs to earlier versions')
    }
    return legacy(headers, message)
  }
  const version = checkEnvelope(meta as JsonObject)
  if (headerVersion !== undefined) checkEqual('MCP-Protocol-Version', headerVersion, version)
  checkMethodHeader(headers, message['method'] as string)
  requireHeader(headers, HEADER.protocolVersion, `MCP-Protocol-Version: ${version}`)
  requireHeader(headers, HEADER.method, `Mcp-Method: ${String(message['method'])}`)
  checkNameHeader(headers, message['method'] as string, params)
  return { ...legacy(headers, message), era: 'modern', version }
}

/** Header rules for notifications are not defined in the modern era; what is there must still agree with the body. */
function readNotification(headers: MessageHeaders, message: JsonObject): Inbound {
  const headerVersion = singleHeader(headers, HEADER.protocolVersion)
  const claimed = metaOf(message['params'] as JsonObject | undefined)?.[META.protocolVersion]
  if (claimed !== undefined && typeof claimed !== 'string') {
    throw invalidEnvelope(META.protocolVersion, 'expected a protocol version, a string')
  }
  if (claimed !== undefined && headerVersion !== undefined) {
    checkEqual('MCP-Protocol-Version', headerVersion, claimed)
  }
  const version = claimed ?? headerVersion
  const inbound = { ...legacy(headers, message), kind: 'notification' as const }
  if (version === undefined || eraOfVersion(version) === 'legacy') return inbound
  checkMethodHeader(headers, message['method'] as string)
  return { ...inbound, era: 'modern', version }
}

/** Arrays existed only in one revision, whose clients do not send the version header on every request. */
function readBatch(headers: MessageHeaders, items: readonly unknown[]): Inbound {
  const version = headers.header(HEADER.protocolVersion)
  if (items.length === 0) {
    throw new GatewayError('GW_INVALID_MESSAGE', 'expected a message, got an empty batch')
  }
  if (version !== undefined && version !== BATCH_VERSION) {
    throw new GatewayError(
      'GW_INVALID_MESSAGE',
      `expected one message: batches exist only in protocol version ${BATCH_VERSION}`,
    )
  }
  for (const item of items) {
    const params = isObject(item) ? item['params'] : undefined
    if (!isObject(item) || messageKind(item) === undefined) {
      throw new GatewayError('GW_INVALID_MESSAGE', 'expected every item of a batch to be a message')
    }
    if (metaOf(isObject(params) ? params : undefined)?.[META.protocolVersion] !== undefined) {
      throw new GatewayError('GW_INVALID_MESSAGE', 'expected no batch of the modern era')
    }
  }
  return {
    era: 'legacy',
    kind: 'batch',
    method: undefined,
    id: undefined,
    message: items as readonly JsonObject[],
    version,
  }
}

function metaOf(params: JsonObject | undefined): JsonObject | undefined {
  const meta = params?.['_meta']
  return isObject(meta) ? meta : undefined
}

function isModernClaim(meta: JsonObject | undefined): boolean {
  const claimed = meta?.[META.protocolVersion]
  return (
    typeof claimed === 'string' &&
    eraOfVersion(claimed) === 'modern' &&
    isObject(meta?.[META.clientCapabilities])
  )
}

function checkEnvelope(meta: JsonObject): string {
  const version = meta[META.protocolVersion]
  if (typeof version !== 'string') {
    throw invalidEnvelope(META.protocolVersion, 'expected a protocol version, a string')
  }
  if (!isObject(meta[META.clientCapabilities])) {
    throw invalidEnvelope(META.clientCapabilities, 'expected the client’s capabilities, an object')
  }
  return version
}

function invalidEnvelope(key: string, problem: string): GatewayError {
  return new GatewayError('GW_INVALID_ENVELOPE', `params._meta["${key}"]: ${problem}`)
}

function missingEnvelope(version: string, meta: JsonObject | undefined): GatewayError {
  const required = [META.protocolVersion, META.clientCapabilities]
  const missing =
    meta === undefined ? ['_meta'] : required.filter((key) => meta[key] === undefined)
  return new GatewayError(
    'GW_INVALID_ENVELOPE',
    `params: expected ${missing.join(', ')}, which protocol version ${version} requires`,
  )
}

function mismatch(name: string, header: string, body: string): GatewayError {
  return new GatewayError('GW_HEADER_MISMATCH', `${name}: header and body disagree: ${body}`, {
    data: { mismatch: { header, body } },
  })
}

/** A repeated field arrives joined by a comma: no single value, so nothing that could equal the body's. */
function singleHeader(headers: MessageHeaders, name: string): string | undefined {
  const value = headers.header(name)
  if (value !== undefined && headers.isRepeated(name)) {
    throw new GatewayError('GW_HEADER_MISMATCH', `${name}: expected one value, got several`)
  }
  return value
}

function requireHeader(headers: MessageHeaders, name: string, expected: string): void {
  if (headers.header(name) === undefined) {
    throw mismatch(expected.split(':', 1)[0] ?? name, '(missing)', `expected ${expected}`)
  }
}

function checkEqual(name: string, header: string, body: string): void {
  if (header !== body) throw mismatch(name, header, body)
}

function checkMethodHeader(headers: MessageHeaders, method: string): void {
  const header = singleHeader(headers, HEADER.method)
  if (header !== undefined) checkEqual('Mcp-Method', header, method)
}

function checkNameHeader(
  headers: MessageHeaders,
  method: string,
  params: JsonObject | undefined,
): void {
  const source = NAME_SOURCE.get(method)
  if (source === undefined) return
  const body = params?.[source]
  const header = singleHeader(headers, HEADER.name)
  if (header === undefined) {
    // A body without the value is the server's to refuse: there is nothing to mirror.
    if (typeof body !== 'string') return
    throw mismatch('Mcp-Name', '(missing)', `expected the value of params.${source}`)
  }
  const decoded = decodeHeaderValue(header)
  if (decoded === undefined) {
    throw new GatewayError(
      'GW_HEADER_MISMATCH',
      'Mcp-Name: expected visible ASCII or =?base64?…?= of UTF-8 text',
    )
  }
  if (typeof body !== 'string' || decoded !== body) {
    throw new GatewayError('GW_HEADER_MISMATCH', `Mcp-Name: header and params.${source} disagree`)
  }
}
