// An HTTP endpoint as a place that requests are sent to, whatever they mean: admits them up to the endpoint's limits.
// Connections, their TLS and what a failure means are with the files beside this one.
import { GatewayError, LiveSet, systemClock, type Clock } from '../../core/index.ts'
import { silentLog } from '../../observability/index.ts'
import { createClientTls, DEFAULT_CLIENT_TLS, type ClientTls } from '../../tls/index.ts'
import { HttpCall } from './call.ts'
import type { OutgoingRequest } from './carrier.ts'
import { cleartextWarning } from './cleartext.ts'
import { Connections, portOf } from './connections.ts'
import { overloaded } from './failures.ts'
import { probeEndpoint } from './probe.ts'
import type { HttpEndpointOptions } from '../options.ts'
import type { AnswerSink, UpstreamCall } from '../upstream.ts'

export interface HttpEndpointContext {
  readonly clock: Clock
  /** For an https endpoint; several endpoints of a server share one when they have the same options. */
  readonly tls: ClientTls
}

/** @throws TlsMaterialError when no `tls` is given and a file of the endpoint's own cannot be used. */
export function createHttpEndpoint(
  options: HttpEndpointOptions,
  { clock = systemClock, tls }: Partial<HttpEndpointContext> = {},
): HttpEndpoint {
  const { protocol, origin } = new URL(options.url)
  if (protocol !== 'https:') return new HttpEndpoint(options, { clock, tls: undefined })
  const own = (): ClientTls =>
    createClientTls(options.tls ?? DEFAULT_CLIENT_TLS, { name: origin, clock, log: silentLog })
  return new HttpEndpoint(options, { clock, tls: tls ?? own() })
}

export class HttpEndpoint {
  readonly options: HttpEndpointOptions
  readonly clock: Clock
  readonly tls: ClientTls | undefined
  readonly #url: URL
  readonly #connections: Connections
  readonly #open = new LiveSet<HttpCall>()
  #unfollow: (() => void) | undefined
  #callCount = 0
  #streamCount = 0

  constructor(
    options: HttpEndpointOptions,
    { clock, tls }: { readonly clock: Clock; readonly tls: ClientTls | undefined },
  ) {
    this.options = options
    this.clock = clock
    this.tls = tls
    this.#url = new URL(options.url)
    this.#connections = new Connections(options, { origin: this.#url.origin, tls, clock })
  }

  get warnings(): readonly string[] {
    return this.tls?.warnings ?? cleartextWarning(this.#url)
  }

  /** Path and query of the endpoint's URL, with a client's query behind its own. */
  target(query: string): string {
    const { pathname, search } = this.#url
    return pathname + joinQuery(search, query)
  }

  async start(): Promise<void> {
    this.#unfollow = this.tls?.onChange(() => this.#connections.replace())
  }

  /** Calls under way are the drain's business; by now they are over or to be cut. */
  async stop(): Promise<void> {
    this.#unfollow?.()
    for (const call of this.#open.snapshot()) call.cut()
    await this.#connections.destroy()
  }

  /** Sends the request. Never throws: every failure reaches the sink, and not before `send` has returned. */
  send(request: OutgoingRequest, longLived: boolean, sink: AnswerSink): UpstreamCall {
    const call = new HttpCall(sink, (gone) => this.#forget(gone, longLived))
    const refusal = this.#admit(longLived)
    this.#open.add(call)
    if (refusal !== undefined) {
      queueMicrotask(() => call.fail(refusal))
      return call
    }
    const pool = longLived ? this.#connections.streams : this.#connections.calls
    try {
      call.attach(pool.dispatch(request, call))
    } catch (cause) {
      // What cannot be written, such as a header value with a line break: nothing has left.
      const error = new GatewayError('GW_INTERNAL', 'the request cannot be written', { cause })
      queueMicrotask(() => call.fail(error))
    }
    return call
  }

  async probe(timeoutMs: number): Promise<void> {
    const host = this.#url.hostname.replace(/^\[|\]$/g, '')
    await probeEndpoint({
      address: { host, port: portOf(this.#url) },
      tls: this.tls,
      http2: this.options.http2 === true,
      timeoutMs,
      clock: this.clock,
    })
  }

  #admit(longLived: boolean): GatewayError | undefined {
    const { maxConnections, maxPending, maxStreams } = this.options
    if (longLived) {
      if (this.#streamCount++ < maxStreams) return undefined
      return overloaded(`${maxStreams} event streams are open (max_streams)`)
    }
    if (this.#callCount++ < maxConnections + maxPending) return undefined
    return overloaded(`${maxConnections} calls are under way and ${maxPending} wait`)
  }

  #forget(call: HttpCall, longLived: boolean): void {
    this.#open.delete(call)
    if (longLived) this.#streamCount--
    else this.#callCount--
  }
}

/** The endpoint's own query comes first, the client's after it. */
function joinQuery(own: string, client: string): string {
  if (own === '') return client
  return client === '' ? own : `${own}&${client.slice(1)}`
}
