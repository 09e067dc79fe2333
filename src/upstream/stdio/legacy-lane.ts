// The legacy callers of a command: `initialize` begins a session with a child of its own, unless the command is known to
// speak only the modern era. Sessions that have begun are the session room's business.
import { GatewayError, type Clock } from '../../core/index.ts'
import type { Log } from '../../observability/index.ts'
import { type JsonObject, MODERN_VERSIONS } from '../../wire/index.ts'
import type { StdioEndpointOptions } from '../options.ts'
import type { AnswerStream } from '../session/answer-stream.ts'
import { errorCodeOf, paramsOf } from '../session/server-message.ts'
import type { Refusal, Session } from '../session/session.ts'
import { Sessions } from '../session/sessions.ts'
import type { UpstreamRequest } from '../upstream.ts'
import { modernOnlyRefusal } from '../wrong-era.ts'
import { endFailure, tooOld } from './child-end.ts'
import type { Children } from './children.ts'
import { modernOnly, supportedOf, UNSUPPORTED_PROTOCOL_VERSION, type EraVerdict } from './era.ts'
import { REFUSED_FOR_MS, type ModernLane } from './modern-lane.ts'
import type { ChildListener } from './server-child.ts'

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
  readonly #sessions: Sessions
  // Set while the command is known to speak only the modern era.
  #refusal: { readonly versions: EraVerdict; readonly untilMs: number } | undefined

  constructor(context: LegacyLaneContext) {
    const { options, clock, log } = context
    this.#context = context
    this.#sessions = new Sessions({ limits: options, clock, log, tooOld: () => tooOld(options) })
  }

  /** Takes a POST, GET or DELETE. */
  send(request: UpstreamRequest, answer: AnswerStream): void {
    const { method, sessionId, inbound } = request
    if (method === 'POST') {
      if (sessionId === undefined && inbound?.method === 'initialize') this.#begin(request, answer)
      else this.#sessions.post(request, answer)
    } else if (sessionId === undefined && this.#knownRefusal() !== undefined) {
      answer.fail(this.#noSessions(), false)
    } else if (method === 'GET') this.#sessions.open(request, answer)
    else this.#sessions.end(request, answer)
  }

  tick(): void {
    this.#sessions.tick()
  }

  /** What was learned about the command may no longer hold. */
  forgetEra(): void {
    this.#refusal = undefined
  }

  retire(): void {
    this.#sessions.retire()
  }

  stop(): void {
    this.#sessions.stop()
  }

  /** MCP 2026-07-28 transports §Earlier revisions: a server without sessions answers GET and DELETE with 405. */
  #noSessions(): GatewayError {
    return new GatewayError(
      'GW_METHOD_NOT_ALLOWED',
      `expected POST: the server "${this.#context.name}" speaks only the modern era of MCP`,
    )
  }

  #begin(request: UpstreamRequest, answer: AnswerStream): void {
    const refused = this.#knownRefusal()
    const requested = requestedVersion(request)
    if (refused !== undefined) {
      answer.fail(this.#modernOnly(refused, requested), false)
      return
    }
    const session = this.#sessions.create((refusal) => this.#judge(refusal, requested))
    const child = this.#context.children.start('session', this.#listener(session))
    if (child instanceof GatewayError) answer.fail(child, false)
    else this.#sessions.begin(session, child, request, answer)
  }

  #listener(session: Session): ChildListener {
    const { options, children } = this.#context
    return {
      onMessage: (message) => session.onMessage(message),
      onEnd: (end, asked) => {
        const failure = endFailure(options, end)
        session.onEnd({ failure, sent: end.kind === 'exited' })
        // A child that dies in mid-session has served; one that never answered must not be started again at once.
        if (asked || session.isEstablished || end.kind === 'not-started') return
        children.noteFailure(failure)
      },
    }
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
    if (this.#context.options.protocol === 'modern') return MODERN_VERSIONS
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
