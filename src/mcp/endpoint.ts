// What a route does with an exchange: verb, media types, body, message, session; then into the pool. Everything the
// client hears from here on comes through the Relay or is an error answered in one place.
import { GatewayError, toGatewayError, type Clock, type Exchange } from '../core/index.ts'
import type { EndpointStatus, Route } from '../routing/index.ts'
import type { UpstreamRequest } from '../upstream/index.ts'
import { HEADER, type Inbound } from '../wire/index.ts'
import { answerError } from './error-answer.ts'
import { hasPassed, requestHeaders } from './forwarding.ts'
import { readInbound } from './inbound.ts'
import type { McpLimits } from './options.ts'
import { Relay, type CallOutcome } from './relay.ts'
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

/** One exchange on a route. */
interface Visit {
  readonly exchange: Exchange
  readonly route: Route
  readonly onOver: (over: Pick<CallReport, 'inbound' | 'outcome' | 'error'>) => void
}

/** What is known of a call before its headers are chosen. */
interface OutboundCall extends Omit<UpstreamRequest, 'query' | 'headers' | 'sessionId'> {
  readonly session: SealedSession | undefined
}

const JSON_MEDIA_TYPE = /^application\/json(?:\s*;.*)?$/i
const CONTENT_CODING_NONE = 'identity'

export class McpEndpoint {
  readonly #context: McpEndpointContext
  readonly #relays = new Set<Relay>()
  #draining = false

  constructor(context: McpEndpointContext) {
    this.#context = context
  }

  /** Takes over an exchange on a route. Never throws: every outcome is answered and reported. */
  handle(exchange: Exchange, route: Route): void {
    const startedMs = this.#context.clock.monotonicMs()
    const onOver = (over: Pick<CallReport, 'inbound' | 'outcome' | 'error'>): void => {
      const durationMs = this.#context.clock.monotonicMs() - startedMs
      this.#context.onOver({ ...over, exchange, route, durationMs })
    }
    this.#serve({ exchange, route, onOver }).catch((thrown: unknown) => {
      const error = toGatewayError(thrown)
      if (!exchange.answer.started) answerError(exchange, error)
      onOver({ inbound: undefined, outcome: 'failed', error })
    })
  }

  /** Ends streams that would stay open for ever, in good order, and opens no new ones; calls under way may finish. */
  drain(): void {
    this.#draining = true
    for (const relay of this.#relays) if (relay.isLongLived) relay.close()
  }

  /** Answers under way. */
  get inFlight(): number {
    return this.#relays.size
  }

  async #serve(visit: Visit): Promise<void> {
    const { exchange, route } = visit
    if (hasPassed(exchange.header('via'), this.#context.viaName)) {
      throw new GatewayError(
        'GW_LOOP_DETECTED',
        `the request has passed this gateway before: an endpoint of server "${route.pool.server}" leads back here`,
      )
    }
    switch (exchange.method) {
      case 'POST':
        return this.#post(visit)
      case 'GET':
      case 'DELETE':
        this.#sessionVerb(visit, exchange.method)
        return
      default:
        throw new GatewayError(
          'GW_METHOD_NOT_ALLOWED',
          `expected POST, GET or DELETE, got ${exchange.method}`,
        )
    }
  }

  async #post(visit: Visit): Promise<void> {
    const { exchange, route } = visit
    checkMediaType(exchange)
    const { limits } = this.#context
    const body = await exchange.readBody(limits.maxBodyBytes)
    const inbound = readInbound(exchange, body, limits)
    const session = this.#sessionOf(exchange, route, inbound)
    this.#forward(visit, {
      method: 'POST',
      body,
      inbound,
      session,
      longLived: inbound.method === 'subscriptions/listen',
    })
  }

  /** GET opens a session's event stream, DELETE ends the session: both are of the legacy era. */
  #sessionVerb(visit: Visit, method: 'GET' | 'DELETE'): void {
    const session = this.#sessionOf(visit.exchange, visit.route, undefined)
    this.#forward(visit, {
      method,
      body: undefined,
      inbound: undefined,
      session,
      longLived: method === 'GET',
    })
  }

  #forward(visit: Visit, call: OutboundCall): void {
    const { exchange, route } = visit
    const { session, ...rest } = call
    if (call.longLived && this.#draining) {
      throw new GatewayError('GW_DRAINING', 'the gateway is stopping and opens no new streams')
    }
    const request: UpstreamRequest = {
      ...rest,
      query: exchange.query,
      headers: requestHeaders(exchange, this.#context.viaName, session?.sessionId),
      sessionId: session?.sessionId,
    }
    const relay = this.#relay(visit, call)
    this.#relays.add(relay)
    relay.attach(route.pool.send(request, relay, session?.endpointKey))
  }

  #relay(visit: Visit, call: OutboundCall): Relay {
    const { exchange, route } = visit
    const { limits, clock, onStreamOpen, onStreamClose } = this.#context
    const { inbound, session, longLived } = call
    const relay: Relay = new Relay({
      exchange,
      inbound,
      longLived,
      limits,
      clock,
      seal: (sessionId, from) => this.#sealed(exchange, route, session, { sessionId, from }),
      onStreamOpen: () => onStreamOpen(route),
      onOver: (outcome, error, streamed) => {
        this.#relays.delete(relay)
        if (streamed) onStreamClose(route)
        visit.onOver({ inbound, outcome, error })
      },
    })
    return relay
  }

  /** The id the client already has, when the endpoint repeats the session's; else a new one. */
  #sealed(
    exchange: Exchange,
    route: Route,
    session: SealedSession | undefined,
    issued: { readonly sessionId: string; readonly from: EndpointStatus },
  ): string {
    const known = exchange.header(HEADER.sessionId)
    if (known !== undefined && session?.sessionId === issued.sessionId) return known
    return this.#context.seal.seal(route.pool.server, {
      endpointKey: issued.from.key,
      sessionId: issued.sessionId,
    })
  }

  /**
   * The session that the client names. Not in the modern era, which has none and ignores the header; not for
   * `initialize`, which begins one.
   *
   * @throws GatewayError GW_SESSION_NOT_FOUND: not ours, or its endpoint is gone and the session with it. The client
   * then initializes again (MCP 2025-11-25 transports §Session management), on an endpoint that is there.
   */
  #sessionOf(
    exchange: Exchange,
    route: Route,
    inbound: Inbound | undefined,
  ): SealedSession | undefined {
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
