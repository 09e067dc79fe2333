// What a child writes to stderr, as log lines: all of it is read, not all of it is written.
import type { Clock } from '../../core/index.ts'
import type { Log } from '../../observability/index.ts'

const WINDOW_MS = 1_000
/** Lines of one child that are logged per window; a child that floods must not fill the disk. */
export const MAX_LINES_PER_WINDOW = 50

export class StderrLog {
  readonly #log: Log
  readonly #clock: Clock
  #windowEndsMs = Number.NEGATIVE_INFINITY
  #lines = 0

  constructor(log: Log, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  line(stderr: string): void {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs >= this.#windowEndsMs) {
      this.flush()
      this.#windowEndsMs = nowMs + WINDOW_MS
    }
    this.#lines++
    if (this.#lines > MAX_LINES_PER_WINDOW || stderr === '') return
    // MCP stdio: stderr is for any logging, so a line there is no sign of an error.
    this.#log.info({ stderr }, 'stdio server wrote to stderr')
  }

  /** Tells how many lines of the window were left out, and begins a new one. */
  flush(): void {
    const count = this.#lines - MAX_LINES_PER_WINDOW
    this.#lines = 0
    if (count > 0) this.#log.warn({ count }, 'stdio server wrote more to stderr than is logged')
  }
}
