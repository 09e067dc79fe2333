// A Streamable HTTP endpoint over undici: bytes out, bytes back, nothing parsed. Knows how a connection fails and
// whether the request had left by then; what a failure means for the client is decided further left.
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { Pool, type Dispatcher } from 'undici'
import { GatewayError, LiveSet, type LiveMember, type RawHeaders } from '../core/index.ts'
import type { HttpEndpointOptions } from './options.ts'
import type { AnswerSink, Upstream, UpstreamCall, UpstreamRequest } from './upstream.ts'

/** Codes of failures on the way to a connection that are TLS's, not the network's. */
const TLS_CODE = /^(?:ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO)/

export function createStreamableHttpUpstream(options: HttpEndpointOptions): Upstream {
  return new StreamableHttpUpstream(options)
}

class StreamableHttpUpstream implements Upstream {
  readonly #options: HttpEndpointOptions
  readonly #url: URL
  // Streams that stay open for hours must not starve calls of connections, so each kind has its own.
  readonly #calls: Pool
  readonly #streams: Pool
  readonly #open = new LiveSet<HttpCall>()
  #callCount = 0
  #streamCount = 0

  constructor(options: HttpEndpointOptions) {
    this.#options = options
    this.#url = new URL(options.url)
    const poolOf = (connections: number, bodyTimeout: number): Pool =>
      new Pool(this.#url.origin, {
        connections,
        pipelining: 1,
        connect: { timeout: options.connectTimeoutMs },
        headersTimeout: options.responseTimeoutMs,
        bodyTimeout,
      })
    this.#calls = poolOf(options.maxConnections, options.idleTimeoutMs)
    this.#streams = poolOf(options.maxStreams, 0)
  }

  async start(): Promise<void> {}

  /** Calls under way are the drain's business; by now they are over or to be cut. */
  async stop(): Promise<void> {
    for (const call of this.#open.snapshot()) call.cut()
    await Promise.all([this.#calls.destroy(), this.#streams.destroy()])
  }

  send(request: UpstreamRequest, sink: AnswerSink): UpstreamCall {
    const call = new HttpCall(sink, (gone) => this.#forget(gone, request.longLived))
    const refusal = this.#admit(request.longLived)
    this.#open.add(call)
    if (refusal !== undefined) {
      queueMicrotask(() => call.fail(refusal))
      return call
    }
    const pool = request.longLived ? this.#streams : this.#calls
    try {
      pool.dispatch(this.#dispatchOptions(request), call)
    } catch (cause) {
      // undici refuses what it cannot write, such as a header value with a line break, before anything leaves.
      const error = new GatewayError('GW_INTERNAL', 'the request cannot be written', { cause })
      queueMicrotask(() => call.fail(error))
    }
    return call
  }

  async probe(timeoutMs: number): Promise<void> {
    const { hostname, port, protocol } = this.#url
    const isTls = protocol === 'https:'
    const target = {
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port) || (isTls ? 443 : 80),
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const servername = /^[\d.]+$|:/.test(target.host) ? {} : { servername: target.host }
    const socket = isTls ? connectTls({ ...target, ...servername }) : connectTcp(target)
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('no answer in time')))
    socket.once(isTls ? 'secureConnect' : 'connect', resolve).once('error', reject)
    try {
      await promise
    } catch (cause) {
      throw connectFailure(cause as Error)
    } finally {
      socket.destroy()
    }
  }

  #admit(longLived: boolean): GatewayError | undefined {
    const { maxConnections, maxPending, maxStreams } = this.#options
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

  #dispatchOptions(request: UpstreamRequest): Dispatcher.DispatchOptions {
    const { pathname, search } = this.#url
    return {
      path: pathname + joinQuery(search, request.query),
      method: request.method,
      headers: request.headers as string[],
      body: request.body ?? null,
      // A lost POST may have run: undici must not send it again on its own.
      idempotent: false,
    }
  }
}

/** The endpoint's own query comes first, the client's after it. */
function joinQuery(own: string, client: string): string {
  if (own === '') return client
  return client === '' ? own : `${own}&${client.slice(1)}`
}

/** One request at the endpoint. Ends exactly once: answered, failed, or given up. */
class HttpCall implements UpstreamCall, LiveMember, Dispatcher.DispatchHandler {
  place = -1
  readonly #sink: AnswerSink
  readonly #onGone: (call: HttpCall) => void
  #controller: Dispatcher.DispatchController | undefined
  #over = false
  #gone = false

  /** `onGone`: undici holds nothing of this call any more, neither a connection nor a place in its queue. */
  constructor(sink: AnswerSink, onGone: (call: HttpCall) => void) {
    this.#sink = sink
    this.#onGone = onGone
  }

  resume(): void {
    this.#controller?.resume()
  }

  abort(): void {
    if (this.#over) return
    this.#over = true
    // A paused connection must not go back to its pool: it would stay paused for ever and be lost to it.
    this.#controller?.abort(new Error('the call was given up'))
  }

  /** Ends the call because the endpoint's connections go away. */
  cut(): void {
    if (this.#over) return
    this.abort()
    this.#sink.onFailure(new GatewayError('GW_DRAINING', 'the gateway is stopping'), true)
  }

  /** Ends a call that undici never took. */
  fail(error: GatewayError): void {
    this.#leave()
    if (this.#over) return
    this.#over = true
    this.#sink.onFailure(error, false)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // Given up while it waited for a connection.
    if (this.#over) controller.abort(new Error('the call was given up'))
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[]>,
  ): void {
    // Interim answers (RFC 9110 §15.2) are between the endpoint and us.
    if (this.#over || status < 200) return
    this.#sink.onHead(status, flatten(headers))
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#over && !this.#sink.onData(chunk)) controller.pause()
  }

  onResponseEnd(
    _controller: Dispatcher.DispatchController,
    trailers: Record<string, string | string[]>,
  ): void {
    this.#leave()
    if (this.#over) return
    this.#over = true
    this.#sink.onEnd(flatten(trailers))
  }

  onResponseError(_controller: Dispatcher.DispatchController, cause: Error): void {
    this.#leave()
    if (this.#over) return
    this.#over = true
    const sent = this.#controller !== undefined
    this.#sink.onFailure(sent ? answerFailure(cause) : connectFailure(cause), sent)
  }

  #leave(): void {
    if (this.#gone) return
    this.#gone = true
    this.#onGone(this)
  }
}

function flatten(headers: Record<string, string | string[]>): RawHeaders {
  const raw: string[] = []
  for (const name in headers) {
    const value = headers[name]
    if (typeof value === 'string') raw.push(name, value)
    else for (const single of value ?? []) raw.push(name, single)
  }
  return raw
}

function codeOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  return typeof code === 'string' ? code : ''
}

function connectFailure(cause: Error): GatewayError {
  const code = codeOf(cause)
  if (TLS_CODE.test(code)) {
    return new GatewayError('GW_UPSTREAM_TLS', `TLS with the endpoint failed (${code})`, { cause })
  }
  const reason = code === '' ? 'no connection' : code
  return new GatewayError('GW_UPSTREAM_UNREACHABLE', `the endpoint is unreachable (${reason})`, {
    cause,
  })
}

function answerFailure(cause: Error): GatewayError {
  const code = codeOf(cause)
  if (code === 'UND_ERR_HEADERS_TIMEOUT') {
    return new GatewayError('GW_UPSTREAM_TIMEOUT', 'the endpoint did not begin to answer in time', {
      cause,
    })
  }
  if (code === 'UND_ERR_BODY_TIMEOUT') {
    return new GatewayError('GW_UPSTREAM_TIMEOUT', 'the endpoint fell silent within its answer', {
      cause,
    })
  }
  return new GatewayError('GW_UPSTREAM_BROKEN', 'the endpoint broke off the call', { cause })
}

function overloaded(what: string): GatewayError {
  return new GatewayError('GW_UPSTREAM_OVERLOADED', `the endpoint is busy: ${what}`, {
    retryAfterSeconds: 1,
  })
}
