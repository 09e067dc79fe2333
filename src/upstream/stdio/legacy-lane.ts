// The legacy sessions of an endpoint: begun by `initialize` with a child of their own, found by id, ended by DELETE, by
// silence, by age or by their child.
import { randomBytes } from 'node:crypto'
import { GatewayError, type Clock } from '../../core/index.ts'
import type { Log } from '../../observability/index.ts'
import type { JsonObject } from '../../wire/index.ts'
import type { ChildEnd } from '../child-process.ts'
import type { StdioEndpointOptions } from '../options.ts'
import type { UpstreamRequest } from '../upstream.ts'
import type { AnswerStream } from './answer-stream.ts'
import { endFailure } from './child-end.ts'
import { errorCodeOf, paramsOf } from './child-message.ts'
import type { Children } from './children.ts'
import {
  modernOnly,
  modernOnlyRefusal,
  supportedOf,
  UNSUPPORTED_PROTOCOL_VERSION,
  type EraVerdict,
} from './era.ts'
import { LegacySession, type Refusal } from './legacy-session.ts'
import { REFUSED_FOR_MS, type ModernLane } from './modern-lane.ts'
import { draining, tooOld, unknownSession } from './refusals.ts'
import type { StopReason } from './server-child.ts'

/** Enough that ids cannot be guessed: they are sealed on their way out, but this must not be the only lock. */
const SESSION_ID_BYTES = 24

export interface LegacyLaneContext {
  readonly name: string
  readonly options: StdioEndpointOptions
  readonly children: Children
  readonly modern: ModernLane
  readonly clock: Clock
  readonly log: Log
}

export class LegacyLane {
  readonly #context: LegacyLaneContext
  readonly #sessions = new Map<string, LegacySession>()
  // Set while the command is known to speak only the modern era.
  #refusal: { readonly versions: EraVerdict; readonly untilMs: number } | undefined

  constructor(context: LegacyLaneContext) {
    this.#context = context
  }

  post(request: UpstreamRequest, answer: AnswerStream): void {
    const { sessionId, inbound } = request
    if (sessionId === undefined) {
      if (inbound?.method === 'initialize') this.#begin(request, answer)
      else answer.fail(sessionRequired(), false)
      return
    }
    const session = this.#sessions.get(sessionId)
    if (session === undefined) answer.fail(unknownSession(), false)
    else session.take(request, answer)
  }

  /** GET: the session's own event stream. */
  open(sessionId: string | undefined, answer: AnswerStream): void {
    this.#find(sessionId, answer)?.open(answer)
  }

  /** DELETE: ends the session. 200, as the official SDKs answer. */
  end(sessionId: string | undefined, answer: AnswerStream): void {
    const session = this.#find(sessionId, answer)
    if (session === undefined) return
    this.#endSession(session, 'deleted')
    answer.finishEmpty(200)
  }

  /** Ends sessions that were silent for too long or have lived their time. Called about once a second. */
  tick(): void {
    const { clock, options } = this.#context
    const nowMs = clock.monotonicMs()
    for (const session of this.#sessions.values()) {
      if (nowMs - session.startedAtMs >= options.maxLifetimeMs) {
        session.end('lifetime', tooOld(options))
      } else if (session.idleForMs >= options.idleTimeoutMs) {
        this.#endSession(session, 'idle')
      }
    }
  }

  /** What was learned about the command may no longer hold. */
  forgetEra(): void {
    this.#refusal = undefined
  }

  /** Ends GET streams, and sessions that have no call under way. */
  retire(): void {
    for (const session of this.#sessions.values()) {
      session.closeStream()
      if (!session.isBusy) this.#endSession(session, 'shutdown')
    }
  }

  /** Ends all sessions, whatever they do. */
  stop(): void {
    for (const session of this.#sessions.values()) session.end('shutdown', draining())
  }

  #find(sessionId: string | undefined, answer: AnswerStream): LegacySession | undefined {
    const session = sessionId === undefined ? undefined : this.#sessions.get(sessionId)
    if (session !== undefined) return session
    answer.fail(sessionId === undefined ? this.#noSessionNamed() : unknownSession(), false)
    return undefined
  }

  /** MCP 2026-07-28 transports §Earlier revisions: a server without sessions answers GET and DELETE with 405. */
  #noSessionNamed(): GatewayError {
    if (this.#knownRefusal() === undefined) return sessionRequired()
    return new GatewayError(
      'GW_METHOD_NOT_ALLOWED',
      `expected POST: the server "${this.#context.name}" speaks only the modern era of MCP`,
    )
  }

  #begin(request: UpstreamRequest, answer: AnswerStream): void {
    const { clock, children, options, log } = this.#context
    const refused = this.#knownRefusal()
    if (refused !== undefined) {
      answer.fail(this.#modernOnly(refused, requestedVersion(request)), false)
      return
    }
    const session = new LegacySession({
      id: randomBytes(SESSION_ID_BYTES).toString('base64url'),
      options,
      clock,
      log,
      onRefused: (_session, refusal) => this.#judge(refusal, requestedVersion(request)),
      onEnd: (ended, end) => this.#onEnd(ended, end),
      onOver: (ended) => this.#sessions.delete(ended.id),
    })
    const child = children.start('session', session)
    if (child instanceof GatewayError) {
      answer.fail(child, false)
      return
    }
    session.attach(child)
    this.#sessions.set(session.id, session)
    session.take(request, answer)
    // Refused before it was sent: nobody knows of this session.
    if (!session.isBusy) this.#endSession(session, 'abandoned')
  }

  #endSession(session: LegacySession, reason: StopReason): void {
    session.end(reason, unknownSession())
  }

  #onEnd(session: LegacySession, end: ChildEnd): void {
    // A child that dies in mid-session has served; one that never answered must not be started again at once.
    if (session.isEstablished || end.kind === 'not-started') return
    this.#context.children.noteFailure(endFailure(this.#context.options, end))
  }

  /**
   * Tells a server that speaks no legacy version from one that refuses this client: the first is asked for its modern
   * versions, since the code of its error is its own choice (MCP 2026-07-28 versioning §Compatibility matrix).
   */
  #judge({ message, answer, deliver }: Refusal, requested: unknown): void {
    const supported = modernOnly(supportedOf(message))
    const saysSo = errorCodeOf(message) === UNSUPPORTED_PROTOCOL_VERSION
    if (saysSo && supported.length > 0) {
      answer.fail(this.#modernOnly(this.#remember(supported), requested), true)
      return
    }
    this.#context.modern.whenKnown((outcome) => {
      if (outcome instanceof GatewayError || outcome.child === undefined) deliver()
      else answer.fail(this.#modernOnly(this.#remember(outcome.versions), requested), true)
    })
  }

  #remember(versions: EraVerdict): EraVerdict {
    this.#refusal = { versions, untilMs: this.#context.clock.monotonicMs() + REFUSED_FOR_MS }
    return versions
  }

  #knownRefusal(): EraVerdict | undefined {
    if (this.#refusal === undefined) return undefined
    if (this.#context.clock.monotonicMs() >= this.#refusal.untilMs) this.#refusal = undefined
    return this.#refusal?.versions
  }

  #modernOnly(versions: EraVerdict, requested: unknown): GatewayError {
    return modernOnlyRefusal(this.#context.name, versions, requested)
  }
}

function requestedVersion(request: UpstreamRequest): unknown {
  return paramsOf(request.inbound?.message as JsonObject)['protocolVersion']
}

function sessionRequired(): GatewayError {
  return new GatewayError(
    'GW_SESSION_REQUIRED',
    'expected the Mcp-Session-Id that initialize was answered with',
  )
}
