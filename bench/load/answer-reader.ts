// Frames HTTP/1.1 answers from the bytes of one connection: by Content-Length or chunked. Strict, because a harness that
// shrugs at a broken answer would count it as a fast one.

export interface HttpAnswer {
  readonly status: number
  /** Status line and fields, as they came. */
  readonly head: string
  readonly body: Buffer
}

const HEAD_END = Buffer.from('\r\n\r\n')
const LINE_END = Buffer.from('\r\n')
const MAX_HEAD_BYTES = 16 * 1024
const EMPTY = Buffer.alloc(0)

export class AnswerReader {
  readonly #maxBodyBytes: number
  #pending: Buffer = EMPTY
  #status = 0
  #head: string | undefined
  /** Body bytes still to come, for an answer with a length. */
  #left = 0
  #isChunked = false
  #parts: Buffer[] = []
  #partBytes = 0

  constructor(maxBodyBytes: number) {
    this.#maxBodyBytes = maxBodyBytes
  }

  /**
   * Takes the next bytes; the answer, once it is whole. The connection carries one call at a time, so bytes after the
   * end of an answer are an error.
   */
  push(chunk: Buffer): HttpAnswer | undefined {
    let bytes = chunk
    if (this.#pending.length > 0) {
      bytes = Buffer.concat([this.#pending, chunk])
      this.#pending = EMPTY
    }
    if (this.#head === undefined) {
      const end = bytes.indexOf(HEAD_END)
      if (end < 0) {
        if (bytes.length > MAX_HEAD_BYTES) throw new Error('an answer head without end')
        this.#pending = bytes
        return undefined
      }
      this.#begin(bytes.toString('latin1', 0, end + LINE_END.length))
      bytes = bytes.subarray(end + HEAD_END.length)
    }
    return this.#isChunked ? this.#takeChunks(bytes) : this.#takeCounted(bytes)
  }

  #begin(raw: string): void {
    const status = /^HTTP\/1\.1 (\d{3})/.exec(raw)?.[1]
    if (status === undefined) throw new Error(`not an HTTP/1.1 answer: ${raw.slice(0, 40)}`)
    const length = /\r\ncontent-length: *(\d+)\r\n/i.exec(raw)?.[1]
    this.#isChunked = /\r\ntransfer-encoding: *chunked\r\n/i.test(raw)
    if (length === undefined && !this.#isChunked && status !== '202' && status !== '204') {
      throw new Error('an answer with neither Content-Length nor chunks')
    }
    this.#status = Number(status)
    this.#head = raw
    this.#left = Number(length ?? 0)
  }

  #takeCounted(bytes: Buffer): HttpAnswer | undefined {
    if (bytes.length > this.#left) throw new Error('an answer longer than its Content-Length')
    this.#left -= bytes.length
    this.#keep(bytes)
    return this.#left === 0 ? this.#finish() : undefined
  }

  #takeChunks(bytes: Buffer): HttpAnswer | undefined {
    let at = 0
    for (;;) {
      const lineEnd = bytes.indexOf(LINE_END, at)
      if (lineEnd < 0) break
      const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
      if (Number.isNaN(size)) throw new Error('a chunk without size')
      const start = lineEnd + LINE_END.length
      const end = start + size
      if (bytes.length < end + LINE_END.length) break
      if (bytes.indexOf(LINE_END, end) !== end) throw new Error('a chunk longer than its size')
      at = end + LINE_END.length
      if (size > 0) this.#keep(bytes.subarray(start, end))
      else if (at < bytes.length) throw new Error('bytes after the last chunk')
      else return this.#finish()
    }
    this.#pending = bytes.subarray(at)
    return undefined
  }

  #keep(part: Buffer): void {
    this.#partBytes += part.length
    if (this.#partBytes > this.#maxBodyBytes) throw new Error('an answer body without end')
    this.#parts.push(part)
  }

  #finish(): HttpAnswer {
    const parts = this.#parts
    const body = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
    const answer = { status: this.#status, head: this.#head ?? '', body }
    this.#head = undefined
    this.#parts = []
    this.#partBytes = 0
    return answer
  }
}
