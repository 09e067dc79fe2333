// An answer over one HTTP/2 stream, on Node's stream API.
import { constants, type ServerHttp2Stream } from 'node:http2'
import type { RawHeaders } from '../core/index.ts'
import { toHttp2Headers } from './answer-headers.ts'
import type { Http2Connection } from './http2-connection.ts'
import type { Http2Exchange } from './http2-exchange.ts'
import { PacedAnswer } from './paced-answer.ts'

const STATUSES_WITHOUT_CONTENT: ReadonlySet<number> = new Set([204, 205, 304])

/** Node sends no status beyond this; what is not known counts as the class's first, so as 500 (RFC 9110 §15). */
const MAX_STATUS = 599

export class Http2Answer extends PacedAnswer {
  readonly #exchange: Http2Exchange
  readonly #connection: Http2Connection
  readonly #stream: ServerHttp2Stream
  #isListening = false

  constructor(exchange: Http2Exchange, connection: Http2Connection, stream: ServerHttp2Stream) {
    super(connection.surroundings.slowReaders)
    this.#exchange = exchange
    this.#connection = connection
    this.#stream = stream
  }

  /** Called by the exchange. */
  streamClosed(): void {
    const { writableFinished, aborted, rstCode } = this.#stream
    const isWhole = writableFinished && !aborted && rstCode === constants.NGHTTP2_NO_ERROR
    this.over(isWhole ? 'finished' : 'client-gone')
  }

  protected sendHead(status: number, headers: RawHeaders): void {
    if (!this.#isOpen) return
    const { method, body } = this.#exchange
    const secured = this.#connection.surroundings.security.addedTo(headers)
    const fields = toHttp2Headers(status > MAX_STATUS ? 500 : status, secured)
    if (method === 'HEAD' || STATUSES_WITHOUT_CONTENT.has(status)) {
      this.#stream.respond(fields, { endStream: true })
      return
    }
    // With the end in a frame of its own Node sees the last write through before the stream closes. Where the client is
    // still sending, the stream stays open anyway, and the end must be out before it is closed from here.
    this.#stream.respond(fields, { waitForTrailers: !body.isUnread })
  }

  protected send(piece: Uint8Array): boolean {
    if (!this.#isWritable) return true
    const isTaken = this.#stream.write(piece)
    if (!isTaken && !this.#isListening) {
      this.#isListening = true
      this.#stream.on('drain', () => this.drained())
    }
    return isTaken
  }

  protected finish(piece: Uint8Array | undefined, trailers: RawHeaders | undefined): void {
    if (!this.#isWritable) return
    const stream = this.#stream
    if (this.#exchange.body.isUnread) {
      // The client need not send the rest: the answer does not depend on it (RFC 9113 §8.1).
      stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR))
    } else if (trailers !== undefined && trailers.length > 0) {
      stream.once('wantTrailers', () => stream.sendTrailers(toHttp2Headers(undefined, trailers)))
    }
    stream.end(piece)
    this.awaitFlush()
  }

  protected breakOff(): void {
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  }

  protected cut(): void {
    const { remoteAddress, id } = this.#exchange
    this.#connection.surroundings.onSlowReader(remoteAddress, id)
    this.#stream.close(constants.NGHTTP2_CANCEL)
    this.#connection.probeReader()
  }

  get #isOpen(): boolean {
    return !this.#stream.destroyed && !this.#stream.closed
  }

  /** False also where an answer has no content: its stream was ended with the head. */
  get #isWritable(): boolean {
    return this.#isOpen && !this.#stream.writableEnded
  }
}
