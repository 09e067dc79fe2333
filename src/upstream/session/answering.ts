// The answers of an endpoint that speaks no HTTP of its own: each is open from the request to its end, and a drain waits
// for those that have an end. What answers them is the lanes' business.
import { GatewayError, type Clock } from '../../core/index.ts'
import { acceptsAnswer } from '../../wire/index.ts'
import type { AnswerSink, UpstreamCall, UpstreamRequest } from '../upstream.ts'
import { AnswerStream } from './answer-stream.ts'
import { draining } from './refusals.ts'

/** Who answers. */
export interface Answerer {
  answer(request: UpstreamRequest, answer: AnswerStream): void
  /** Ends what has no end of its own; calls under way may finish. */
  retire(): void
  /** Ends everything, and fails what is still under way. `now` leaves no time for a good order. */
  cut(now: boolean): Promise<void>
}

export class Answering {
  readonly #clock: Clock
  readonly #answerer: Answerer
  // Answers that have an end of their own.
  readonly #calls = new Set<AnswerStream>()
  readonly #stopped = Promise.withResolvers<void>()
  #isStopping = false
  #isCut = false

  constructor(clock: Clock, answerer: Answerer) {
    this.#clock = clock
    this.#answerer = answerer
  }

  send(request: UpstreamRequest, sink: AnswerSink): UpstreamCall {
    const answer = new AnswerStream(sink, this.#clock, (over) => this.#onOver(over))
    if (!request.longLived) this.#calls.add(answer)
    // The sink must hear nothing before the caller has the call in hand.
    queueMicrotask(() => this.#dispatch(request, answer))
    return answer
  }

  async stop(deadlineMs: number): Promise<void> {
    if (deadlineMs <= 0) return this.#cut(true)
    const cut = this.#clock.after(deadlineMs, () => void this.#cut(false))
    if (!this.#isStopping) {
      this.#isStopping = true
      this.#answerer.retire()
      if (this.#calls.size === 0) void this.#cut(false)
    }
    await this.#stopped.promise
    cut.cancel()
  }

  #dispatch(request: UpstreamRequest, answer: AnswerStream): void {
    if (answer.isOver) return
    const { method, headers } = request
    if (this.#isStopping) answer.fail(draining(), false)
    else if (method === 'DELETE' || acceptsAnswer(headers, method)) {
      this.#answerer.answer(request, answer)
    } else answer.fail(notAcceptable(method), false)
  }

  #onOver(answer: AnswerStream): void {
    if (!this.#calls.delete(answer) || !this.#isStopping || this.#calls.size > 0) return
    void this.#cut(false)
  }

  async #cut(now: boolean): Promise<void> {
    this.#isStopping = true
    if (!this.#isCut || now) {
      this.#isCut = true
      await this.#answerer.cut(now)
      this.#stopped.resolve()
    }
    await this.#stopped.promise
  }
}

function notAcceptable(method: 'POST' | 'GET'): GatewayError {
  const expected = method === 'GET' ? 'text/event-stream' : 'application/json and text/event-stream'
  return new GatewayError('GW_NOT_ACCEPTABLE', `Accept: expected ${expected}`)
}
