// The legacy sessions that the gateway holds for one endpoint: found by id, ended by DELETE, by silence, by age or with
// their link. How one begins is the lane's business.
import { randomBytes } from 'node:crypto'
import type { Clock, GatewayError } from '../../core/index.ts'
import type { Log } from '../../observability/index.ts'
import type { SessionLimits } from '../options.ts'
import type { UpstreamRequest } from '../upstream.ts'
import type { AnswerStream } from './answer-stream.ts'
import type { Link, StopReason } from './link.ts'
import { draining, sessionRequired, unknownSession } from './refusals.ts'
import { Session, type Refusal } from './session.ts'

/** Enough that ids cannot be guessed: they are sealed on their way out, but this must not be the only lock. */
/** Longest wait for the end of a session’s child before a DELETE is answered. */
const MAX_END_MS = 1_000
const OK = 200
const SESSION_ID_BYTES = 24

export interface SessionsContext {
  readonly limits: SessionLimits
  readonly clock: Clock
  readonly log: Log
  /** What calls under way hear when their session has lived its time. */
  readonly tooOld: () => GatewayError
}

export class Sessions {
  readonly #context: SessionsContext
  readonly #held = new Map<string, Session>()

  constructor(context: SessionsContext) {
    this.#context = context
  }

  get size(): number {
    return this.#held.size
  }

  holds(id: string): boolean {
    return this.#held.has(id)
  }

  /** A session without a link, known to nobody yet. `onRefused`: the server answered `initialize` with an error. */
  create(onRefused: (refusal: Refusal) => void): Session {
    const { limits, clock, log } = this.#context
    return new Session({
      id: randomBytes(SESSION_ID_BYTES).toString('base64url'),
      limits,
      clock,
      log,
      onRefused,
      onOver: (ended) => this.#held.delete(ended.id),
    })
  }

  /** Begins the session on this link with the client's `initialize`. */
  begin(session: Session, link: Link, request: UpstreamRequest, answer: AnswerStream): void {
    session.attach(link)
    this.#held.set(session.id, session)
    session.take(request, answer)
    // Refused before it was sent: nobody knows of this session.
    if (!session.isBusy) this.#end(session, 'abandoned')
  }

  /** A POST with the id of a session. */
  post(request: UpstreamRequest, answer: AnswerStream): void {
    this.#find(request.sessionId, answer)?.take(request, answer)
  }

  /** GET: the session's own event stream. */
  open(request: UpstreamRequest, answer: AnswerStream): void {
    this.#find(request.sessionId, answer)?.open(request, answer)
  }

  /**
   * DELETE: ends the session. 200, as the official SDKs answer, once there is room for another session: whoever ends one to
   * begin the next would be refused while its child is ending. A child that takes its time is not waited for.
   */
  end(request: UpstreamRequest, answer: AnswerStream): void {
    const session = this.#find(request.sessionId, answer)
    if (session === undefined) return
    void this.#endFor(session, answer)
  }

  async #endFor(session: Session, answer: AnswerStream): Promise<void> {
    const late = Promise.withResolvers<void>()
    const timer = this.#context.clock.after(MAX_END_MS, () => late.resolve())
    await Promise.race([session.end('deleted', unknownSession()), late.promise])
    timer.cancel()
    answer.finishEmpty(OK)
  }

  /** Ends sessions that were silent for too long or have lived their time. Called about once a second. */
  tick(): void {
    const { clock, limits, tooOld } = this.#context
    const nowMs = clock.monotonicMs()
    for (const session of this.#held.values()) {
      session.tick()
      if (nowMs - session.startedAtMs >= limits.maxLifetimeMs)
        void session.end('lifetime', tooOld())
      else if (session.idleForMs >= limits.idleTimeoutMs) this.#end(session, 'idle')
    }
  }

  /** Ends GET streams, and sessions that have no call under way. */
  retire(): void {
    for (const session of this.#held.values()) {
      session.closeStream()
      if (!session.isBusy) this.#end(session, 'shutdown')
    }
  }

  /** Ends all sessions, whatever they do. */
  stop(): void {
    for (const session of this.#held.values()) void session.end('shutdown', draining())
  }

  #find(id: string | undefined, answer: AnswerStream): Session | undefined {
    const session = id === undefined ? undefined : this.#held.get(id)
    if (session !== undefined) return session
    answer.fail(id === undefined ? sessionRequired() : unknownSession(), false)
    return undefined
  }

  #end(session: Session, reason: StopReason): void {
    void session.end(reason, unknownSession())
  }
}
