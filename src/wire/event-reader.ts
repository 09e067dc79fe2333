// Reading an event stream (HTML Living Standard §9.2.6) from bytes in any split, in time and memory linear in the length
// of an event. What an event's data means is the reader's business.

export interface ServerEvent<Data = string> {
  /** `message` unless the stream says otherwise. */
  readonly event: string
  /** The values of its data fields, joined by line feeds. */
  readonly data: Data
  /** The last event id that the stream has said so far. */
  readonly id: string | undefined
}

export interface EventReaderOptions {
  /** Longest event: its fields with their line breaks. A longer one ends the reading. */
  readonly maxEventBytes: number
  onEvent(event: ServerEvent): void
  /**
   * In place of `onEvent` for one whose data is a single long line, as its bytes, which need not be UTF-8. Part of the
   * chunks: they may be kept if those may.
   */
  onLongEvent?(event: ServerEvent<Buffer>): void
  onRetry?(ms: number): void
  /** Called at the end of each event that says an id, before `onEvent`; also for one without data, which has no `onEvent`. */
  onId?(id: string): void
}

/** A longer wait than a timer can hold would end at once. */
const MAX_RETRY_MS = 2_147_483_647
const MIN_CAPACITY_BYTES = 1_024
const MIN_LONG_BYTES = 8_192
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const SPACE = 0x20
const COLON = 0x3a
const BYTE_ORDER_MARK = Buffer.of(0xef, 0xbb, 0xbf)
/** Of `event` and `retry`; longer ones are not of this format. */
const MAX_NAME_LENGTH = 5
const DIGITS = /^[0-9]+$/
const EMPTY = Buffer.alloc(0)

export class EventReader {
  readonly #options: EventReaderOptions
  // The beginning of a line whose end has not come yet. Grows by doubling: a list of chunks would cost an object per
  // chunk, and a writer that sends single bytes would turn one line into millions of them.
  #partial = EMPTY
  #length = 0
  #isFirstLine = true
  #endedWithCarriageReturn = false
  #stopped = false
  /** Bytes of the event's finished lines. */
  #eventBytes = 0
  #event = ''
  /** As bytes while it is one long line. */
  #data: string | Buffer | undefined
  #newId: string | undefined
  #lastId: string | undefined

  constructor(options: EventReaderOptions) {
    this.#options = options
  }

  /** Takes the next bytes. False once an event is longer than the limit: nothing is read after that. */
  push(chunk: Uint8Array): boolean {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let from = this.#afterCarriageReturn(bytes)
    // Each is searched again only once it has been passed, so a stream with one kind of line break costs one search
    // for the other per chunk.
    let feedAt = indexOrEnd(bytes, LINE_FEED, from)
    let returnAt = indexOrEnd(bytes, CARRIAGE_RETURN, from)
    while (!this.#stopped && (feedAt < bytes.length || returnAt < bytes.length)) {
      const end = Math.min(feedAt, returnAt)
      this.#finishLine(bytes, from, end)
      from = end + 1
      if (end === returnAt) {
        if (from === bytes.length) this.#endedWithCarriageReturn = true
        else if (feedAt === from) from++
        returnAt = indexOrEnd(bytes, CARRIAGE_RETURN, from)
      }
      if (feedAt < from) feedAt = indexOrEnd(bytes, LINE_FEED, from)
    }
    if (!this.#stopped && from < bytes.length) this.#keep(bytes, from, bytes.length)
    return !this.#stopped
  }

  /** A line feed belongs to the carriage return before it, be that in the chunk before. */
  #afterCarriageReturn(bytes: Buffer): number {
    if (!this.#endedWithCarriageReturn || bytes.length === 0) return 0
    this.#endedWithCarriageReturn = false
    return bytes[0] === LINE_FEED ? 1 : 0
  }

  #finishLine(bytes: Buffer, start: number, end: number): void {
    if (this.#length === 0) {
      this.#line(bytes, start, end)
      return
    }
    this.#keep(bytes, start, end)
    if (this.#stopped) return
    const line = this.#partial
    const length = this.#length
    this.#partial = EMPTY
    this.#length = 0
    this.#line(line, 0, length)
  }

  #line(bytes: Buffer, from: number, end: number): void {
    const start = from + this.#byteOrderMark(bytes, from, end)
    if (start === end) {
      this.#dispatch()
      return
    }
    // A comment: nothing of it is kept, so it counts for nothing.
    if (bytes[start] === COLON) return
    this.#eventBytes += end - start + 1
    if (this.#eventBytes > this.#options.maxEventBytes) {
      this.#stop()
      return
    }
    this.#field(bytes, start, end)
  }

