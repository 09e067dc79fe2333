// An event stream that the channel opens for its client with GET and opens again when it ends: the session's own, for what
// the server says of its own accord, or the rest of an answer (MCP 2025-11-25 transports §Resumability and Redelivery).
import type { Clock, Timer } from '../../../core/index.ts'
import type { AnswerEars, AnswerHead, AnswerOver } from './virtual-answer.ts'

export interface PulledStreamOwner {
  readonly clock: Clock
  readonly isBehind: boolean
  /** Sends the GET; the handle closes its answer. */
  pull(ears: AnswerEars, lastEventId: string | undefined): { leave(): void }
}

export interface PulledStreamOptions {
  /** Where to go on. */
  readonly lastEventId?: string | undefined
  /** Wait before the first GET; undefined: none. */
  readonly firstDelayMs?: number | undefined
  /** Tries in a row without any message, after which it is given up. */
  readonly maxFutile: number
  onMessage(json: string, message: unknown): void
  /** It cannot be had, or not any more. */
  onGivenUp(over: AnswerOver): void
}

/** When the server does not say how long to wait, or says nothing at all. */
export const DEFAULT_RETRY_MS = 1_000
/** A server that says "at once" must not make the gateway spin. */
const MIN_RETRY_MS = 50
const MAX_RETRY_MS = 30_000

/** A stream that was open this long was no futile try, even if there was nothing to say. */
const STEADY_MS = 10_000

const OK = 200
const SERVER_ERROR_FLOOR = 500

export class PulledStream implements AnswerEars {
  readonly #owner: PulledStreamOwner
  readonly #options: PulledStreamOptions
  #lastEventId: string | undefined
  #retryMs = DEFAULT_RETRY_MS
  #futile = 0
  #openedAtMs = 0
  #pulling: { leave(): void } | undefined
  #waiting: Timer | undefined
  #isStopped = false

  constructor(owner: PulledStreamOwner, options: PulledStreamOptions) {
    this.#owner = owner
    this.#options = options
    this.#lastEventId = options.lastEventId
  }

  get isBehind(): boolean {
    return this.#owner.isBehind
  }

  start(): void {
    const { firstDelayMs } = this.#options
    if (firstDelayMs === undefined) this.#pull()
    else this.#pullAfter(firstDelayMs)
  }

  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#waiting?.cancel()
    this.#pulling?.leave()
  }

  onHead(_head: AnswerHead): void {
    this.#openedAtMs = this.#owner.clock.monotonicMs()
  }

  onMessage(json: string, message: unknown): void {
    this.#futile = 0
    this.#options.onMessage(json, message)
  }

  onOver(over: AnswerOver): void {
    if (this.#isStopped) return
    this.#lastEventId = over.lastEventId ?? this.#lastEventId
    this.#retryMs = over.retryMs ?? this.#retryMs
    // Lost on the way, or a fault that may pass. Everything else is an answer: there is no such stream (405), or not for us.
    const mayComeBack = over.status <= OK || over.status >= SERVER_ERROR_FLOOR
    const openForMs = this.#owner.clock.monotonicMs() - this.#openedAtMs
    this.#futile = over.status > 0 && openForMs > STEADY_MS ? 1 : this.#futile + 1
    if (!mayComeBack || over.isTooLarge || this.#futile > this.#options.maxFutile) {
      this.#isStopped = true
      this.#options.onGivenUp(over)
      return
    }
    this.#pullAfter(this.#retryMs * 2 ** Math.min(this.#futile - 1, 16))
  }

  #pullAfter(delayMs: number): void {
    const waitMs = Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, delayMs))
    this.#waiting = this.#owner.clock.after(waitMs, () => this.#pull())
  }

  #pull(): void {
    if (this.#isStopped) return
    this.#pulling = this.#owner.pull(this, this.#lastEventId)
  }
}
