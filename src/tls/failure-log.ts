// Which failed handshakes are told in the log: each cause once per peer and period, and no more in a period than a person can
// read, so that a scanner cannot fill a disk. What is left out is counted.
import type { Clock } from '../core/index.ts'

export interface FailureLogOptions {
  readonly clock: Clock
  readonly periodMs?: number
  /** Told in one period; also what is remembered at most. */
  readonly maxPerPeriod?: number
}

const PERIOD_MS = 600_000
const MAX_PER_PERIOD = 200

export class FailureLog {
  readonly #clock: Clock
  readonly #periodMs: number
  readonly #maxPerPeriod: number
  readonly #told = new Set<string>()
  #periodEndsMs = 0
  #untold = 0

  constructor({ clock, periodMs = PERIOD_MS, maxPerPeriod = MAX_PER_PERIOD }: FailureLogOptions) {
    this.#clock = clock
    this.#periodMs = periodMs
    this.#maxPerPeriod = maxPerPeriod
  }

  /** Whether this failure is to be told; with it, how many were not since the last that was. */
  admit(cause: string, peer: string): { readonly untold: number } | undefined {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs >= this.#periodEndsMs) {
      this.#told.clear()
      this.#periodEndsMs = nowMs + this.#periodMs
    }
    const key = `${cause} ${peer}`
    if (this.#told.has(key) || this.#told.size >= this.#maxPerPeriod) {
      this.#untold += 1
      return undefined
    }
    this.#told.add(key)
    const untold = this.#untold
    this.#untold = 0
    return { untold }
  }
}
