// The sessions of legacy clients that this gateway holds: found by the id their client names, bounded in number, ended
// when idle for too long.
import { randomBytes } from 'node:crypto'
import { GatewayError, type Clock, type Timer } from '../../../core/index.ts'
import type { Seal } from '../../seal.ts'
import type { FrontOptions } from '../options.ts'
import type { FrontVisit } from '../visit.ts'
import { LegacySession, type SessionContext, type SessionStart } from './session.ts'

/** How often idle sessions and old messages are looked for. */
const SWEEP_MS = 10_000
const ID_BYTES = 16

export interface SessionsContext extends SessionContext {
  readonly clock: Clock
  readonly seal: Seal
  readonly options: Pick<FrontOptions, 'maxSessions' | 'sessionIdleTimeoutMs'>
}

export class Sessions {
  readonly #context: SessionsContext
  readonly #byId = new Map<string, LegacySession>()
  #sweep: Timer | undefined

  constructor(context: SessionsContext) {
    this.#context = context
  }

  get size(): number {
    return this.#byId.size
  }

  /** @throws GatewayError GW_TOO_MANY_SESSIONS */
  begin(start: Omit<SessionStart, 'id' | 'bound'>): LegacySession {
    this.#makeRoom()
    const { seal, clock } = this.#context
    const { visit } = start
    const bound = boundTo(visit)
    const id = seal.seal(randomBytes(ID_BYTES).toString('base64url'), bound)
    const session = new LegacySession({ ...start, id, bound }, this.#context)
    this.#byId.set(id, session)
    this.#sweep ??= clock.every(SWEEP_MS, () => this.#endIdle())
    return session
  }

  has(id: string): boolean {
    return this.#byId.has(id)
  }

  /**
   * The session, for the caller on the route that began it and nobody else. A sealed text opens exactly if it is one that
   * was sealed for the same `bound`, so comparing both says the same as decrypting it with every request.
   */
  find(id: string, visit: FrontVisit): LegacySession | undefined {
    const session = this.#byId.get(id)
    return session?.bound === boundTo(visit) ? session : undefined
  }

  /** Calls under way are answered with the error. */
  end(session: LegacySession, error: GatewayError): void {
    this.#byId.delete(session.id)
    session.close(error)
    if (this.#byId.size > 0) return
    this.#sweep?.cancel()
    this.#sweep = undefined
  }

  all(): readonly LegacySession[] {
    return [...this.#byId.values()]
  }

  #makeRoom(): void {
    if (this.#byId.size < this.#context.options.maxSessions) return
    let idlest: LegacySession | undefined
    for (const session of this.#byId.values()) {
      if (session.isBusy) continue
      if (idlest === undefined || session.lastUsedMs < idlest.lastUsedMs) idlest = session
    }
    if (idlest !== undefined) {
      this.end(idlest, ended('another session needed its place'))
      return
    }
    throw new GatewayError('GW_TOO_MANY_SESSIONS', 'all sessions are in use', {
      retryAfterSeconds: 1,
    })
  }

  #endIdle(): void {
    const { clock, options } = this.#context
    const lastUse = clock.monotonicMs() - options.sessionIdleTimeoutMs
    for (const session of this.all()) {
      if (!session.isBusy && session.lastUsedMs < lastUse) this.end(session, ended('it was idle'))
      else session.expire()
    }
  }
}

/** What a session ended of. */
export function ended(why: string): GatewayError {
  return new GatewayError('GW_SESSION_NOT_FOUND', `the session has ended: ${why}`)
}

/** A client without an identity may change its address: its session id is then all there is. */
function boundTo({ route, identity }: FrontVisit): string {
  return identity === undefined ? route : `${route}\n${identity}`
}
