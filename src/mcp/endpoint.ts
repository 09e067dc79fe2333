// What a route does with an exchange: verb, media types, body, message, session; then into the pool. Everything the
// client hears from here on comes through the Relay or is an error answered in one place.
import { GatewayError, LiveSet, toGatewayError, type Clock, type Exchange } from '../core/index.ts'
import type { EndpointStatus, Route } from '../routing/index.ts'
import type { UpstreamRequest } from '../upstream/index.ts'
import { HEADER, type Inbound } from '../wire/index.ts'
import { answerError } from './error-answer.ts'
import { hasPassed, requestHeaders } from './forwarding.ts'
import { readInbound } from './inbound.ts'
import type { McpLimits } from './options.ts'
import { Relay, type CallOutcome, type RelayedCall, type RelayOwner } from './relay.ts'
import type { SealedSession, SessionSeal } from './sessions.ts'

/** What composition learns about an exchange on a route, once it is over. */
export interface CallReport {
  readonly exchange: Exchange
  readonly route: Route
  readonly inbound: Inbound | undefined
  readonly outcome: CallOutcome
  readonly error: GatewayError | undefined
  /** From the header section to the end of the answer. */
  readonly durationMs: number
}

export interface McpEndpointContext {
  readonly limits: McpLimits
  readonly seal: SessionSeal
  readonly clock: Clock
  /** This gateway's name in Via, unique per process: how a loop is recognised. */
  readonly viaName: string
  readonly onStreamOpen: (route: Route) => void
  readonly onStreamClose: (route: Route) => void
  readonly onOver: (report: CallReport) => void
}

/** One exchange on a route, before its message is known. */
type Visit = Pick<RelayedCall, 'exchange' | 'route' | 'startedMs'>

const JSON_MEDIA_TYPE = /^application\/json(?:\s*;.*)?$/i
const CONTENT_CODING_NONE = 'identity'

export class McpEndpoint implements RelayOwner {
  readonly limits: McpLimits
  readonly clock: Clock
  readonly #context: McpEndpointContext
  readonly #relays = new LiveSet<Relay>()
  #draining = false

  constructor(context: McpEndpointContext) {
    this.limits = context.limits
    this.clock = context.clock
    this.#context = context
  }

  /** Takes over an exchange on a route. Never throws: every outcome is answered and reported. */
  handle(exchange: Exchange, route: Route): void {
    const visit: Visit = { exchange, route, startedMs: this.clock.monotonicMs() }
    try {
      this.#refuseLoop(visit)
      if (exchange.method === 'POST') {
        this.#post(visit).catch((thrown: unknown) => this.#fail(visit, thrown))
      } else {
        this.#sessionVerb(visit)
      }
    } catch (thrown) {
      this.#fail(visit, thrown)
    }
  }

  /** Ends streams that would stay open for ever, in good order, and opens no new ones; calls under way may finish. */
  drain(): void {
    this.#draining = true
    for (const relay of this.#relays.snapshot()) if (relay.call.longLived) relay.close()
  }

  /** Answers under way. */
  get inFlight(): number {
    return this.#relays.size
  }

  /** The id the client already has, when the endpoint repeats the session's; else a new one. */
  sealFor(
    { exchange, route, session }: RelayedCall,
    sessionId: string,
    from: EndpointStatus,
  ): string {
    const known = exchange.header(HEADER.sessionId)
    if (known !== undefined && session?.sessionId === sessionId) return known
    return this.#context.seal.seal(route.pool.server, { endpointKey: from.key, sessionId })
  }

  onStreamOpen({ route }: RelayedCall): void {
    this.#context.onStreamOpen(route)
  }

  onRelayOver(relay: Relay, outcome: CallOutcome, error: GatewayError | undefined): void {
    this.#relays.delete(relay)
    if (relay.streams) this.#context.onStreamClose(relay.call.route)
    this.#report(relay.call, relay.call.inbound, outcome, error)
  }

  #fail(visit: Visit, thrown: unknown): void {
    const error = toGatewayError(thrown)
    if (!visit.exchange.answer.started) answerError(visit.exchange, error)
    this.#report(visit, undefined, 'failed', error)
  }

