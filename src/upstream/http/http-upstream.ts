// An endpoint by URL as an Upstream, on the transport that its options pin, or on the one that it shows.
import { silentLog, type Log } from '../../observability/index.ts'
import { LegacySseUpstream } from '../legacy-sse/legacy-sse-upstream.ts'
import type { HttpEndpointOptions } from '../options.ts'
import type { Upstream } from '../upstream.ts'
import { createHttpEndpoint, type HttpEndpointContext } from './endpoint.ts'
import { StreamableHttpUpstream } from './streamable-http.ts'
import { TransportChoice } from './transport-choice.ts'

export interface HttpUpstreamContext extends HttpEndpointContext {
  /** Name of the endpoint, for logs. */
  readonly name: string
  readonly server: string
  readonly log: Log
}

/** @throws TlsMaterialError when no `tls` is given and a file of the endpoint's own cannot be used. */
export function createHttpUpstream(
  options: HttpEndpointOptions,
  context: Partial<HttpUpstreamContext> = {},
): Upstream {
  const { protocol = 'auto' } = options
  const endpoint = createHttpEndpoint(options, context)
  if (protocol === 'modern' || protocol === 'legacy') return new StreamableHttpUpstream(endpoint)
  const { origin, pathname } = new URL(options.url)
  const { name = origin + pathname, server = name } = context
  const log = (context.log ?? silentLog).with({ server, endpoint: name })
  const sse = new LegacySseUpstream(endpoint, { server, log })
  if (protocol === 'http_sse') return sse
  const streamable = new StreamableHttpUpstream(endpoint)
  return new TransportChoice({ streamable, sse, clock: endpoint.clock, log })
}
