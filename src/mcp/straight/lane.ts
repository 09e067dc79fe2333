// The straight lane: one server, its own era, no rule that changes content. The original bytes go to the pool, the answer
// comes back through a Relay as it is.
import {
  type Content,
  Deadlines,
  GatewayError,
  LiveSet,
  type Clock,
  type Exchange,
  type RawHeaders,
} from '../../core/index.ts'
import type { EndpointStatus, Pool, RoutedSink } from '../../routing/index.ts'
import type { UpstreamRequest } from '../../upstream/index.ts'
import { HEADER, type Inbound } from '../../wire/index.ts'
import type { ServerEras } from '../back/eras.ts'
import { identityOf } from '../caller.ts'
import { originHeaders, requestHeaders } from '../forwarding.ts'
import type { McpLimits } from '../options.ts'
import type { StraightServer } from '../route.ts'
import type { CallOutcome, Visit } from '../visit.ts'
import { EraDoubt, type Hint } from './era-doubt.ts'
import { notingPlaces, placeOf } from './place.ts'
import type { RenamedCall } from './renamed-call.ts'
import { Relay, type RelayedCall, type RelayOwner } from './relay.ts'
import type { SealedSession, SessionSeal } from './sessions.ts'
import { WordedAnswer } from './worded-answer.ts'

export interface StraightLaneContext {
  readonly limits: McpLimits
  readonly seal: SessionSeal
  readonly clock: Clock
  /** This gateway's name in Via. */
  readonly viaName: string
  readonly onStreamOpen: (visit: Visit) => void
  readonly onStreamClose: (visit: Visit) => void
  readonly onOver: (visit: Visit, outcome: CallOutcome, error: GatewayError | undefined) => void
  /** Takes a visit over, unanswered: it has turned out that the server does not speak the message's era. */
  readonly onOtherEra: (visit: Visit, body: Buffer) => void
}

/** What is sent. */
export interface StraightRequest {
  readonly method: UpstreamRequest['method']
  readonly content: Content | undefined
  /** Undefined for GET and DELETE. */
  readonly inbound: Inbound | undefined
  /** What the server is to see instead, where its name of the tool is another. */
  readonly renamed?: RenamedCall | undefined
}

export class StraightLane implements RelayOwner {
  readonly limits: McpLimits
  readonly clock: Clock
  readonly quietStreams: Deadlines<Relay>
  readonly #context: StraightLaneContext
  readonly #relays = new LiveSet<Relay>()
  #isDraining = false

  constructor(context: StraightLaneContext) {
    this.limits = context.limits
    this.clock = context.clock
    this.quietStreams = new Deadlines({
      clock: context.clock,
      timeoutMs: context.limits.keepAliveMs,
      onExpired: (relay) => relay.keepAlive(),
    })
    this.#context = context
  }

  /** Answers under way. */
  get inFlight(): number {
    return this.#relays.size
  }

  /** Ends streams that would stay open for ever, in good order, and opens no new ones; calls under way may finish. */
  drain(): void {
    this.#isDraining = true
    for (const relay of this.#relays.snapshot()) if (relay.call.longLived) relay.close()
  }

  /** @throws GatewayError before anything was sent or answered */
  send(visit: Visit, { pool, eras, places }: StraightServer, request: StraightRequest): void {
    const { exchange } = visit
    const { method, inbound, renamed } = request
    const content = renamed?.content ?? request.content
    const session = this.#sessionOf(exchange, pool, inbound)
    const longLived = method === 'GET' || inbound?.method === 'subscriptions/listen'
    if (longLived && this.#isDraining) {
      throw new GatewayError('GW_DRAINING', 'the gateway is stopping and opens no new streams')
    }
    const sessionId = session?.sessionId
    const own = requestHeaders(exchange, this.#context.viaName, sessionId)
    const headers = renamed === undefined ? own : renamed.headers(own)
    const relay = new Relay(this, { visit, pool, content, inbound, session, longLived })
    this.#relays.add(relay)
    content?.hold()
    const { query } = exchange
    const placed = { from: exchange, inbound, content }
    const answered = renamed === undefined ? relay : new WordedAnswer(relay, renamed.word)
    const sink = notingPlaces(places, placed, answered)
    relay.isOnlyReader = sink === answered
    relay.attach(
      pool.send(
        new StraightOutgoing({ method, query, headers, content, inbound, sessionId, longLived }),
        this.#doubting(relay, sink, { eras, request }),
        session?.endpointKey ?? placeOf(places, placed),
      ),
    )
  }

  /** The id the client already has, when the endpoint repeats the session's; else a new one. */
  sealFor({ visit, pool, session }: RelayedCall, sessionId: string, from: EndpointStatus): string {
    const { exchange } = visit
    const known = exchange.header(HEADER.sessionId)
    if (known !== undefined && session?.sessionId === sessionId) return known
    const sealed = { endpointKey: from.key, sessionId }
    return this.#context.seal.seal(boundTo(exchange, pool), sealed)
  }

  onStreamOpen({ visit }: RelayedCall): void {
    this.#context.onStreamOpen(visit)
  }

  onRelayOver(relay: Relay, outcome: CallOutcome, error: GatewayError | undefined): void {
    this.#relays.delete(relay)
    if (relay.streams) this.#context.onStreamClose(relay.call.visit)
    this.#context.onOver(relay.call.visit, outcome, error)
    relay.call.content?.letGo()
  }

  /** Looks at refusals of a message that may be of an era the server does not speak. */
  #doubting(
    relay: Relay,
    sink: RoutedSink,
    { eras, request }: { readonly eras: ServerEras; readonly request: StraightRequest },
  ): RoutedSink {
    const { inbound, content } = request
    if (inbound === undefined || content === undefined || eras.isPinned) return sink
    if (inbound.era === 'legacy' && inbound.method !== 'initialize') return sink
    return new EraDoubt(sink, inbound, (hint, doubt) => {
      void this.#settle(relay, doubt, this.#judge(relay, eras, hint), content)
    })
  }

  async #settle(
    relay: Relay,
    doubt: EraDoubt,
    judging: Promise<boolean>,
    content: Content,
  ): Promise<void> {
    const isOfOtherEra = await judging
    // The client may have left meanwhile.
    if (relay.isOver) return
    if (isOfOtherEra) this.#handOver(relay, content.bytes())
    else doubt.release()
  }

