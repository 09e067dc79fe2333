// What the tests of endpoints by URL share: an upstream on whatever transport its options or the endpoint decide.
import { onTestFinished } from 'vitest'
import {
  createHttpUpstream,
  type HttpEndpointOptions,
  type Upstream,
} from '../../src/upstream/index.ts'

export function startHttpUpstream(
  url: string,
  options: Partial<HttpEndpointOptions> = {},
  context: Parameters<typeof createHttpUpstream>[1] = {},
): Upstream {
  const upstream = createHttpUpstream(
    {
      kind: 'http',
      url,
      maxConnections: 8,
      maxStreams: 8,
      maxPending: 64,
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
