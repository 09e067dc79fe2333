// The protocol stage: bytes to message, era and session; answers back to the client.
export { McpEndpoint, type CallReport, type McpEndpointContext } from './endpoint.ts'
export { answerError } from './error-answer.ts'
export type { McpLimits, SessionOptions } from './options.ts'
export type { CallOutcome } from './relay.ts'
export { SessionSeal } from './sessions.ts'