  #byteOrderMark(bytes: Buffer, start: number, end: number): number {
    if (!this.#isFirstLine) return 0
    this.#isFirstLine = false
    return bytes.subarray(start, Math.min(end, start + 3)).equals(BYTE_ORDER_MARK) ? 3 : 0
  }

  #field(bytes: Buffer, start: number, end: number): void {
    const nameEnd = endOfName(bytes, start, end)
    const valueStart = Math.min(end, nameEnd + (bytes[nameEnd + 1] === SPACE ? 2 : 1))
    const name = bytes.toString('latin1', start, nameEnd)
    if (name === 'data') {
      this.#addData(bytes, valueStart, end)
    } else if (name === 'event') {
      this.#event = bytes.toString('utf8', valueStart, end)
    } else if (name === 'id') {
      const id = bytes.toString('utf8', valueStart, end)
      if (!id.includes('\0')) this.#newId = id
    } else if (name === 'retry') {
      const value = bytes.toString('latin1', valueStart, end)
      if (DIGITS.test(value)) this.#options.onRetry?.(Math.min(Number(value), MAX_RETRY_MS))
    }
  }

  #addData(bytes: Buffer, start: number, end: number): void {
    const isLong = end - start >= MIN_LONG_BYTES && this.#options.onLongEvent !== undefined
    if (this.#data === undefined && isLong) {
      this.#data = bytes.subarray(start, end)
      return
    }
    const value = bytes.toString('utf8', start, end)
    this.#data = this.#data === undefined ? value : `${textOf(this.#data)}\n${value}`
  }

  #dispatch(): void {
    const event = this.#event === '' ? 'message' : this.#event
    const data = this.#data
    const newId = this.#newId
    this.#event = ''
    this.#data = undefined
    this.#newId = undefined
    this.#eventBytes = 0
    if (newId !== undefined) {
      this.#lastId = newId
      this.#options.onId?.(newId)
    }
    if (data === undefined) return
    const id = this.#lastId
    if (Buffer.isBuffer(data)) this.#options.onLongEvent?.({ event, data, id })
    else this.#options.onEvent({ event, data, id })
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const length = this.#length + end - start
    if (this.#eventBytes + length > this.#options.maxEventBytes) {
      this.#stop()
      return
    }
    this.#reserve(length)
    bytes.copy(this.#partial, this.#length, start, end)
    this.#length = length
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#partial.length) return
    const larger = Buffer.allocUnsafeSlow(
      Math.max(bytes, 2 * this.#partial.length, MIN_CAPACITY_BYTES),
    )
    this.#partial.copy(larger, 0, 0, this.#length)
    this.#partial = larger
  }

  #stop(): void {
    this.#stopped = true
    this.#partial = EMPTY
    this.#data = undefined
  }
}

function textOf(data: string | Buffer): string {
  return Buffer.isBuffer(data) ? data.toString('utf8') : data
}

/** Looks no further than a known name reaches: the search must not cost the length of the chunk for every line. */
function endOfName(bytes: Buffer, start: number, end: number): number {
  const limit = Math.min(end, start + MAX_NAME_LENGTH + 1)
  let at = start
  while (at < limit && bytes[at] !== COLON) at++
  return at
}

function indexOrEnd(bytes: Buffer, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from)
  return at < 0 ? bytes.length : at
}
