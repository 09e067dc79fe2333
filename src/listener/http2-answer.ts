// An answer over one HTTP/2 stream, on Node's stream API.
import { constants, type ServerHttp2Stream } from 'node:http2'
import type { RawHeaders } from '../core/index.ts'
import { isEventStream, toHttp2Headers } from './answer-headers.ts'
import type { Http2Connection } from './http2-connection.ts'
import type { Http2Exchange } from './http2-exchange.ts'
import { PacedAnswer } from './paced-answer.ts'

export interface Http2AnswerOptions {
  readonly exchange: Http2Exchange
  readonly connection: Http2Connection
  readonly stream: ServerHttp2Stream
}

const STATUSES_WITHOUT_CONTENT: ReadonlySet<number> = new Set([204, 205, 304])

/** Node sends no status beyond this; what is not known counts as the class's first, so as 500 (RFC 9110 §15). */
const MAX_STATUS = 599

export class Http2Answer extends PacedAnswer {
  readonly #options: Http2AnswerOptions
  /** Kept until it is known whether content and trailers follow: a short answer then takes fewer frames. */
  #head: { readonly status: number; readonly headers: RawHeaders } | undefined
  #hasContent = true
  #trailers: RawHeaders | undefined
  #isListening = false

  constructor(options: Http2AnswerOptions) {
    super(options.connection.surroundings.slowReaders)
    this.#options = options
    options.stream.once('close', () => this.#onStreamClose())
  }

  protected sendHead(status: number, headers: RawHeaders): void {
    const { method } = this.#options.exchange
    this.#head = { status: status > MAX_STATUS ? 500 : status, headers }
    this.#hasContent = method !== 'HEAD' && !STATUSES_WITHOUT_CONTENT.has(status)
    if (this.#hasContent && isEventStream(headers)) this.#respond({ waitForTrailers: true })
  }

  protected send(piece: Uint8Array): boolean {
    const { stream } = this.#options
    if (!this.#hasContent || !this.#isWritable) return true
    this.#respond({ waitForTrailers: true })
    const isTaken = stream.write(piece)
    if (!isTaken && !this.#isListening) {
      this.#isListening = true
      stream.on('drain', () => this.drained())
    }
    return isTaken
  }

  protected finish(piece: Uint8Array | undefined, trailers: RawHeaders | undefined): void {
    if (!this.#isWritable) return
    const { stream, exchange } = this.#options
    const hasTrailers = trailers !== undefined && trailers.length > 0
    this.#trailers = trailers
    const isBare = !this.#hasContent || (piece === undefined && !hasTrailers)
    this.#respond(isBare ? { endStream: true } : { waitForTrailers: hasTrailers })
    // The client need not send the rest: the answer does not depend on it (RFC 9113 §8.1).
    if (exchange.body.isUnread)
      stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR))
    if (!stream.writableEnded) stream.end(piece)
    this.awaitFlush()
  }

  protected breakOff(): void {
    this.#options.stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  }

  protected cut(): void {
    const { connection, exchange, stream } = this.#options
    connection.surroundings.onSlowReader(exchange.remoteAddress, exchange.id)
    stream.close(constants.NGHTTP2_CANCEL)
    connection.probeReader()
  }

  get #isWritable(): boolean {
    const { stream } = this.#options
    return !stream.destroyed && !stream.closed
  }

  /** Sends the head, once. */
  #respond(options: { readonly endStream?: boolean; readonly waitForTrailers?: boolean }): void {
    const { stream } = this.#options
    const head = this.#head
    if (head === undefined) return
    this.#head = undefined
    if (options.waitForTrailers === true) {
      stream.once('wantTrailers', () => stream.sendTrailers(toHttp2Headers(this.#trailers ?? [])))
    }
    stream.respond({ ':status': head.status, ...toHttp2Headers(head.headers) }, options)
  }

  #onStreamClose(): void {
    const { stream } = this.#options
    const isWhole = stream.writableFinished && !stream.aborted && stream.rstCode === 0
    this.over(isWhole ? 'finished' : 'client-gone')
  }
}
