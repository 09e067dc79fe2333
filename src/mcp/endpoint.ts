// What a route does with an exchange: verb, media types, body, message; then into one of the lanes. A message takes the
// straight lane where its server speaks its era and nothing has to change, else the working lane.
import {
  type Content,
  GatewayError,
  toGatewayError,
  type Clock,
  type Exchange,
} from '../core/index.ts'
import { HEADER, type Inbound } from '../wire/index.ts'
import { callerKeyOf, identityOf } from './caller.ts'
import { answerError } from './error-answer.ts'
import { hasPassed, originHeaders } from './forwarding.ts'
import type { FrontVisit } from './front/visit.ts'
import type { LegacyFront } from './front/legacy/index.ts'
import type { ModernFront } from './front/modern/index.ts'
import { readInbound } from './inbound.ts'
import type { McpLimits } from './options.ts'
import type { McpRoute } from './route.ts'
import { StraightLane } from './straight/lane.ts'
import { renamedCall, type RenamingContext } from './straight/renamed-call.ts'
import type { SessionSeal } from './straight/sessions.ts'
import type { CallOutcome, Visit } from './visit.ts'

/** What composition learns about an exchange on a route, once it is over. */
export interface CallReport {
  readonly exchange: Exchange
  readonly route: McpRoute
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
  readonly modernFront: ModernFront
  readonly legacyFront: LegacyFront
  readonly onStreamOpen: (route: McpRoute) => void
  readonly onStreamClose: (route: McpRoute) => void
  readonly onOver: (report: CallReport) => void
}

const JSON_MEDIA_TYPE = /^application\/json(?:\s*;.*)?$/i
const CONTENT_CODING_NONE = 'identity'

export class McpEndpoint {
  readonly #context: McpEndpointContext
  readonly #straight: StraightLane
  readonly #renaming: Pick<RenamingContext, 'originOf'>
  #workingCount = 0

  constructor(context: McpEndpointContext) {
    this.#context = context
    this.#renaming = {
      originOf: (exchange, capabilities, clientInfo) => ({
        caller: { key: callerKeyOf(exchange), clientInfo, capabilities },
        headers: originHeaders(exchange, context.viaName),
      }),
    }
    this.#straight = new StraightLane({
      ...context,
      onStreamOpen: ({ route }) => context.onStreamOpen(route),
      onStreamClose: ({ route }) => context.onStreamClose(route),
      onOver: (visit, outcome, error) => this.#report(visit, outcome, error),
      onOtherEra: (visit, body) => this.#takeOver(visit, body),
    })
  }

  /** Takes over an exchange on a route. Never throws: every outcome is answered and reported. */
  handle(exchange: Exchange, route: McpRoute): void {
    const startedMs = this.#context.clock.monotonicMs()
    const visit: Visit = { exchange, route, startedMs, inbound: undefined }
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
    this.#straight.drain()
    this.#context.modernFront.drain()
    this.#context.legacyFront.drain()
  }

  /** Answers under way. */
  get inFlight(): number {
    return this.#straight.inFlight + this.#workingCount
  }

  async #post(visit: Visit): Promise<void> {
    const { exchange, route } = visit
    const { limits } = this.#context
    checkMediaType(exchange)
    const content = await exchange.readContent(limits.maxBodyBytes)
    const inbound = readInbound(exchange, content, limits)
    visit.inbound = inbound
    const { straight, tools } = route
    const renamed =
      tools && renamedCall(visit.exchange, inbound, content, { tools, ...this.#renaming })
    if (renamed !== undefined) {
      this.#straight.send(visit, renamed.server, { method: 'POST', content, inbound, renamed })
    } else if (straight === undefined || !this.#goesStraight(visit, inbound)) {
      this.#work(visit, content)
    } else {
      this.#straight.send(visit, straight, { method: 'POST', content, inbound })
    }
  }

  /** Whether the route's server is to see the message as it is. What nobody knows yet is found out on the way. */
  #goesStraight({ exchange, route }: Visit, inbound: Inbound): boolean {
    if (route.straight?.eras.speaks(inbound.era) === false) return false
    if (inbound.era === 'legacy') return !this.#isOwnSession(exchange)
    // A channel has no header fields, and only the working lane knows which of them mirror a tool's arguments.
    return exchange.isVirtual !== true || inbound.method !== 'tools/call'
  }

  /** GET opens a session's event stream, DELETE ends the session: both are of the legacy era. */
  #sessionVerb(visit: Visit): void {
    const { exchange, route } = visit
    const { method } = exchange
    if (method !== 'GET' && method !== 'DELETE') {
      throw new GatewayError('GW_METHOD_NOT_ALLOWED', `expected POST, GET or DELETE, got ${method}`)
    }
    const { straight } = route
    const isWorking = straight?.eras.speaks('legacy') === false || this.#isOwnSession(exchange)
    if (straight === undefined || isWorking) this.#work(visit, undefined)
    else this.#straight.send(visit, straight, { method, content: undefined, inbound: undefined })
  }

  /** Whether the session that the client names is one that the gateway itself holds. */
  #isOwnSession(exchange: Exchange): boolean {
    const named = exchange.header(HEADER.sessionId)
    return named !== undefined && this.#context.legacyFront.owns(named)
  }

  #takeOver(visit: Visit, body: Buffer): void {
    try {
      this.#work(visit, body)
    } catch (thrown) {
      this.#fail(visit, thrown)
    }
  }

  /** The working lane: a front of the message's era, before the route's view. */
  #work(visit: Visit, body: Buffer | Content | undefined): void {
    const { modernFront, legacyFront } = this.#context
    const { exchange, inbound } = visit
    const front = this.#frontVisit(visit, body)
    this.#workingCount++
    if (inbound?.era === 'modern') modernFront.handle(front)
    else if (exchange.method === 'POST') legacyFront.post(front)
    else if (exchange.method === 'GET') legacyFront.get(front)
    else legacyFront.delete(front)
  }

  #frontVisit(visit: Visit, body: Buffer | Content | undefined): FrontVisit {
    const { exchange, route, inbound } = visit
    return {
      exchange,
      route: route.path,
      view: route.view,
      tools: route.tools,
      inbound,
      body,
      callerKey: callerKeyOf(exchange),
      identity: identityOf(exchange),
      headers: originHeaders(exchange, this.#context.viaName),
      onStreamOpen: () => this.#context.onStreamOpen(route),
      onStreamClose: () => this.#context.onStreamClose(route),
      onOver: (outcome, error) => {
        this.#workingCount--
        this.#report(visit, outcome, error)
      },
    }
  }

  #fail(visit: Visit, thrown: unknown): void {
    const error = toGatewayError(thrown)
    if (!visit.exchange.answer.started) answerError(visit.exchange, error)
    this.#report(visit, 'failed', error)
  }

  #report(visit: Visit, outcome: CallOutcome, error: GatewayError | undefined): void {
    const { exchange, route, inbound, startedMs } = visit
    const durationMs = this.#context.clock.monotonicMs() - startedMs
    this.#context.onOver({ exchange, route, inbound, outcome, error, durationMs })
  }

  #refuseLoop({ exchange, route }: Visit): void {
    const via = exchange.header('via')
    if (via === undefined || !hasPassed(via, this.#context.viaName)) return
    throw new GatewayError(
      'GW_LOOP_DETECTED',
      `the request has passed this gateway before: an endpoint of server "${route.servers}" leads back here`,
    )
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
