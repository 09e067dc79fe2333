// Many waits of one length, watched with one timer: arming and disarming costs a few assignments, cheap enough for every
// request. What to do with whoever waited too long is the owner's business.
import type { Clock, Timer } from './clock.ts'

/** How finely the timeout is divided; a wait ends at most this part of the timeout late. */
const TICKS_PER_TIMEOUT = 8

/**
 * A place in the list of one Deadlines; whoever waits holds it. The list is linked by hand because a Map, filled and
 * emptied with every request, leaves a chain of old tables behind that keeps the requests of minutes from being collected.
 */
export class Wait<T> {
  readonly item: T
  /** Tick at which the wait began. */
  since = 0
  /** Neighbours while waiting. Cleared afterwards, so that nothing hangs on a place nobody needs. */
  before: Wait<T> | undefined
  after: Wait<T> | undefined

  constructor(item: T) {
    this.item = item
  }
}

export interface DeadlinesOptions<T> {
  readonly clock: Clock
  readonly timeoutMs: number
  /** Called once for each item that was watched for the whole timeout. */
  readonly onExpired: (item: T) => void
}

export class Deadlines<T> {
  readonly #options: DeadlinesOptions<T>
  /** All waits have the same length, so the first is the oldest. */
  #first: Wait<T> | undefined
  #last: Wait<T> | undefined
  #tick = 0
  #timer: Timer | undefined

  constructor(options: DeadlinesOptions<T>) {
    this.#options = options
  }

  /** Starts the wait, anew if it was running already. */
  watch(wait: Wait<T>): void {
    this.unwatch(wait)
    wait.since = this.#tick
    wait.before = this.#last
    if (this.#last === undefined) this.#first = wait
    else this.#last.after = wait
    this.#last = wait
    if (this.#timer !== undefined) return
    const { clock, timeoutMs } = this.#options
    this.#timer = clock.every(timeoutMs / TICKS_PER_TIMEOUT, () => this.#sweep())
  }

  /** Ends the wait, if it is running. */
  unwatch(wait: Wait<T>): void {
    const { before, after } = wait
    if (before !== undefined) before.after = after
    else if (this.#first === wait) this.#first = after
    else return
    if (after === undefined) this.#last = before
    else after.before = before
    wait.before = undefined
    wait.after = undefined
  }

  /** Forgets all waits. */
  stop(): void {
    while (this.#first !== undefined) this.unwatch(this.#first)
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #sweep(): void {
    this.#tick += 1
    // A wait began somewhere between two ticks: only one more than the full count is surely long enough.
    while (this.#first !== undefined && this.#tick - this.#first.since > TICKS_PER_TIMEOUT) {
      const { item } = this.#first
      this.unwatch(this.#first)
      this.#options.onExpired(item)
    }
    if (this.#first === undefined) this.stop()
  }
}
