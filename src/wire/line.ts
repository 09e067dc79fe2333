// Newline framing (MCP 2026-07-28 stdio §Framing): bytes in any split become whole lines, in time and memory linear in the
// length of a line. What a line means is the reader's business.

export interface LineOptions {
  /** Longest line, without its line break. */
  readonly maxLineBytes: number
  /** What a longer line does: `stop` ends the splitting for good, `truncate` keeps its beginning and goes on. */
  readonly onTooLong: 'stop' | 'truncate'
  /** Called with each line without its line break (LF or CRLF). The bytes may be shared with the chunk: do not keep them. */
  readonly onLine: (line: Buffer) => void
}

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const MIN_CAPACITY_BYTES = 1_024

export class LineSplitter {
  readonly #options: LineOptions
  // The beginning of a line whose end has not come yet. Grows by doubling: a list of chunks would cost an object per
  // chunk, and a writer that sends single bytes would turn one line into millions of them.
  #partial = Buffer.alloc(0)
  #length = 0
  #stopped = false

  constructor(options: LineOptions) {
    this.#options = options
  }

  /** Takes the next bytes. False once a line was too long and `onTooLong` is `stop`: nothing is read after that. */
  push(chunk: Buffer): boolean {
    let from = 0
    while (!this.#stopped) {
      const end = chunk.indexOf(LINE_FEED, from)
      if (end < 0) break
      this.#finishLine(chunk.subarray(from, end))
      from = end + 1
    }
    if (!this.#stopped && from < chunk.length) this.#keep(chunk.subarray(from))
    return !this.#stopped
  }

  /** Hands out a last line that has no line break. */
  end(): void {
    if (!this.#stopped && this.#length > 0) this.#finishLine(Buffer.alloc(0))
    this.#stopped = true
  }

  #finishLine(rest: Buffer): void {
    const { maxLineBytes, onLine } = this.#options
    if (this.#length === 0 && rest.length <= maxLineBytes) {
      onLine(withoutCarriageReturn(rest))
      return
    }
    this.#keep(rest)
    if (this.#stopped) return
    const line = this.#partial.subarray(0, this.#length)
    this.#partial = Buffer.alloc(0)
    this.#length = 0
    onLine(withoutCarriageReturn(line))
  }

  #keep(part: Buffer): void {
    const { maxLineBytes, onTooLong } = this.#options
    const room = maxLineBytes - this.#length
    if (part.length > room && onTooLong === 'stop') {
      this.#stopped = true
      this.#partial = Buffer.alloc(0)
      return
    }
    const kept = part.length > room ? part.subarray(0, room) : part
    this.#reserve(this.#length + kept.length)
    kept.copy(this.#partial, this.#length)
    this.#length += kept.length
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#partial.length) return
    const capacity = Math.max(bytes, 2 * this.#partial.length, MIN_CAPACITY_BYTES)
    const larger = Buffer.allocUnsafeSlow(
      Math.min(capacity, Math.max(bytes, this.#options.maxLineBytes)),
    )
    this.#partial.copy(larger, 0, 0, this.#length)
    this.#partial = larger
  }
}

function withoutCarriageReturn(line: Buffer): Buffer {
  return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line
}
