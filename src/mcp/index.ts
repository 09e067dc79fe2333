// The protocol stage: bytes to message, era and session; answers back to the client.
export { McpEndpoint, type CallReport } from './endpoint.ts'
export { answerError } from './error-answer.ts'
export type { McpLimits } from './options.ts'
export { SessionSeal } from './sessions.ts'