  #report(
    { exchange, route, startedMs }: Visit,
    inbound: Inbound | undefined,
    outcome: CallOutcome,
    error: GatewayError | undefined,
  ): void {
    const durationMs = this.clock.monotonicMs() - startedMs
    this.#context.onOver({ exchange, route, inbound, outcome, error, durationMs })
  }

  #refuseLoop({ exchange, route }: Visit): void {
    const via = exchange.header('via')
    if (via === undefined || !hasPassed(via, this.#context.viaName)) return
    throw new GatewayError(
      'GW_LOOP_DETECTED',
      `the request has passed this gateway before: an endpoint of server "${route.pool.server}" leads back here`,
    )
  }

  async #post(visit: Visit): Promise<void> {
    const { exchange } = visit
    checkMediaType(exchange)
    const body = await exchange.readBody(this.limits.maxBodyBytes)
    const inbound = readInbound(exchange, body, this.limits)
    const session = this.#sessionOf(visit, inbound)
    const longLived = inbound.method === 'subscriptions/listen'
    this.#forward('POST', body, { ...visit, inbound, session, longLived })
  }

  /** GET opens a session's event stream, DELETE ends the session: both are of the legacy era. */
  #sessionVerb(visit: Visit): void {
    const { method } = visit.exchange
    if (method !== 'GET' && method !== 'DELETE') {
      throw new GatewayError('GW_METHOD_NOT_ALLOWED', `expected POST, GET or DELETE, got ${method}`)
    }
    const session = this.#sessionOf(visit, undefined)
    const longLived = method === 'GET'
    this.#forward(method, undefined, { ...visit, inbound: undefined, session, longLived })
  }

  #forward(method: UpstreamRequest['method'], body: Buffer | undefined, call: RelayedCall): void {
    const { exchange, route, session, inbound, longLived } = call
    if (longLived && this.#draining) {
      throw new GatewayError('GW_DRAINING', 'the gateway is stopping and opens no new streams')
    }
    const sessionId = session?.sessionId
    const headers = requestHeaders(exchange, this.#context.viaName, sessionId)
    const { query } = exchange
    const relay = new Relay(this, call)
    this.#relays.add(relay)
    relay.attach(
      route.pool.send(
        { method, query, headers, body, inbound, sessionId, longLived },
        relay,
        session?.endpointKey,
      ),
    )
  }

  /**
   * The session that the client names. Not in the modern era, which has none and ignores the header; not for
   * `initialize`, which begins one.
   *
   * @throws GatewayError GW_SESSION_NOT_FOUND: not ours, or its endpoint is gone and the session with it. The client
   * then initializes again (MCP 2025-11-25 transports §Session management), on an endpoint that is there.
   */
  #sessionOf({ exchange, route }: Visit, inbound: Inbound | undefined): SealedSession | undefined {
    const sealed = exchange.header(HEADER.sessionId)
    if (sealed === undefined) return undefined
    if (inbound?.era === 'modern' || inbound?.method === 'initialize') return undefined
    const { pool } = route
    const session = this.#context.seal.open(pool.server, sealed)
    if (session !== undefined && pool.holds(session.endpointKey)) return session
    throw new GatewayError('GW_SESSION_NOT_FOUND', 'the session is unknown; initialize again', {
      ...(inbound?.id !== undefined && { rpcId: inbound.id }),
    })
  }
}

function checkMediaType(exchange: Exchange): void {
  const type = exchange.header('content-type')
  if (type === undefined || !JSON_MEDIA_TYPE.test(type)) {
    throw new GatewayError(
      'GW_UNSUPPORTED_MEDIA_TYPE',
      `Content-Type: expected application/json, got ${type === undefined ? 'none' : 'another'}`,
    )
  }
  const coding = exchange.header('content-encoding')
  if (coding !== undefined && coding.toLowerCase() !== CONTENT_CODING_NONE) {
    throw new GatewayError(
      'GW_UNSUPPORTED_MEDIA_TYPE',
      'Content-Encoding: expected none: the body is read and forwarded as it is',
    )
  }
}