  #handOver(relay: Relay, body: Buffer): void {
    this.#relays.delete(relay)
    relay.withdraw()
    this.#context.onOtherEra(relay.call.visit, body)
  }

  /** Whether a server that refused a message does not speak its era. */
  #judge(relay: Relay, eras: ServerEras, hint: Hint): Promise<boolean> {
    const { inbound } = relay.call
    return inbound?.era === 'modern'
      ? this.#isLegacy(relay, eras, hint)
      : this.#isModern(relay, eras, hint)
  }

  /** Whether a server that refused a modern message speaks only the legacy era. */
  async #isLegacy({ call }: Relay, eras: ServerEras, hint: Hint): Promise<boolean> {
    if (hint !== 'unclear') eras.learn('modern', hint === 'speaks')
    if (hint === 'speaks') return false
    return (await eras.speaksModern(this.#originOf(call))) === false
  }

  /** Whether a server that refused to `initialize` speaks only the modern era. */
  async #isModern({ call }: Relay, eras: ServerEras, hint: Hint): Promise<boolean> {
    const speaksModern = hint === 'speaks-not' || (await eras.speaksModern(this.#originOf(call)))
    // A server of neither era, or one that is out of order: its own words say more.
    if (speaksModern !== true) return false
    eras.learn('modern', true)
    eras.learn('legacy', false)
    return true
  }

  #originOf({ visit }: RelayedCall): RawHeaders {
    return originHeaders(visit.exchange, this.#context.viaName)
  }

  /**
   * The session that the client names. Not in the modern era, which has none and ignores the header; not for
   * `initialize`, which begins one.
   *
   * @throws GatewayError GW_SESSION_NOT_FOUND: not ours, another caller's, or its endpoint is gone and the session with
   * it. The client then initializes again (MCP 2025-11-25 transports §Session management), on an endpoint that is there.
   */
  #sessionOf(
    exchange: Exchange,
    pool: Pool,
    inbound: Inbound | undefined,
  ): SealedSession | undefined {
    const sealed = exchange.header(HEADER.sessionId)
    if (sealed === undefined) return undefined
    if (inbound?.era === 'modern' || inbound?.method === 'initialize') return undefined
    const session = this.#context.seal.open(boundTo(exchange, pool), sealed)
    if (session !== undefined && pool.holds(session.endpointKey)) return session
    throw new GatewayError('GW_SESSION_NOT_FOUND', 'the session is unknown; initialize again', {
      ...(inbound?.id !== undefined && { rpcId: inbound.id }),
    })
  }
}

/** For transports that want the body in one piece it is joined when they ask for it. */
class StraightOutgoing implements UpstreamRequest {
  readonly method: UpstreamRequest['method']
  readonly query: string
  readonly headers: RawHeaders
  readonly content: Content | undefined
  readonly inbound: Inbound | undefined
  readonly sessionId: string | undefined
  readonly longLived: boolean

  constructor(request: Omit<UpstreamRequest, 'body'>) {
    this.method = request.method
    this.query = request.query
    this.headers = request.headers
    this.content = request.content
    this.inbound = request.inbound
    this.sessionId = request.sessionId
    this.longLived = request.longLived
  }

  get body(): Buffer | undefined {
    return this.content?.bytes()
  }
}

/** A session belongs to a server and, where it is known who began it, to that caller. */
function boundTo(exchange: Exchange, { server }: Pool): string {
  const identity = identityOf(exchange)
  return identity === undefined ? server : `${server}\n${identity}`
}
