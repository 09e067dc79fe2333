// Transports to endpoints; each implements the Upstream contract.
export type { EndpointOptions, HttpEndpointOptions, StdioEndpointOptions } from './options.ts'
export { createStdioUpstream } from './stdio/index.ts'
export { createStreamableHttpUpstream } from './streamable-http.ts'
export type { AnswerSink, Upstream, UpstreamCall, UpstreamRequest } from './upstream.ts'
