// The sessions with one legacy server: one per caller, its capabilities and its name, never shared between callers. Bounded;
// the one that was idle longest makes room.
import { toGatewayError, type Clock, type Timer } from '../../../core/index.ts'
import { textOfCaller } from '../../view/caller-text.ts'
import type { ViewOrigin } from '../../view/server-view.ts'
import { closing, sessionLost, tooManySessions } from './failures.ts'
import type { Notices } from './notices.ts'
import type { LegacyBackOptions } from './options.ts'
import type { UpstreamSession } from './upstream-session.ts'

/** How finely idle time and lifetime are measured. */
const TICKS_PER_TIMEOUT = 4
const MAX_TICK_MS = 60_000

export interface SessionPoolContext {
  readonly clock: Clock
  readonly options: LegacyBackOptions
  readonly notices: Notices
  create(origin: ViewOrigin, onRetired: OnSession, onOver: OnSession): UpstreamSession
}

export type OnSession = (session: UpstreamSession) => void

interface Opening {
  readonly callerKey: string
  readonly session: Promise<UpstreamSession>
}

export class SessionPool {
  readonly #context: SessionPoolContext
  /** Those that take calls. */
  readonly #byKey = new Map<string, UpstreamSession>()
  readonly #opening = new Map<string, Opening>()
  /** Also those that are being opened, and those that only finish what is under way. */
  readonly #all = new Set<UpstreamSession>()
  #ticking: Timer | undefined
  #isClosed = false

  constructor(context: SessionPoolContext) {
    this.#context = context
  }

  get size(): number {
    return this.#all.size
  }

  /** The session for a caller, if there is one. */
  find(origin: ViewOrigin): UpstreamSession | undefined {
    const session = this.#byKey.get(keyOf(origin))
    if (session?.isReachable !== false) return session
    session.retire()
    return undefined
  }

  /**
   * The session for a caller; opened once for all who ask at the same time.
   * @throws GatewayError GW_UPSTREAM_OVERLOADED, GW_UPSTREAM_INITIALIZE, and what a call can fail with
   */
  open(origin: ViewOrigin): Promise<UpstreamSession> {
    const known = this.find(origin)
    if (known !== undefined) return Promise.resolve(known)
    const key = keyOf(origin)
    const underWay = this.#opening.get(key)
    if (underWay !== undefined) return underWay.session
    const session = this.#open(key, origin)
    this.#opening.set(key, { callerKey: origin.caller.key, session })
    const forget = (): void => {
      this.#opening.delete(key)
    }
    session.then(forget, forget)
    return session
  }

  /** Ends the sessions that were for this caller, also those that are being opened. */
  forgetCaller(callerKey: string): void {
    for (const [key, opening] of this.#opening) {
      if (opening.callerKey === callerKey) this.#opening.delete(key)
    }
    for (const session of this.#all) {
      if (session.caller.key === callerKey) session.close()
    }
  }

  close(): void {
    this.#isClosed = true
    this.#ticking?.cancel()
    for (const session of this.#all) session.close()
  }

  async #open(key: string, origin: ViewOrigin): Promise<UpstreamSession> {
    const session = await this.#begin(key, origin)
    if (this.#isClosed) {
      session.close()
      throw closing()
    }
    // The server may have ended it while the rest of it was being set up.
    if (!session.isOpen) throw sessionLost()
    this.#byKey.set(key, session)
    return session
  }

  async #begin(key: string, origin: ViewOrigin): Promise<UpstreamSession> {
    this.#makeRoom(origin.caller.key)
    try {
      return await this.#beginOne(key, origin)
    } catch (thrown) {
      // An endpoint has limits of its own, such as processes, and idle sessions may use them up.
      const error = toGatewayError(thrown)
      if (error.code !== 'GW_UPSTREAM_OVERLOADED' || !this.#endIdlest([...this.#all])) throw error
      await this.#context.notices.whenIdle()
      // Its caller has gone meanwhile.
      if (!this.#opening.has(key)) throw sessionLost()
      return this.#beginOne(key, origin)
    }
  }

  async #beginOne(key: string, origin: ViewOrigin): Promise<UpstreamSession> {
    const session = this.#context.create(
      origin,
      (retired) => {
        if (this.#byKey.get(key) === retired) this.#byKey.delete(key)
      },
      (over) => this.#onOver(over),
    )
    this.#all.add(session)
    this.#tickWhileNeeded()
    try {
      await session.open()
      return session
    } catch (thrown) {
      session.close()
      throw thrown
    }
  }

  /** @throws GatewayError GW_UPSTREAM_OVERLOADED */
  #makeRoom(callerKey: string): void {
    if (this.#isClosed) throw closing()
    const { maxSessions, maxSessionsPerCaller } = this.#context.options
    const ofCaller = [...this.#all].filter(({ caller }) => caller.key === callerKey)
    if (ofCaller.length >= maxSessionsPerCaller && !this.#endIdlest(ofCaller)) {
      throw tooManySessions('max_sessions_per_caller')
    }
    if (this.#all.size >= maxSessions && !this.#endIdlest([...this.#all])) {
      throw tooManySessions('max_sessions')
    }
  }

  /** Ends the session that was idle longest; false when all are in use. */
  #endIdlest(among: readonly UpstreamSession[]): boolean {
    const idle = among.filter((session) => session.isOpen && !session.isBusy)
    const [idlest] = idle.toSorted((a, b) => b.idleForMs - a.idleForMs)
    idlest?.retire()
    return idlest !== undefined
  }

  #onOver(session: UpstreamSession): void {
    this.#all.delete(session)
    if (this.#all.size > 0) return
    this.#ticking?.cancel()
    this.#ticking = undefined
  }

  #tickWhileNeeded(): void {
    const { clock, options } = this.#context
    const shortestMs = Math.min(options.sessionIdleTimeoutMs, options.sessionMaxLifetimeMs)
    const tickMs = Math.min(shortestMs / TICKS_PER_TIMEOUT, MAX_TICK_MS)
    this.#ticking ??= clock.every(tickMs, () => this.#tick())
  }

  #tick(): void {
    const { clock, options } = this.#context
    const nowMs = clock.monotonicMs()
    for (const session of this.#byKey.values()) {
      const isTooOld = nowMs - session.startedAtMs >= options.sessionMaxLifetimeMs
      if (isTooOld || session.idleForMs >= options.sessionIdleTimeoutMs) session.retire()
    }
  }
}

/** Capabilities are fixed at `initialize`, and servers take the client's name for one that stays; both may differ by request. */
function keyOf({ caller }: ViewOrigin): string {
  return textOfCaller(caller)
}
