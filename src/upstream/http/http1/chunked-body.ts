// A body in chunks (RFC 9112 §7.1), read as its bytes arrive, however they are split.
import type { RawHeaders } from '../../../core/index.ts'
import { MalformedAnswer, readTrailers } from './answer-head.ts'

const CR = 0x0d
const LF = 0x0a

/** The size of a chunk with its extensions, which mean nothing to us; and the trailer section. */
const MAX_SIZE_LINE_BYTES = 1_024
const MAX_TRAILER_BYTES = 16_384

const SIZE_LINE = /^([0-9A-Fa-f]{1,12})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/

export class ChunkedBody {
  /** Fields behind the last chunk. Known at the end. */
  trailers: RawHeaders = []
  /** What is read now. `line-end`: the CRLF behind a chunk's data. */
  #reading: 'size' | 'data' | 'line-end' | 'trailers' = 'size'
  /** Bytes that are left of the chunk. */
  #left = 0
  /** What was read of a line, or of the trailers. */
  #text = ''

  /**
   * Hands the data in these bytes to `onData`. Returns how many bytes belong to the body, or -1 when it goes on.
   *
   * @throws MalformedAnswer
   */
  read(bytes: Buffer, onData: (data: Buffer) => void): number {
    let at = 0
    while (at < bytes.length) {
      if (this.#reading === 'data') {
        const end = Math.min(bytes.length, at + this.#left)
        this.#left -= end - at
        onData(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end))
        at = end
        if (this.#left === 0) this.#reading = 'line-end'
        continue
      }
      at = this.#readText(bytes, at)
      if (!this.#isLineDone()) continue
      if (this.#reading === 'trailers') {
        this.#endTrailers()
        return at
      }
      this.#endLine()
    }
    return -1
  }

  /** Up to and with the next line feed. */
  #readText(bytes: Buffer, start: number): number {
    const lineFeed = bytes.indexOf(LF, start)
    const end = lineFeed === -1 ? bytes.length : lineFeed + 1
    this.#text += bytes.toString('latin1', start, end)
    const max = this.#reading === 'trailers' ? MAX_TRAILER_BYTES : MAX_SIZE_LINE_BYTES
    if (this.#text.length > max) throw new MalformedAnswer('a chunk’s size or trailers too long')
    return end
  }

  #isLineDone(): boolean {
    const { length } = this.#text
    if (this.#text.charCodeAt(length - 1) !== LF) return false
    if (this.#text.charCodeAt(length - 2) !== CR) throw new MalformedAnswer('a bare line feed')
    if (this.#reading !== 'trailers') return true
    // The section ends with an empty line, which may be the only one.
    return length === 2 || this.#text.endsWith('\r\n\r\n')
  }

  #endLine(): void {
    const line = this.#text.slice(0, -2)
    this.#text = ''
    if (this.#reading === 'line-end') {
      if (line !== '') throw new MalformedAnswer('a chunk longer than its size')
      this.#reading = 'size'
      return
    }
    const [, size] = SIZE_LINE.exec(line) ?? []
    if (size === undefined) throw new MalformedAnswer('a chunk without a proper size')
    this.#left = Number.parseInt(size, 16)
    this.#reading = this.#left === 0 ? 'trailers' : 'data'
  }

  #endTrailers(): void {
    this.trailers = readTrailers(this.#text.slice(0, -2))
    this.#text = ''
  }
}
