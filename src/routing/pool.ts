// The endpoints of one server: round robin over the healthy ones, health from what calls and probes see, and the one
// retry there is, for a request that provably never left.
import { createHash } from 'node:crypto'
import {
  GatewayError,
  type Clock,
  type ErrorCode,
  type Part,
  type RawHeaders,
  type Timer,
} from '../core/index.ts'
import type { Log, Metrics } from '../observability/index.ts'
import type {
  AnswerSink,
  TlsSource,
  Upstream,
  UpstreamCall,
  UpstreamRequest,
} from '../upstream/index.ts'
import type { HealthCheckOptions } from './options.ts'
import type { EndpointStatus, Pool, RoutedSink } from './router.ts'

/** An endpoint as composition hands it in. */
export interface PoolMember {
  readonly name: string
  readonly upstream: Upstream
}

export interface PoolContext {
  readonly server: string
  readonly healthCheck: HealthCheckOptions
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
}

interface Endpoint extends EndpointStatus {
  readonly upstream: Upstream
  healthy: boolean
  lastCheckMs: number | undefined
}

const KEY_CHARS = 16
const NONE: readonly never[] = []

/** Failures that say the endpoint itself is out of reach, not that one call went wrong. */
const UNREACHABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'GW_UPSTREAM_UNREACHABLE',
  'GW_UPSTREAM_TLS',
])

/** A pool with a life: probes run between `start` and `stop`. */
export class EndpointPool implements Pool, Part {
  readonly server: string
  readonly #context: PoolContext
  readonly #endpoints: readonly Endpoint[]
  readonly #byKey: ReadonlyMap<string, Endpoint>
  readonly #suspected = new Set<Endpoint>()
  #turn = 0
  #probing: Timer | undefined

