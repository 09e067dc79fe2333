// One HTTP/1.x connection: its exchanges one after the other, and what to do when the parser or a timer gives up.
import type { Socket } from 'node:net'
import { type GatewayError, Wait } from '../core/index.ts'
import { refusalOfParserError, renderRawError } from './error-answer.ts'
import type { Http1Exchange } from './http1-exchange.ts'
import type { Arrival, Lingering, Surroundings } from './surroundings.ts'

/**
 * Pipelined requests that may wait for the answer before theirs. Node's parser hands over a whole packet's worth at once;
 * taking them one by one keeps a single connection from running hundreds of calls at a time.
 */
export const MAX_PIPELINED = 16

export interface Http1ConnectionOptions {
  readonly surroundings: Surroundings
  readonly arrival: Arrival
  /** The socket that HTTP is spoken on: TLS or TCP. */
  readonly socket: Socket
}

export class Http1Connection {
  readonly surroundings: Surroundings
  readonly arrival: Arrival
  readonly socket: Socket
  /** True when the next answer says `Connection: close` and is the last. */
  isClosing: boolean
  #current: Http1Exchange | undefined
  #waiting: Http1Exchange[] = []
  /** Last one read; its body may still be arriving. */
  #latest: Http1Exchange | undefined
  #isFaulty = false
  /** What had been read when the last answer was over: anything beyond is the beginning of a request. */
  #bytesAtRest = 0

  constructor({ surroundings, arrival, socket }: Http1ConnectionOptions) {
    this.surroundings = surroundings
    this.arrival = arrival
    this.socket = socket
    this.isClosing = arrival.refusal !== undefined
  }

  /** True when no answer is under way. */
  get isQuiet(): boolean {
    return this.#current === undefined
  }

  take(exchange: Http1Exchange): void {
    this.#latest = exchange
    if (this.#current === undefined) {
      this.#begin(exchange)
    } else if (this.#waiting.length < MAX_PIPELINED) {
      this.#waiting.push(exchange)
    } else if (!this.socket.destroyed) {
      this.surroundings.onConnectionCut('pipelining')
      this.socket.destroy()
    }
  }

  /** Called when an answer is over. */
  turnOver(exchange: Http1Exchange): void {
    if (exchange !== this.#current) return
    this.#current = undefined
    this.#bytesAtRest = this.socket.bytesRead
    // After "Connection: close" nothing more may be acted on (RFC 9112 §9.6), whatever was pipelined.
    if (this.socket.destroyed || exchange.answer.isLast) this.#waiting = []
    const next = this.#waiting.shift()
    if (next !== undefined) this.#begin(next)
    else if (this.isClosing) this.socket.destroySoon()
  }

  /** Node's parser or one of its timers gave up on what the client sends. */
  fail(thrown: Error): void {
    const refusal = refusalOfParserError(thrown)
    if (refusal === undefined || !this.socket.writable) {
      this.socket.destroy()
      return
    }
    // Every further packet makes the parser complain again.
    if (this.#isFaulty) return
    this.#isFaulty = true
    this.isClosing = true
    const latest = this.#latest
    if (latest === undefined || latest.isComplete) this.refuse(refusal)
    else if (latest.answer.closed) this.socket.destroy()
    // Whoever reads the body gets the error and answers with it.
    else latest.body.fail(refusal)
  }

  /** Answers what never became an exchange. Behind an answer under way it would be taken for that one's, so not there. */
  refuse(error: GatewayError): void {
    const { surroundings, arrival, socket } = this
    const id = surroundings.nextId()
    this.isClosing = true
    surroundings.onRefusal(error, arrival.remoteAddress, id)
    if (this.#current !== undefined) return
    const { security, nowMs } = surroundings
    socket.end(renderRawError(error, { requestId: id, nowMs: nowMs(), security }))
    surroundings.lingering.watch(new Wait<Lingering>(this))
  }

  /** Closes as soon as no answer is under way; at once when the client has not begun a request. */
  closeWhenDone(): void {
    this.isClosing = true
    if (this.#current !== undefined) return
    const isAtRest = this.socket.bytesRead === this.#bytesAtRest
    const isEndless = this.#latest?.isComplete === false
    if (isAtRest || isEndless) this.socket.destroySoon()
  }

  endLingering(): void {
    this.socket.destroy()
  }

  /** Closes without delivering what is still buffered, here or in the kernel. */
  reset(): void {
    this.arrival.socket.resetAndDestroy()
    this.socket.destroy()
  }

  #begin(exchange: Http1Exchange): void {
    this.#current = exchange
    exchange.begin()
  }
}
