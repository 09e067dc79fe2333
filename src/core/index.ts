// Shared by every folder; imports none of them.
export { systemClock, type Clock, type Timer } from './clock.ts'
export {
  errorTable,
  GatewayError,
  isNodeError,
  toGatewayError,
  type ErrorCode,
  type ErrorRow,
  type ErrorSource,
  type GatewayErrorOptions,
  type RetryAdvice,
} from './errors.ts'
export type { Answer, AnswerEnd, Exchange, ListenerIdentity, RawHeaders } from './exchange.ts'
export { LiveSet, type LiveMember } from './live-set.ts'
export type { Part } from './part.ts'
export { DURATION_PATTERN, parseDurationMs, parseSizeBytes, SIZE_PATTERN } from './quantity.ts'
export { renderErrorBody, renderErrorJson, type ErrorBodyContext } from './error-body.ts'
