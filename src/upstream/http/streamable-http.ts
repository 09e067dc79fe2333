// A Streamable HTTP endpoint: bytes out, bytes back, nothing parsed. Requests of either era are HTTP already, so all that
// is left to do is to send them.
import type { TlsSource } from '../../tls/index.ts'
import { createHttpEndpoint, type HttpEndpoint, type HttpEndpointContext } from './endpoint.ts'
import type { HttpEndpointOptions } from '../options.ts'
import type { AnswerSink, Upstream, UpstreamCall, UpstreamRequest } from '../upstream.ts'

/** @throws TlsMaterialError when no `tls` is given and a file of the endpoint's own cannot be used. */
export function createStreamableHttpUpstream(
  options: HttpEndpointOptions,
  context: Partial<HttpEndpointContext> = {},
): Upstream {
  return new StreamableHttpUpstream(createHttpEndpoint(options, context))
}

export class StreamableHttpUpstream implements Upstream {
  readonly #endpoint: HttpEndpoint

  constructor(endpoint: HttpEndpoint) {
    this.#endpoint = endpoint
  }

  get tls(): TlsSource | undefined {
    return this.#endpoint.tls
  }

  get warnings(): readonly string[] {
    return this.#endpoint.warnings
  }

  async start(): Promise<void> {
    await this.#endpoint.start()
  }

  async stop(): Promise<void> {
    await this.#endpoint.stop()
  }

  send(request: UpstreamRequest, sink: AnswerSink): UpstreamCall {
    const { method, query, headers, content, longLived } = request
    const path = this.#endpoint.target(query)
    return this.#endpoint.send(
      { method, path, headers, body: content ?? request.body },
      longLived,
      sink,
    )
  }

  async probe(timeoutMs: number): Promise<void> {
    await this.#endpoint.probe(timeoutMs)
  }
}
