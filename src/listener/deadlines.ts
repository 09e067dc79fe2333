// Many waits of one length, watched with one timer: arming and disarming costs a map entry, cheap enough for every
// request. What to do with whoever waited too long is the owner's business.
import type { Clock, Timer } from '../core/index.ts'

/** How finely the timeout is divided; a wait ends at most this part of the timeout late. */
const TICKS_PER_TIMEOUT = 8

export interface DeadlinesOptions<T> {
  readonly clock: Clock
  readonly timeoutMs: number
  /** Called once for each item that was watched for the whole timeout. */
  readonly onExpired: (item: T) => void
}

export class Deadlines<T> {
  readonly #options: DeadlinesOptions<T>
  /** Item → tick at which its wait began; oldest first, because all waits have the same length. */
  readonly #since = new Map<T, number>()
  #tick = 0
  #timer: Timer | undefined

  constructor(options: DeadlinesOptions<T>) {
    this.#options = options
  }

  /** Starts the wait of `item`, anew if it was waiting already. */
  watch(item: T): void {
    this.#since.delete(item)
    this.#since.set(item, this.#tick)
    const { clock, timeoutMs } = this.#options
    this.#timer ??= clock.every(timeoutMs / TICKS_PER_TIMEOUT, () => this.#sweep())
  }

  unwatch(item: T): void {
    this.#since.delete(item)
  }

  /** Forgets all waits. */
  stop(): void {
    this.#since.clear()
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #sweep(): void {
    this.#tick += 1
    for (const [item, since] of this.#since) {
      // The wait began somewhere between two ticks: only one more than the full count is surely long enough.
      if (this.#tick - since <= TICKS_PER_TIMEOUT) break
      this.#since.delete(item)
      this.#options.onExpired(item)
    }
    if (this.#since.size === 0) this.stop()
  }
}
