// Log lines on their way to a file descriptor: several at a time, because one system call per line costs more than all
// else about it. A reader that is gone or does not read costs lines, never the gateway. (The logger's own destination
// waits in a loop for a reader that is gone when it is told to flush.)
import { write } from 'node:fs'
import { systemClock } from '../core/index.ts'

/** How long a line may be held back. */
const HELD_BACK_FOR_MS = 100
/** Written at once from here on. */
const BATCH_CHARS = 8_192
/** Held back at most while the reader does not read; what comes then is dropped. */
const MAX_HELD_BACK_CHARS = 1_048_576
/** A flush waits no longer for a reader. */
const FLUSH_TIMEOUT_MS = 1_000

export class LineBatch {
  readonly #fd: number
  #lines = ''
  #isWaiting = false
  #writing: Promise<void> | undefined

  constructor(fd: number) {
    this.#fd = fd
  }

  write(line: string): void {
    if (this.#lines.length > MAX_HELD_BACK_CHARS) return
    this.#lines += line
    if (this.#lines.length >= BATCH_CHARS) {
      this.#send()
    } else if (!this.#isWaiting) {
      this.#isWaiting = true
      systemClock.after(HELD_BACK_FOR_MS, () => {
        this.#isWaiting = false
        this.#send()
      })
    }
  }

  /** Resolves when everything is written, or nobody reads it. */
  async flush(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = systemClock.after(FLUSH_TIMEOUT_MS, resolve)
    await Promise.race([this.#flushAll(), late])
    timer.cancel()
  }

  async #flushAll(): Promise<void> {
    while (this.#lines !== '' || this.#writing !== undefined) {
      this.#send()
      await this.#writing
    }
  }

  #send(): void {
    if (this.#writing !== undefined || this.#lines === '') return
    const bytes = Buffer.from(this.#lines)
    this.#lines = ''
    this.#writing = this.#writeAndGoOn(bytes)
  }

  async #writeAndGoOn(bytes: Buffer): Promise<void> {
    await new Promise<void>((resolve) => this.#writeAll(bytes, resolve))
    this.#writing = undefined
    if (this.#lines.length >= BATCH_CHARS) this.#send()
  }

  #writeAll(bytes: Buffer, onOver: () => void): void {
    write(this.#fd, bytes, (error, written) => {
      if (error !== null || written >= bytes.length) onOver()
      else this.#writeAll(bytes.subarray(written), onOver)
    })
  }
}
