// An HTTP+SSE endpoint (MCP 2024-11-05) as an Upstream: towards the inside it speaks Streamable HTTP of the legacy era,
// with sessions of its own, each on a connection of its own.
import { GatewayError, type Clock, type Timer } from '../../core/index.ts'
import type { Log } from '../../observability/index.ts'
import type { TlsSource } from '../../tls/index.ts'
import type { HttpEndpoint } from '../http/endpoint.ts'
import { DEFAULT_HTTP_SSE, type SessionLimits } from '../options.ts'
import type { AnswerStream } from '../session/answer-stream.ts'
import { Answering, type Answerer } from '../session/answering.ts'
import { draining } from '../session/refusals.ts'
import { Sessions } from '../session/sessions.ts'
import type { AnswerSink, Upstream, UpstreamCall, UpstreamRequest } from '../upstream.ts'
import { legacyOnly } from '../wrong-era.ts'
import { SseConnection } from './connection.ts'

export interface LegacySseContext {
  /** Name of the server, for errors. */
  readonly server: string
  readonly log: Log
}

/** Hears whether an endpoint that is sent an `initialize` speaks this transport at all. */
export interface OpeningWatch {
  onOpened(): void
  /** Nothing of the client's message was sent. */
  onNotOpened(failure: GatewayError): void
}

const TICK_MS = 1_000

export class LegacySseUpstream implements Upstream, Answerer {
  readonly #endpoint: HttpEndpoint
  readonly #url: URL
  readonly #context: LegacySseContext
  readonly #clock: Clock
  readonly #limits: SessionLimits
  readonly #sessions: Sessions
  readonly #answering: Answering
  readonly #watches = new WeakMap<UpstreamRequest, OpeningWatch>()
  /** Without a session yet. */
  readonly #opening = new Set<SseConnection>()
  #tick: Timer | undefined

  constructor(endpoint: HttpEndpoint, context: LegacySseContext) {
    const { clock, options } = endpoint
    this.#endpoint = endpoint
    this.#url = new URL(options.url)
    this.#context = context
    this.#clock = clock
    this.#limits = {
      ...(options.httpSse ?? DEFAULT_HTTP_SSE),
      responseTimeoutMs: options.responseTimeoutMs,
    }
    const { log } = context
    this.#sessions = new Sessions({
      limits: this.#limits,
      clock,
      log,
      tooOld: () => this.#tooOld(),
    })
    this.#answering = new Answering(clock, this)
  }

  get tls(): TlsSource | undefined {
    return this.#endpoint.tls
  }

  get warnings(): readonly string[] {
    return this.#endpoint.warnings
  }

  /** True while a session with this id is held. */
  holds(sessionId: string): boolean {
    return this.#sessions.holds(sessionId)
  }

  async start(): Promise<void> {
    await this.#endpoint.start()
  }

  async stop(deadlineMs: number): Promise<void> {
    await this.#answering.stop(deadlineMs)
    await this.#endpoint.stop()
  }

  send(request: UpstreamRequest, sink: AnswerSink): UpstreamCall {
    return this.#answering.send(request, sink)
  }

  /** Sends an `initialize`; `watch` hears what comes of the connection for it, before the sink hears anything. */
  sendWatched(request: UpstreamRequest, sink: AnswerSink, watch: OpeningWatch): UpstreamCall {
    this.#watches.set(request, watch)
    return this.send(request, sink)
  }

  async probe(timeoutMs: number): Promise<void> {
    await this.#endpoint.probe(timeoutMs)
  }

  answer(request: UpstreamRequest, answer: AnswerStream): void {
    const { method, sessionId, inbound } = request
    if (inbound?.era === 'modern') {
      answer.fail(legacyOnly(this.#context.server, inbound.version), false)
    } else if (method === 'GET') this.#sessions.open(request, answer)
    else if (method === 'DELETE') this.#sessions.end(request, answer)
    else if (sessionId === undefined && inbound?.method === 'initialize') {
      this.#begin(request, answer)
    } else this.#sessions.post(request, answer)
  }

  retire(): void {
    this.#sessions.retire()
  }

  async cut(): Promise<void> {
    for (const connection of this.#opening) connection.fail(draining())
    this.#sessions.stop()
    this.#tick?.cancel()
  }

  #begin(request: UpstreamRequest, answer: AnswerStream): void {
    const session = this.#sessions.create(({ deliver }) => deliver())
    const watch = this.#watches.get(request)
    const { headers, query } = request
    const connection: SseConnection = new SseConnection(
      { path: this.#endpoint.target(query), headers },
      {
        endpoint: this.#endpoint,
        url: this.#url,
        maxMessageBytes: this.#limits.maxMessageBytes,
        log: this.#context.log,
        listener: session,
        onOpened: (failure) => {
          this.#opening.delete(connection)
          answer.onAbandoned = undefined
          if (failure !== undefined) {
            watch?.onNotOpened(failure)
            answer.fail(failure, false)
            return
          }
          watch?.onOpened()
          this.#tick ??= this.#clock.every(TICK_MS, () => this.#onTick())
          this.#sessions.begin(session, connection, request, answer)
        },
      },
    )
    this.#opening.add(connection)
    answer.onAbandoned = () => {
      this.#opening.delete(connection)
      void connection.stop()
    }
  }

  #onTick(): void {
    this.#sessions.tick()
    if (this.#sessions.size > 0) return
    this.#tick?.cancel()
    this.#tick = undefined
  }

  #tooOld(): GatewayError {
    return new GatewayError(
      'GW_UPSTREAM_BROKEN',
      `the session was ended after ${this.#limits.maxLifetimeMs} ms (max_lifetime) with the call under way`,
    )
  }
}
