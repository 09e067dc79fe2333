// An answer over HTTP/1.1 or 1.0, on Node's ServerResponse. Decides whether the connection outlives it.
import type { ServerResponse } from 'node:http'
import type { RawHeaders } from '../core/index.ts'
import { isEventStream, toPairs } from './answer-headers.ts'
import type { Http1Connection } from './http1-connection.ts'
import type { Http1Exchange } from './http1-exchange.ts'
import { PacedAnswer } from './paced-answer.ts'
import { MAX_DISCARD_BYTES } from './surroundings.ts'

export interface Http1AnswerOptions {
  readonly exchange: Http1Exchange
  readonly connection: Http1Connection
  readonly response: ServerResponse
}

export class Http1Answer extends PacedAnswer {
  readonly #options: Http1AnswerOptions
  #isLast = false
  #isListening = false

  constructor(options: Http1AnswerOptions) {
    super(options.connection.surroundings.slowReaders)
    this.#options = options
    options.response.on('close', () => this.#onResponseClose())
  }

  /** True when the connection is closed after this answer: no request behind it may run. */
  get isLast(): boolean {
    return this.#isLast
  }

  endLingering(): void {
    this.#options.response.end()
    this.awaitFlush()
  }

  protected sendHead(status: number, headers: RawHeaders): void {
    const { response, connection } = this.#options
    this.#isLast = connection.isClosing || this.#leavesTooMuchUnread()
    const fields = headers as string[]
    response.writeHead(status, this.#isLast ? [...fields, 'connection', 'close'] : fields)
    // Other heads go out with their first chunk; an event stream may have none for minutes.
    if (isEventStream(headers)) response.flushHeaders()
  }

  protected send(piece: Uint8Array): boolean {
    const { response } = this.#options
    const isTaken = response.write(piece)
    if (!isTaken && !this.#isListening) {
      this.#isListening = true
      response.on('drain', () => this.drained())
    }
    return isTaken
  }

  protected finish(piece: Uint8Array | undefined, trailers: RawHeaders | undefined): void {
    const { response } = this.#options
    if (trailers !== undefined && trailers.length > 0 && this.#takesTrailers()) {
      response.addTrailers(toPairs(trailers))
    }
    if (this.#isLast && this.#options.exchange.body.isUnread) {
      this.#linger(piece)
      return
    }
    response.end(piece)
    this.awaitFlush()
  }

  protected breakOff(): void {
    const { exchange, connection } = this.#options
    // An answer to HTTP/1.0 ends where the connection ends, so only a reset tells a broken one from a whole one.
    if (exchange.httpVersion === '1.0') connection.reset()
    else connection.socket.destroy()
  }

  protected cut(): void {
    const { connection, exchange } = this.#options
    connection.surroundings.onSlowReader(exchange.remoteAddress, exchange.id)
    // A plain close would leave what is unsent in the kernel, for as long as the client likes.
    connection.reset()
  }

  /**
   * The client is still sending, and the connection cannot be kept. Closing at once would reset it and take the answer
   * away from a client that has not read it yet, so the answer's end is held back while some of the rest is swallowed.
   */
  #linger(piece: Uint8Array | undefined): void {
    const { response, connection, exchange } = this.#options
    const { lingering } = connection.surroundings
    if (piece === undefined) response.flushHeaders()
    else response.write(piece)
    lingering.watch(this)
    let isOver = false
    exchange.body.discard(MAX_DISCARD_BYTES, () => {
      if (isOver) return
      isOver = true
      lingering.unwatch(this)
      this.endLingering()
    })
  }

  #leavesTooMuchUnread(): boolean {
    const { body } = this.#options.exchange
    return body.isUnread && body.maxRemainingBytes > MAX_DISCARD_BYTES
  }

  /** Trailer fields may be dropped on their way unless the client asked for them (RFC 9110 §6.5.1). */
  #takesTrailers(): boolean {
    const te = this.#options.exchange.header('te')
    return te !== undefined && /\btrailers\b/i.test(te)
  }

  #onResponseClose(): void {
    const { response, connection } = this.#options
    connection.surroundings.lingering.unwatch(this)
    // Node detaches the socket from an answer that it has sent completely.
    this.over(response.socket === null ? 'finished' : 'client-gone')
    connection.turnOver(this.#options.exchange)
  }
}
