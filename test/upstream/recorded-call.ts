// A request to an upstream and a sink that remembers what came back.
import { onTestFinished } from 'vitest'
import type { GatewayError, RawHeaders } from '../../src/core/index.ts'
import {
  createStreamableHttpUpstream,
  type AnswerSink,
  type HttpEndpointOptions,
  type Upstream,
  type UpstreamRequest,
} from '../../src/upstream/index.ts'

export const post = (body = '{}', extra: Partial<UpstreamRequest> = {}): UpstreamRequest => ({
  method: 'POST',
  query: '',
  headers: ['Content-Type', 'application/json'],
  body: Buffer.from(body),
  inbound: undefined,
  sessionId: undefined,
  longLived: false,
  ...extra,
})

export const get = (): UpstreamRequest =>
  post('', { method: 'GET', body: undefined, longLived: true })

/** An upstream that ends with the test. */
export function startUpstream(
  url: string,
  options: Partial<HttpEndpointOptions> = {},
  context?: Parameters<typeof createStreamableHttpUpstream>[1],
): Upstream {
  const upstream = createStreamableHttpUpstream(
    {
      kind: 'http',
      url,
      maxConnections: 4,
      maxStreams: 4,
      maxPending: 4,
      connectTimeoutMs: 1_000,
      responseTimeoutMs: 5_000,
      idleTimeoutMs: 5_000,
      ...options,
    },
    context,
  )
  onTestFinished(() => upstream.stop(0))
  return upstream
}

export interface Recorded extends AnswerSink {
  status: number
  headers: RawHeaders
  text: string
  trailers: RawHeaders
  sent: boolean | undefined
  accepts: boolean
  /** How it ended: undefined for an answer. */
  readonly over: Promise<GatewayError | undefined>
}

export function record(): Recorded {
  const { promise, resolve } = Promise.withResolvers<GatewayError | undefined>()
  return {
    status: 0,
    headers: [],
    text: '',
    trailers: [],
    sent: undefined,
    accepts: true,
    over: promise,
    onHead(status, headers) {
      this.status = status
      this.headers = headers
    },
    onData(chunk) {
      this.text += Buffer.from(chunk).toString()
      return this.accepts
    },
    onEnd(trailers) {
      this.trailers = trailers
      resolve(undefined)
    },
    onFailure(error, sent) {
      this.sent = sent
      resolve(error)
    },
  }
}
