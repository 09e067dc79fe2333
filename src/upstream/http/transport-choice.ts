// Which transport an endpoint by URL speaks: Streamable HTTP until it refuses an `initialize` in the way that servers of
// HTTP+SSE do, and a look at its URL shows that it is one (MCP 2025-11-25 transports §Backwards Compatibility). What was
// found is remembered until it proves wrong. Requests that decide nothing pass straight through.
import type { Clock, GatewayError } from '../../core/index.ts'
import type { Log } from '../../observability/index.ts'
import type { TlsSource } from '../../tls/index.ts'
import type { LegacySseUpstream } from '../legacy-sse/legacy-sse-upstream.ts'
import type { AnswerSink, Upstream, UpstreamCall, UpstreamRequest } from '../upstream.ts'
import { ChoosingCall, type TransportLooker } from './choosing-call.ts'
import { isGone, isOtherTransport } from './transport-signs.ts'

/** How long an endpoint that showed no HTTP+SSE is not looked at again. */
export const NOT_LOOKED_AT_FOR_MS = 60_000

export interface TransportChoiceContext {
  readonly streamable: Upstream
  readonly sse: LegacySseUpstream
  readonly clock: Clock
  readonly log: Log
}

export class TransportChoice implements Upstream, TransportLooker {
  readonly #context: TransportChoiceContext
  #isSse = false
  #lookAgainAtMs = Number.NEGATIVE_INFINITY
  /** The look that is being taken, and who waits for what it shows. */
  #looking: ((isSse: boolean | undefined) => void)[] | undefined

  constructor(context: TransportChoiceContext) {
    this.#context = context
  }

  get tls(): TlsSource | undefined {
    return this.#context.streamable.tls
  }

  get warnings(): readonly string[] {
    return this.#context.streamable.warnings ?? []
  }

  async start(): Promise<void> {
    await this.#context.streamable.start()
  }

  /** Both transports share their connections, which end with the sessions of the one. */
  async stop(deadlineMs: number): Promise<void> {
    await this.#context.sse.stop(deadlineMs)
  }

  async probe(timeoutMs: number): Promise<void> {
    await this.#context.streamable.probe(timeoutMs)
  }

  send(request: UpstreamRequest, sink: AnswerSink): UpstreamCall {
    const { streamable, sse } = this.#context
    const { sessionId, inbound } = request
    // Sessions stay with the transport they began on.
    if (sessionId !== undefined && sse.holds(sessionId)) return sse.send(request, sink)
    const begins = sessionId === undefined && inbound?.method === 'initialize'
    if (begins && inbound.era === 'legacy') return new ChoosingCall(this, request, sink).go()
    return this.#isSse ? sse.send(request, sink) : streamable.send(request, sink)
  }

  get streamable(): Upstream {
    return this.#context.streamable
  }

  get sse(): LegacySseUpstream {
    return this.#context.sse
  }

  get isSse(): boolean {
    return this.#isSse
  }

  get mayLook(): boolean {
    return this.#context.clock.monotonicMs() >= this.#lookAgainAtMs
  }

  look(onSeen: (isSse: boolean | undefined) => void): boolean {
    if (this.#looking === undefined) {
      this.#looking = []
      return true
    }
    this.#looking.push(onSeen)
    return false
  }

  onSeen(isSse: boolean | undefined): void {
    const waiting = this.#looking ?? []
    this.#looking = undefined
    for (const tell of waiting) tell(isSse)
  }

  onOpened(): void {
    if (!this.#isSse) this.#context.log.info({}, 'endpoint speaks HTTP+SSE (MCP 2024-11-05)')
    this.#isSse = true
  }

  onNotOpened(failure: GatewayError): void {
    const isOther = isOtherTransport(failure)
    if (isOther) this.#lookAgainAtMs = this.#context.clock.monotonicMs() + NOT_LOOKED_AT_FOR_MS
    if (!this.#isSse || !(isOther || isGone(failure))) return
    this.#isSse = false
    this.#context.log.info({ error: failure }, 'endpoint does not speak HTTP+SSE any more')
  }
}
