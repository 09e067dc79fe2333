// One request at an HTTP endpoint: what a carrier tells in, the sink's words out. Ends exactly once: answered, failed, or
// given up.
import { GatewayError, type LiveMember, type RawHeaders } from '../../core/index.ts'
import type { AnswerHandler, CarriedRequest } from './carrier.ts'
import { answerFailure, connectFailure } from './failures.ts'
import type { AnswerSink, UpstreamCall } from '../upstream.ts'

export class HttpCall implements UpstreamCall, LiveMember, AnswerHandler {
  place = -1
  readonly #sink: AnswerSink
  readonly #onGone: (call: HttpCall) => void
  #request: CarriedRequest | undefined
  #sent = false
  #over = false
  #gone = false

  /** `onGone`: the carrier holds nothing of this call any more, neither a connection nor a place in its queue. */
  constructor(sink: AnswerSink, onGone: (call: HttpCall) => void) {
    this.#sink = sink
    this.#onGone = onGone
  }

  /** Ties the call to its request. */
  attach(request: CarriedRequest): void {
    this.#request = request
  }

  resume(): void {
    this.#request?.resume()
  }

  expectSilence(isExpected: boolean): void {
    this.#request?.expectSilence?.(isExpected)
  }

  abort(): void {
    if (this.#over) return
    this.#over = true
    this.#request?.abort(new Error('the call was given up'))
  }

  /** Ends the call because the endpoint's connections go away. */
  cut(): void {
    if (this.#over) return
    this.abort()
    this.#sink.onFailure(new GatewayError('GW_DRAINING', 'the gateway is stopping'), true)
  }

  /** Ends a call that no carrier took. */
  fail(error: GatewayError): void {
    this.#leave()
    if (this.#over) return
    this.#over = true
    this.#sink.onFailure(error, false)
  }

  onSent(): void {
    this.#sent = true
  }

  onHead(status: number, headers: RawHeaders): void {
    if (!this.#over) this.#sink.onHead(status, headers)
  }

  onData(data: Buffer): boolean {
    return this.#over || this.#sink.onData(data)
  }

  onEnd(trailers: RawHeaders): void {
    this.#leave()
    if (this.#over) return
    this.#over = true
    this.#sink.onEnd(trailers)
  }

  onFailure(cause: Error): void {
    this.#leave()
    if (this.#over) return
    this.#over = true
    this.#sink.onFailure(this.#sent ? answerFailure(cause) : connectFailure(cause), this.#sent)
  }

  #leave(): void {
    if (this.#gone) return
    this.#gone = true
    this.#onGone(this)
  }
}
