// Transports to endpoints; each implements the Upstream contract.
export { cleartextWarning, isCleartextAbroad } from './http/cleartext.ts'
export { createHttpUpstream } from './http/http-upstream.ts'
export type { EndpointOptions, HttpEndpointOptions, StdioEndpointOptions } from './options.ts'
export { createStdioUpstream } from './stdio/index.ts'
export { createStreamableHttpUpstream } from './http/streamable-http.ts'
export type { AnswerSink, Upstream, UpstreamCall, UpstreamRequest } from './upstream.ts'
// Routing tells which TLS its endpoints have without knowing the TLS room.
export type { TlsSource } from '../tls/index.ts'
