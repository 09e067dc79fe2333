// The front for clients of the legacy era whose server is not reached by the straight lane: the gateway holds their
// sessions itself. Which session a message belongs to is decided here, what it means there by the session.
import {
  type Clock,
  type Content,
  Deadlines,
  GatewayError,
  toGatewayError,
} from '../../../core/index.ts'
import {
  acceptsAnswer,
  decodeBody,
  HEADER,
  type JsonObject,
  LEGACY_VERSIONS,
} from '../../../wire/index.ts'
import type { McpLimits } from '../../options.ts'
import { Seal } from '../../seal.ts'
import { EventAnswer, type EventAnswerContext } from '../event-answer.ts'
import type { FrontOptions } from '../options.ts'
import { type FrontVisit, messageOf } from '../visit.ts'
import { Handshake } from './handshake.ts'
import type { LegacySession } from './session.ts'
import { ended, Sessions } from './sessions.ts'

export interface LegacyFrontContext {
  readonly clock: Clock
  readonly limits: Pick<McpLimits, 'keepAliveMs' | 'abandonedCallTimeoutMs'>
  readonly options: Pick<
    FrontOptions,
    'maxSessions' | 'sessionIdleTimeoutMs' | 'replay' | 'answerTimeoutMs'
  >
  /** Secrets that seal session ids; the first seals. */
  readonly keys: readonly string[]
}

const SEAL_PURPOSE = 'sallyport legacy session v1'

export class LegacyFront {
  readonly #answers: EventAnswerContext
  readonly #sessions: Sessions
  #isDraining = false

  constructor({ clock, limits, options, keys }: LegacyFrontContext) {
    const { keepAliveMs, abandonedCallTimeoutMs } = limits
    this.#answers = {
      clock,
      keepAliveMs,
      quiet: new Deadlines({
        clock,
        timeoutMs: keepAliveMs,
        onExpired: (answer: EventAnswer) => answer.openQuiet(),
      }),
    }
    this.#sessions = new Sessions({
      clock,
      answers: this.#answers,
      seal: new Seal(keys, SEAL_PURPOSE),
      options,
      replay: options.replay,
      answerTimeoutMs: options.answerTimeoutMs,
      abandonedCallTimeoutMs,
    })
  }

  /** Sessions that are held. */
  get sessions(): number {
    return this.#sessions.size
  }

  /** True for the id of a session that is held here, whoever names it. */
  owns(sessionId: string): boolean {
    return this.#sessions.has(sessionId)
  }

  /** Takes over a POST. Never throws: every outcome is answered and reported, as with all verbs. */
  post(visit: FrontVisit): void {
    this.#guard(visit, () => this.#post(visit))
  }

  /** Opens a session's event stream, or resumes one that was lost. */
  get(visit: FrontVisit): void {
    this.#guard(visit, () => {
      checkAccept(visit, 'GET')
      const session = this.#sessionOf(visit)
      if (this.#isDraining) {
        throw new GatewayError('GW_DRAINING', 'the gateway is stopping and opens no new streams')
      }
      session.get(visit)
    })
  }

  /** Ends a session. */
  delete(visit: FrontVisit): void {
    this.#guard(visit, () => {
      this.#sessions.end(this.#sessionOf(visit), ended('its client said so'))
      new EventAnswer(visit, this.#answers).whole(200)
    })
  }

  /** Ends event streams that would stay open for ever, in good order; calls under way may finish. */
  drain(): void {
    this.#isDraining = true
    for (const session of this.#sessions.all()) session.releaseStream()
  }

  /** Ends everything. */
  close(): void {
    this.#isDraining = true
    const error = new GatewayError('GW_DRAINING', 'the gateway is stopping')
    for (const session of this.#sessions.all()) this.#sessions.end(session, error)
    this.#answers.quiet.stop()
  }

  #post(visit: FrontVisit): void {
    const { inbound, body } = messageOf(visit)
    checkAccept(visit, 'POST')
    if (inbound.kind === 'request' && inbound.method === 'initialize') {
      const begin = (start: Parameters<Sessions['begin']>[0]): string =>
        this.#sessions.begin(start).id
      new Handshake(visit, parse(body) as JsonObject, { answers: this.#answers, begin }).go()
      return
    }
    const session = this.#sessionOf(visit)
    if (!session.postVerbatim(visit)) session.post(visit, parse(body))
  }

  /** @throws GatewayError GW_SESSION_REQUIRED, GW_SESSION_NOT_FOUND, GW_INVALID_MESSAGE */
  #sessionOf(visit: FrontVisit): LegacySession {
    const { exchange } = visit
    const named = exchange.header(HEADER.sessionId)
    if (named === undefined) {
      throw new GatewayError(
        'GW_SESSION_REQUIRED',
        'Mcp-Session-Id: expected the id that initialize was answered with',
      )
    }
    const session = this.#sessions.find(named, visit)
    if (session === undefined) {
      throw new GatewayError('GW_SESSION_NOT_FOUND', 'the session is unknown; initialize again')
    }
    checkVersion(exchange.header(HEADER.protocolVersion))
    return session
  }

  #guard(visit: FrontVisit, act: () => void): void {
    try {
      act()
    } catch (thrown) {
      const { inbound } = visit
      const rpcId = inbound?.kind === 'request' ? inbound.id : undefined
      new EventAnswer(visit, this.#answers).fail(toGatewayError(thrown), rpcId)
    }
  }
}

function parse(body: Buffer | Content): JsonObject | readonly JsonObject[] {
  return decodeBody(body) as JsonObject | readonly JsonObject[]
}

function checkAccept({ exchange }: FrontVisit, method: 'POST' | 'GET'): void {
  if (acceptsAnswer(exchange.rawHeaders, method)) return
  const expected = method === 'GET' ? '' : 'application/json and '
  throw new GatewayError('GW_NOT_ACCEPTABLE', `Accept: expected ${expected}text/event-stream`)
}

/** "Invalid or unsupported: the server MUST respond with 400" (MCP 2025-11-25 transports §Protocol version header). */
function checkVersion(version: string | undefined): void {
  const known: readonly string[] = LEGACY_VERSIONS
  if (version === undefined || known.includes(version)) return
  throw new GatewayError(
    'GW_INVALID_MESSAGE',
    `MCP-Protocol-Version: expected one of ${known.join(', ')}`,
  )
}
