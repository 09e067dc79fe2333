// The MCP wire format as pure functions: no sockets, no clocks, no config.
export {
  encodeEvent,
  EVENT_STREAM,
  EventStreamPosition,
  isEventStream,
  KEEP_ALIVE_COMMENT,
} from './event-stream.ts'
export { decodeHeaderValue, encodeHeaderValue } from './header-value.ts'
export type { Era, Inbound, JsonObject, RpcId, RpcMessage } from './inbound.ts'
export {
  isObject,
  isRpcId,
  messageKind,
  readBody,
  type JsonLimits,
  type MessageKind,
  wholeOf,
} from './json-rpc.ts'
export { LineSplitter } from './line.ts'
export {
  jsonItems,
  jsonValue,
  replaceJsonValues,
  singleLine,
  type Replacement,
} from './lossless.ts'
export {
  BATCH_VERSION,
  eraOfVersion,
  HEADER,
  LEGACY_VERSIONS,
  META,
  MODERN_VERSIONS,
  NAME_SOURCE,
} from './versions.ts'