  constructor(members: readonly PoolMember[], context: PoolContext) {
    this.server = context.server
    this.#context = context
    this.#endpoints = members.map(({ name, upstream }, place) => ({
      key: endpointKey(context.server, name, members.slice(0, place)),
      name,
      upstream,
      healthy: true,
      lastCheckMs: undefined,
    }))
    this.#byKey = new Map(this.#endpoints.map((endpoint) => [endpoint.key, endpoint]))
  }

  async start(): Promise<void> {
    await Promise.all(this.#endpoints.map(({ upstream }) => upstream.start()))
    for (const warning of this.warnings) this.#context.log.warn({ server: this.server }, warning)
    for (const endpoint of this.#endpoints) this.#report(endpoint)
    void this.probeAll()
    const { intervalMs } = this.#context.healthCheck
    this.#probing = this.#context.clock.every(intervalMs, () => void this.probeAll())
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#probing?.cancel()
    await Promise.all(this.#endpoints.map(({ upstream }) => upstream.stop(deadlineMs)))
  }

  /** The TLS configurations of the endpoints, each once. */
  get tlsSources(): readonly TlsSource[] {
    return [...new Set(this.#endpoints.flatMap(({ upstream }) => upstream.tls ?? []))]
  }

  /** What is unsafe about the way to the endpoints, one sentence each. */
  get warnings(): readonly string[] {
    return [...new Set(this.#endpoints.flatMap(({ upstream }) => upstream.warnings ?? []))]
  }

  endpoints(): readonly EndpointStatus[] {
    return this.#endpoints
  }

  holds(key: string): boolean {
    return this.#byKey.get(key)?.healthy ?? false
  }

  send(request: UpstreamRequest, sink: RoutedSink, boundTo?: string): UpstreamCall {
    const call = new PooledCall(this, request, sink)
    const endpoint = boundTo === undefined ? this.next() : this.#byKey.get(boundTo)
    call.go(endpoint, boundTo !== undefined)
    return call
  }

  /** Next in turn among the healthy, not tried yet; when none is healthy, among all: one may have come back. */
  next(tried: readonly Endpoint[] = NONE): Endpoint | undefined {
    const { length } = this.#endpoints
    let fallback = -1
    for (let step = 0; step < length; step++) {
      const at = (this.#turn + step) % length
      const endpoint = this.#endpoints[at] as Endpoint
      if (tried.includes(endpoint)) continue
      if (endpoint.healthy) return this.#take(at)
      if (fallback < 0) fallback = at
    }
    return fallback < 0 ? undefined : this.#take(fallback)
  }

  #take(at: number): Endpoint | undefined {
    this.#turn = (at + 1) % this.#endpoints.length
    return this.#endpoints[at]
  }

  /** Looks at every endpoint once. Never rejects: what it finds is in the status. */
  async probeAll(): Promise<readonly { name: string; error: unknown }[]> {
    return Promise.all(this.#endpoints.map((endpoint) => this.#probe(endpoint)))
  }

  /** Looks at one endpoint now, unless that is being done: a broken call may mean that the endpoint is gone. */
  suspect(endpoint: Endpoint): void {
    if (this.#suspected.has(endpoint)) return
    this.#suspected.add(endpoint)
    void this.#probe(endpoint).then(() => this.#suspected.delete(endpoint))
  }

  async #probe(endpoint: Endpoint): Promise<{ name: string; error: unknown }> {
    const { timeoutMs } = this.#context.healthCheck
    const error: unknown = await endpoint.upstream.probe(timeoutMs).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    this.see(endpoint, error)
    return { name: endpoint.name, error }
  }

  /** Takes note of what a probe or a call says about an endpoint. */
  see(endpoint: Endpoint, error: unknown): void {
    const wasHealthy = endpoint.healthy
    endpoint.healthy = error === undefined
    endpoint.lastCheckMs = this.#context.clock.nowMs()
    if (wasHealthy === endpoint.healthy) return
    this.#report(endpoint)
    const fields = { server: this.server, endpoint: endpoint.name }
    if (endpoint.healthy) this.#context.log.info(fields, 'endpoint is reachable again')
    else this.#context.log.warn({ ...fields, error }, 'endpoint is unreachable')
  }

  #report(endpoint: Endpoint): void {
    this.#context.metrics.endpointHealthy.set(
      { server: this.server, endpoint: endpoint.name },
      endpoint.healthy ? 1 : 0,
    )
  }
}

/** The same name gets the same key wherever it stands; a name listed twice is told apart by its count. */
function endpointKey(server: string, name: string, before: readonly PoolMember[]): string {
  const repeats = before.filter((member) => member.name === name).length
  const digest = createHash('sha256').update(`${server}\n${name}\n${repeats}`).digest('base64url')
  return digest.slice(0, KEY_CHARS)
}

/** One request on its way through the pool: at most one endpoint has it at a time. */
class PooledCall implements UpstreamCall, AnswerSink {
  readonly #pool: EndpointPool
  readonly #request: UpstreamRequest
  readonly #sink: RoutedSink
  readonly #tried: Endpoint[] = []
  #endpoint: Endpoint | undefined
  #upstreamCall: UpstreamCall | undefined
  #bound = false
  #aborted = false

  constructor(pool: EndpointPool, request: UpstreamRequest, sink: RoutedSink) {
    this.#pool = pool
    this.#request = request
    this.#sink = sink
  }

  go(endpoint: Endpoint | undefined, bound: boolean): void {
    this.#bound = bound
    this.#endpoint = endpoint
    if (endpoint === undefined) {
      // After `send` has returned, as every failure.
      queueMicrotask(() => {
        if (!this.#aborted) this.#sink.onFailure(noEndpoint(this.#pool.server))
      })
      return
    }
    this.#tried.push(endpoint)
    this.#upstreamCall = endpoint.upstream.send(this.#request, this)
  }

  resume(): void {
    this.#upstreamCall?.resume()
  }

  expectSilence(isExpected: boolean): void {
    this.#upstreamCall?.expectSilence?.(isExpected)
  }

  abort(): void {
    this.#aborted = true
    this.#upstreamCall?.abort()
  }

  onHead(status: number, headers: RawHeaders): void {
    const endpoint = this.#endpoint as Endpoint
    if (!endpoint.healthy) this.#pool.see(endpoint, undefined)
    this.#sink.onHead(status, headers, endpoint)
  }

  onData(chunk: Uint8Array): boolean {
    return this.#sink.onData(chunk)
  }

  onEnd(trailers: RawHeaders): void {
    this.#sink.onEnd(trailers)
  }

  onFailure(error: GatewayError, sent: boolean): void {
    const endpoint = this.#endpoint as Endpoint
    if (UNREACHABLE.has(error.code)) this.#pool.see(endpoint, error)
    else if (error.code === 'GW_UPSTREAM_BROKEN') this.#pool.suspect(endpoint)
    const other = sent || this.#bound || this.#aborted ? undefined : this.#pool.next(this.#tried)
    if (other === undefined) this.#sink.onFailure(error)
    else this.go(other, false)
  }
}

function noEndpoint(server: string): GatewayError {
  return new GatewayError('GW_UPSTREAM_UNREACHABLE', `server "${server}" has no such endpoint`)
}
