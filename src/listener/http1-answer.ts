// An answer over HTTP/1.1 or 1.0, on Node's ServerResponse. Decides whether the connection outlives it.
import type { ServerResponse } from 'node:http'
import { type AnswerEnd, type RawHeaders, Wait } from '../core/index.ts'
import { isEventStream, toPairs } from './answer-headers.ts'
import type { Http1Connection } from './http1-connection.ts'
import type { Http1Exchange } from './http1-exchange.ts'
import { PacedAnswer } from './paced-answer.ts'
import { MAX_DISCARD_BYTES, type Lingering } from './surroundings.ts'

const SWITCHING_PROTOCOLS = 101

export class Http1Answer extends PacedAnswer {
  readonly #exchange: Http1Exchange
  readonly #connection: Http1Connection
  readonly #response: ServerResponse
  #isLast = false
  /** Handed over with a part of the content, or with the end. */
  #isHeadOut = false
  #isListening = false
  #isHandedOver = false

  constructor(exchange: Http1Exchange, connection: Http1Connection, response: ServerResponse) {
    super(connection.surroundings.slowReaders)
    this.#exchange = exchange
    this.#connection = connection
    this.#response = response
    response.on('close', () => this.#onResponseClose())
  }

  /** True when the connection is closed after this answer: no request behind it may run. */
  get isLast(): boolean {
    return this.#isLast
  }

  /** The connection goes on as a WebSocket: nothing more is answered here, and the answer is over when the socket is. */
  handOver(): void {
    this.#isHandedOver = true
    this.#response.detachSocket(this.#connection.socket)
    this.start(SWITCHING_PROTOCOLS, [])
    this.end()
  }

  /** The WebSocket is over. */
  handBack(end: AnswerEnd): void {
    this.over(end)
  }

  endLingering(): void {
    this.#response.end()
    this.awaitFlush()
  }

  protected sendHead(status: number, headers: RawHeaders): void {
    if (this.#isHandedOver) return
    const response = this.#response
    this.#isLast = this.#connection.isClosing || this.#leavesTooMuchUnread()
    const fields = this.#connection.surroundings.security.addedTo(headers)
    if (this.#isLast) fields.push('connection', 'close')
    response.writeHead(status, fields)
    // Other heads go out with their first chunk; an event stream may have none for minutes, or one that came with the head.
    if (isEventStream(headers)) process.nextTick(flushHead, this)
  }

  flushHead(): void {
    if (!this.#isHeadOut && !this.closed) this.#response.flushHeaders()
  }

  protected send(piece: Uint8Array, onTaken?: () => void): boolean {
    const response = this.#response
    this.#isHeadOut = true
    const isTaken =
      onTaken === undefined ? response.write(piece) : writeTelling(response, piece, onTaken)
    if (!isTaken && !this.#isListening) {
      this.#isListening = true
      response.on('drain', () => this.drained())
    }
    return isTaken
  }

  protected finish(piece: Uint8Array | undefined, trailers: RawHeaders | undefined): void {
    if (this.#isHandedOver) return
    const response = this.#response
    this.#isHeadOut = true
    if (trailers !== undefined && trailers.length > 0 && this.#takesTrailers()) {
      response.addTrailers(toPairs(trailers))
    }
    if (this.#isLast && this.#exchange.body.isUnread) {
      this.#finishLingering(piece)
      return
    }
    response.end(piece)
    // Small answers are in the kernel by now: there is nothing to wait for.
    if (this.#connection.socket.writableLength > 0) this.awaitFlush()
  }

  protected breakOff(): void {
    // An answer to HTTP/1.0 ends where the connection ends, so only a reset tells a broken one from a whole one.
    if (this.#exchange.httpVersion === '1.0') this.#connection.reset()
    else this.#connection.socket.destroy()
  }

  protected cut(): void {
    const { remoteAddress, id } = this.#exchange
    this.#connection.surroundings.onSlowReader(remoteAddress, id)
    // A plain close would leave what is unsent in the kernel, for as long as the client likes.
    this.#connection.reset()
  }

  /**
   * The client is still sending, and the connection cannot be kept. Closing at once would reset it and take the answer
   * away from a client that has not read it yet, so the answer's end is held back while some of the rest is swallowed.
   */
  #finishLingering(piece: Uint8Array | undefined): void {
    const { lingering } = this.#connection.surroundings
    if (piece === undefined) this.#response.flushHeaders()
    else this.#response.write(piece)
    const wait = new Wait<Lingering>(this)
    lingering.watch(wait)
    let isOver = false
    this.#exchange.body.discard(MAX_DISCARD_BYTES, () => {
      if (isOver) return
      isOver = true
      lingering.unwatch(wait)
      this.endLingering()
    })
  }

  #leavesTooMuchUnread(): boolean {
    const { body } = this.#exchange
    return body.isUnread && body.maxRemainingBytes > MAX_DISCARD_BYTES
  }

  /** Trailer fields may be dropped on their way unless the client asked for them (RFC 9110 §6.5.1). */
  #takesTrailers(): boolean {
    const te = this.#exchange.header('te')
    return te !== undefined && /\btrailers\b/i.test(te)
  }

  #onResponseClose(): void {
    // Node detaches the socket from an answer that it has sent completely.
    this.over(this.#response.socket === null ? 'finished' : 'client-gone')
    this.#connection.turnOver(this.#exchange)
  }
}

/** One for all answers: a tick needs no function of its own. */
function flushHead(answer: Http1Answer): void {
  answer.flushHead()
}

/** After an error nobody knows how much of the piece is still being read. */
function writeTelling(response: ServerResponse, piece: Uint8Array, onTaken: () => void): boolean {
  return response.write(piece, (error) => {
    if (error === undefined || error === null) onTaken()
  })
}
