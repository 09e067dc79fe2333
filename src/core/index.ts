// Shared by every folder; imports none of them.
export { systemClock, type Clock, type Timer } from './clock.ts'
export { asBuffer, Content } from './content.ts'
export { errorTable, type ErrorCode, type ErrorRow } from './error-table.ts'
export { GatewayError, isNodeError, toGatewayError } from './errors.ts'
export type {
  Answer,
  AnswerEnd,
  Exchange,
  ListenerIdentity,
  PeerIdentity,
  RawHeaders,
  WebSocketCloseCode,
  WebSocketLink,
  WebSocketOffer,
  WebSocketTerms,
} from './exchange.ts'
export { Deadlines, Wait } from './deadlines.ts'
export { LiveSet, type LiveMember } from './live-set.ts'
export type { Part } from './part.ts'
export { parseDurationMs } from './quantity.ts'
export { renderErrorBody, renderErrorJson } from './error-body.ts'
export { freeMemory, isOwner, isWholeMemory, markOwner } from './spent-memory.ts'
