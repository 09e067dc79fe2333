// The MCP wire format as pure functions: no sockets, no clocks, no config.
export { acceptsAnswer } from './accept.ts'
export { EventReader, type ServerEvent } from './event-reader.ts'
export {
  encodeContentEvent,
  encodeEvent,
  EVENT_STREAM,
  EventStreamPosition,
  isEventStream,
  KEEP_ALIVE_COMMENT,
} from './event-stream.ts'
export { decodeHeaderValue, encodeHeaderValue } from './header-value.ts'
export type { CallSpans, Era, Inbound, JsonObject, RpcId, RpcMessage, Span } from './inbound.ts'
export {
  isObject,
  isRpcId,
  messageKind,
  readBody,
  type JsonLimits,
  type MessageKind,
  wholeOf,
} from './json-rpc.ts'
export { parseLossless } from './lossless-json.ts'
export { encodeJson, holdRaw, RawValue, readValue, spliced } from './raw-value.ts'
export { inOnePiece } from './scan/json-scan.ts'
export { decodeBody, decodeMessage, decodeText, textAround } from './sparse-message.ts'
export { idSpanOfResult } from './outline.ts'
export { LineSplitter } from './line.ts'
export {
  jsonItems,
  jsonValue,
  replaceJsonValues,
  singleLine,
  type Replacement,
} from './lossless.ts'
export { type Replay, type ReplayLimits, ReplayLog } from './replay-log.ts'
export {
  checkParamHeaders,
  PARAM_HEADER_PREFIX,
  paramHeaders,
  scanParamHeaders,
  type ParamFields,
  type ParamHeader,
} from './param-headers.ts'
export {
  BATCH_VERSION,
  eraOfVersion,
  HEADER,
  LEGACY_VERSIONS,
  META,
  MODERN_VERSIONS,
  NAME_SOURCE,
} from './versions.ts'
