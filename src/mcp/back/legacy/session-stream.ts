// The event stream of a session (GET), on which the server says what belongs to no call. Kept open: taken up again where it
// stopped, or opened anew with a word to those who may have missed something.
import type { Clock, GatewayError, Timer } from '../../../core/index.ts'
import type { RoutedSink } from '../../../routing/index.ts'
import type { UpstreamCall } from '../../../upstream/index.ts'
import type { JsonObject } from '../../../wire/index.ts'
import { AnswerReader, type AnswerHeadSeen, type AnswerOver } from '../answer-reader.ts'

const RETRY_MS = 1_000
/** A server that wants no pause at all would be asked without end. */
const MIN_RETRY_MS = 50
const MAX_RETRY_MS = 30_000
/** How long those who need the stream wait for its head: some servers send it only with the first message. */
export const HEAD_TIMEOUT_MS = 2_000
const NOT_FOUND = 404
/** It may be another time. 409: the server has not seen yet that the old stream is gone. */
const PASSING: ReadonlySet<number> = new Set([408, 409, 425, 429, 500, 502, 503, 504])
const ERROR_FLOOR = 400

export interface SessionStreamContext {
  readonly clock: Clock
  /** False: the server keeps no sessions, so none can be unknown to it. */
  readonly hasId: boolean
  open(lastEventId: string | undefined, sink: RoutedSink): UpstreamCall
  onMessage(message: JsonObject): void
  /** Messages may have been missed. */
  onGap(): void
  /** The server does not know the session any more. */
  onLost(): void
}

export class SessionStream {
  readonly #context: SessionStreamContext
  readonly #head = Promise.withResolvers<boolean>()
  #reader: AnswerReader | undefined
  #timer: Timer | undefined
  #lastEventId: string | undefined
  #failures = 0
  #wasOpen = false
  #hasGap = false
  #isStopped = false

  constructor(context: SessionStreamContext) {
    this.#context = context
    this.#open()
  }

  /** Whether there is a stream, or can be one; resolves before long. */
  async isOpen(): Promise<boolean> {
    const late = Promise.withResolvers<boolean>()
    const timer = this.#context.clock.after(HEAD_TIMEOUT_MS, () => late.resolve(true))
    const isOpen = await Promise.race([this.#head.promise, late.promise])
    timer.cancel()
    return isOpen
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#reader?.abandon()
    this.#head.resolve(false)
  }

  #open(): void {
    const id = this.#lastEventId
    const reader = new AnswerReader({
      onHead: (head) => this.#onHead(head, id),
      onMessage: (message) => {
        this.#failures = 0
        this.#context.onMessage(message)
      },
      onEnd: (end) => this.#onEnd(end),
      onFailure: (error) => this.#onFailure(error),
    })
    this.#reader = reader
    let hasBegun = false
    // What broke off ends like what was ended: only an end tells the last event id.
    const sink: RoutedSink = {
      onHead: (status, headers, from) => {
        hasBegun = true
        reader.onHead(status, headers, from)
      },
      onData: (chunk) => reader.onData(chunk),
      onEnd: () => reader.onEnd(),
      onFailure: (error) => (hasBegun ? reader.onEnd() : reader.onFailure(error)),
    }
    reader.attach(this.#context.open(id, sink))
  }

  #onHead({ status, isEventStream }: AnswerHeadSeen, resumedFrom: string | undefined): void {
    if (status >= ERROR_FLOOR || !isEventStream) return
    this.#wasOpen = true
    this.#head.resolve(true)
    if (this.#hasGap && resumedFrom === undefined) this.#context.onGap()
    this.#hasGap = false
  }

  #onEnd({ status, lastEventId, retryMs }: AnswerOver): void {
    if (this.#isStopped) return
    if (status < ERROR_FLOOR) {
      if (lastEventId !== undefined && lastEventId !== this.#lastEventId) this.#failures = 0
      this.#lastEventId = lastEventId ?? this.#lastEventId
      this.#again(retryMs)
      return
    }
    if (status === NOT_FOUND && this.#context.hasId) {
      this.stop()
      this.#context.onLost()
      return
    }
    // A server that had the stream may have forgotten the event, or is in trouble; one that never had it has none.
    if (this.#wasOpen && !PASSING.has(status)) this.#lastEventId = undefined
    if (this.#wasOpen || PASSING.has(status)) this.#again(retryMs)
    else this.stop()
  }

  #onFailure(error: GatewayError): void {
    if (this.#isStopped) return
    if (error.code === 'GW_SESSION_NOT_FOUND') {
      this.stop()
      this.#context.onLost()
    } else if (error.code === 'GW_METHOD_NOT_ALLOWED') this.stop()
    else this.#again(undefined)
  }

  #again(retryMs = RETRY_MS): void {
    this.#hasGap = this.#wasOpen
    const pauseMs = Math.max(retryMs, MIN_RETRY_MS) * 2 ** this.#failures
    // Only a message or a new event id sets it back: a server that ends every stream at once is not asked ever faster.
    this.#failures = Math.min(this.#failures + 1, 10)
    this.#timer = this.#context.clock.after(Math.min(pauseMs, MAX_RETRY_MS), () => this.#open())
  }
}
