// A server of the legacy era, seen as one of the modern era: composes sessions, calls and subscriptions, and ends them.
import { randomBytes } from 'node:crypto'
import { Deadlines, type Clock } from '../../../core/index.ts'
import type { Pool } from '../../../routing/index.ts'
import type { Log } from '../../../observability/index.ts'
import type { Seal } from '../../seal.ts'
import type {
  ListenRequest,
  ListenSink,
  ServerView,
  ViewCall,
  ViewRequest,
  ViewSink,
} from '../../view/server-view.ts'
import type { VerbatimCall, VerbatimRequest, VerbatimSink } from '../../view/verbatim.ts'
import { BackCall, type BackParts } from './back-call.ts'
import { DRAIN_MS, type CallAnswer } from './call-answer.ts'
import { closing } from './failures.ts'
import { Notices } from './notices.ts'
import type { LegacyBackOptions } from './options.ts'
import { ParkedCalls } from './parked-calls.ts'
import { Parking } from './parking.ts'
import { RequestStates } from './request-state.ts'
import { SessionPool } from './session-pool.ts'
import { Subscription } from './subscription.ts'
import { UpstreamSession } from './upstream-session.ts'

/** How long `close` waits for the server to hear of it. */
const CLOSE_TIMEOUT_MS = 2_000
const NODE_ID_BYTES = 12

export interface LegacyBackContext {
  readonly clock: Clock
  readonly options: LegacyBackOptions
  readonly log: Log
  /** For the states that clients carry, and for nothing else. */
  readonly seal: Seal
  /** The server does not begin sessions, as if it were not of the legacy era. */
  onWrongEra(): void
}

export interface LegacyBack extends ServerView {
  callVerbatim(request: VerbatimRequest, sink: VerbatimSink): VerbatimCall | undefined
  forgetCaller(callerKey: string): void
  abandon(callerKey: string, requestState: string): void
  /** How much is held for clients. */
  readonly held: {
    readonly sessions: number
    readonly parkedCalls: number
    readonly subscriptions: number
  }
  /** Ends sessions at the server as far as it answers, calls and subscriptions. */
  close(): Promise<void>
}

export function createLegacyBack(pool: Pool, context: LegacyBackContext): LegacyBack {
  return new LegacyServerBack(pool, context)
}

class LegacyServerBack implements LegacyBack {
  readonly name: string
  readonly #clock: Clock
  readonly #notices: Notices
  readonly #drains: Deadlines<CallAnswer>
  readonly #parked: ParkedCalls
  readonly #parking: Parking
  readonly #sessions: SessionPool
  readonly #subscriptions = new Set<Subscription>()
  readonly #callParts: BackParts
  #isClosed = false

  constructor(pool: Pool, context: LegacyBackContext) {
    const { clock, options, seal, log } = context
    this.name = pool.server
    this.#clock = clock
    this.#notices = new Notices(pool, clock)
    this.#drains = new Deadlines({
      clock,
      timeoutMs: DRAIN_MS,
      onExpired: (answer) => answer.stop(),
    })
    this.#parked = new ParkedCalls({ clock, ...options })
    const nodeId = randomBytes(NODE_ID_BYTES).toString('base64url')
    const states = new RequestStates({ seal, clock, server: pool.server, nodeId })
    this.#parking = new Parking(this.#parked, states, options.parkedCallTimeoutMs)
    const parts = {
      pool,
      clock,
      notices: this.#notices,
      parking: this.#parking,
      drains: this.#drains,
      log,
      onWrongEra: () => context.onWrongEra(),
    }
    this.#sessions = new SessionPool({
      clock,
      options,
      notices: this.#notices,
      create: (origin, onRetired, onOver) =>
        new UpstreamSession(origin, { ...parts, onRetired, onOver }),
    })
    this.#callParts = {
      sessions: this.#sessions,
      parking: this.#parking,
      onWrongEra: parts.onWrongEra,
    }
  }

  get held() {
    return {
      sessions: this.#sessions.size,
      parkedCalls: this.#parked.size,
      subscriptions: this.#subscriptions.size,
    }
  }

  call(request: ViewRequest, sink: ViewSink): ViewCall {
    const call = new BackCall(this.#callParts, request, sink)
    call.begin()
    return call
  }

  callVerbatim(request: VerbatimRequest, sink: VerbatimSink): VerbatimCall | undefined {
    const session = this.#sessions.find(request)
    const verbatim = session?.verbatim.begin(request, sink)
    if (session === undefined || verbatim === undefined) return undefined
    return {
      cancel: () => verbatim.cancel(),
      goOn: (usual, viewSink) => {
        const call = new BackCall(this.#callParts, usual, viewSink)
        call.takeOver(verbatim, session)
        return call
      },
    }
  }

  listen(request: ListenRequest, sink: ListenSink): ViewCall {
    const subscription = new Subscription(request, sink, {
      clock: this.#clock,
      sessions: this.#sessions,
      onOver: (over) => this.#subscriptions.delete(over),
    })
    if (this.#isClosed) {
      queueMicrotask(() => sink.onFailure(closing()))
      return subscription
    }
    this.#subscriptions.add(subscription)
    subscription.begin()
    return subscription
  }

  /** Parked calls first: each would keep its session. */
  forgetCaller(callerKey: string): void {
    this.#parked.forgetCaller(callerKey)
    this.#sessions.forgetCaller(callerKey)
  }

  abandon(callerKey: string, requestState: string): void {
    this.#parking.abandon(callerKey, requestState)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const subscription of this.#subscriptions) subscription.close()
    this.#parked.close()
    this.#sessions.close()
    const late = Promise.withResolvers<void>()
    const timer = this.#clock.after(CLOSE_TIMEOUT_MS, () => late.resolve())
    await Promise.race([this.#notices.whenIdle(), late.promise])
    timer.cancel()
    this.#drains.stop()
  }
}
