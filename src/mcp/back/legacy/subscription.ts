// One subscription of a client of the modern era: listens on the session of its caller, and on the next one when that ends,
// with a word to the client that it may have missed something.
import { GatewayError, toGatewayError, type Clock, type Timer } from '../../../core/index.ts'
import { changesOf } from '../../translate/listen-filter.ts'
import type {
  ListenFilter,
  ListenRequest,
  ListenSink,
  RpcNotification,
  ViewCall,
} from '../../view/server-view.ts'
import type { SessionListener } from './session-listeners.ts'
import type { SessionPool } from './session-pool.ts'
import type { UpstreamSession } from './upstream-session.ts'

/** Attempts in a row to find another session. */
const MAX_ATTEMPTS = 6
const RETRY_MS = 1_000
/** Changes that come before the acknowledgement, which must be first. Beyond it all are told as if they had happened. */
const MAX_EARLY = 64

export interface SubscriptionContext {
  readonly clock: Clock
  readonly sessions: SessionPool
  readonly onOver: (subscription: Subscription) => void
}

export class Subscription implements ViewCall, SessionListener {
  readonly #context: SubscriptionContext
  readonly #request: ListenRequest
  readonly #sink: ListenSink
  #session: UpstreamSession | undefined
  #honoured: ListenFilter | undefined
  #early: RpcNotification[] = []
  #attempts = 0
  #timer: Timer | undefined
  #isOver = false

  constructor(request: ListenRequest, sink: ListenSink, context: SubscriptionContext) {
    this.#context = context
    this.#request = request
    this.#sink = sink
  }

  /** The sink hears nothing before this has returned. */
  begin(): void {
    this.#attach().catch((thrown: unknown) => this.#onFailure(toGatewayError(thrown)))
  }

  cancel(): void {
    this.#end()
  }

  /** Ends it in good order. */
  close(): void {
    if (this.#end()) this.#sink.onEnd()
  }

  onChange(change: RpcNotification): void {
    if (this.#honoured !== undefined) this.#sink.onNotification(change)
    else if (this.#early.length <= MAX_EARLY) this.#early.push(change)
  }

  onGap(): void {
    if (this.#honoured === undefined) return
    for (const change of changesOf(this.#honoured)) this.#sink.onNotification(change)
  }

  onSessionOver(): void {
    this.#session = undefined
    if (!this.#isOver) this.begin()
  }

  async #attach(): Promise<void> {
    const session = await this.#context.sessions.open(this.#request)
    if (this.#isOver) return
    this.#session = session
    const honoured = await session.listen(this, this.#request.filter)
    // It may have ended meanwhile, or its session, and then another attempt is under way.
    if (this.#isOver || this.#session !== session) return
    this.#attempts = 0
    if (this.#honoured === undefined) this.#acknowledge(honoured)
    else this.onGap()
  }

  #acknowledge(honoured: ListenFilter): void {
    const early = this.#early
    this.#early = []
    this.#honoured = honoured
    this.#sink.onAcknowledged(honoured)
    const changes = early.length > MAX_EARLY ? changesOf(honoured) : early
    for (const change of changes) if (!this.#isOver) this.#sink.onNotification(change)
  }

  #onFailure(error: GatewayError): void {
    if (this.#isOver) return
    this.#session?.unlisten(this)
    this.#session = undefined
    this.#attempts++
    // What never began is refused at once; what was acknowledged is kept up as long as there is hope.
    if (this.#honoured === undefined || this.#attempts >= MAX_ATTEMPTS) {
      this.#end()
      this.#sink.onFailure(error)
      return
    }
    const { clock } = this.#context
    this.#timer = clock.after(RETRY_MS * 2 ** this.#attempts, () => this.begin())
  }

  /** False when it was over before. */
  #end(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#timer?.cancel()
    this.#session?.unlisten(this)
    this.#context.onOver(this)
    return true
  }
}
