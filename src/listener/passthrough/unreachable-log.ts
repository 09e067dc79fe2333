// Says that a target cannot be reached: the first time at once, then as a sum. A client may try a thousand times a second.
import type { Clock, Timer } from '../../core/index.ts'
import type { Log } from '../../observability/index.ts'

/** The same thing is said again no sooner than this. */
const QUIET_MS = 60_000

interface Told {
  readonly timer: Timer
  /** Times it happened since it was told. */
  count: number
}

export class UnreachableLog {
  readonly #log: Log
  readonly #clock: Clock
  /** By what was said: one for each target, as the config has them. */
  readonly #told = new Map<string, Told>()

  constructor(log: Log, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  tell(what: string, error?: Error): void {
    const told = this.#told.get(what)
    if (told !== undefined) {
      told.count += 1
      return
    }
    this.#log.warn({ ...(error !== undefined && { error }) }, what)
    const timer = this.#clock.after(QUIET_MS, () => this.#sumUp(what))
    this.#told.set(what, { timer, count: 0 })
  }

  stop(): void {
    for (const { timer } of this.#told.values()) timer.cancel()
    this.#told.clear()
  }

  #sumUp(what: string): void {
    const count = this.#told.get(what)?.count ?? 0
    this.#told.delete(what)
    if (count > 0) this.#log.warn({ count }, `${what}, again`)
  }
}
