// How long to wait after a child failed before the command is started again. Nothing runs here: callers ask.
import type { Clock } from '../../core/index.ts'

const FIRST_DELAY_MS = 100
const MAX_DELAY_MS = 30_000
/** A failure this long after the last wait was over has nothing to do with the ones before. */
export const STABLE_AFTER_MS = 60_000

export class BackOff {
  readonly #clock: Clock
  readonly #random: () => number
  #failures = 0
  #untilMs = Number.NEGATIVE_INFINITY

  /** `random` returns numbers from 0 to 1, as Math.random does. */
  constructor(clock: Clock, random: () => number = Math.random) {
    this.#clock = clock
    this.#random = random
  }

  /** Notes a failure: each in a row doubles the wait, of which up to half is left to chance, so that many do not return at once. */
  fail(): void {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#untilMs > STABLE_AFTER_MS) this.#failures = 0
    const delayMs = Math.min(FIRST_DELAY_MS * 2 ** this.#failures, MAX_DELAY_MS)
    this.#failures++
    this.#untilMs = nowMs + delayMs * (0.5 + this.#random() / 2)
  }

  /** Time until the next start is allowed; 0 when it is. */
  get remainingMs(): number {
    return Math.max(0, this.#untilMs - this.#clock.monotonicMs())
  }
}
