// The answer to one request as one flow of messages, however many HTTP answers it takes: a stream that ended early or
// broke off is taken up again where it stopped, if its events have ids (MCP 2025-11-25 transports §Resumability).
import { GatewayError, Wait, type Clock, type Deadlines, type Timer } from '../../../core/index.ts'
import type { RoutedSink } from '../../../routing/index.ts'
import type { UpstreamCall } from '../../../upstream/index.ts'
import type { JsonObject } from '../../../wire/index.ts'
import { AnswerReader, type AnswerHeadSeen, type AnswerOver } from '../answer-reader.ts'

/** A stream that ended after the answer is left to end by itself this long, since its connection can then be used again. */
export const DRAIN_MS = 2_000
/** Pause before a stream is taken up again, if it says nothing of it; doubled by every failure in a row. */
const RETRY_MS = 1_000
/** A server that wants no pause at all would be asked without end. */
const MIN_RETRY_MS = 50
const MAX_RETRY_MS = 30_000
/** Attempts in a row that get no stream. */
const MAX_FAILURES = 6
/** Time without a sign of life, a message or a new event id, after which a call is not asked for any more. */
const MAX_SILENCE_MS = 900_000
const ERROR_FLOOR = 400

/** A transfer that broke off is not the end of the call, if it can be taken up again. */
const RESUMABLE: ReadonlySet<string> = new Set(['GW_UPSTREAM_BROKEN', 'GW_UPSTREAM_TIMEOUT'])
/** It may be another time (RFC 9110 §15, RFC 6585 §4). 409: the server has not seen yet that the old stream is gone. */
const PASSING: ReadonlySet<number> = new Set([408, 409, 425, 429, 500, 502, 503, 504])

export interface CallAnswerListener {
  /** The head of the first answer. */
  onHead(head: AnswerHeadSeen): void
  onMessage(message: JsonObject): void
  /** Nothing more will come. `status` is of the first answer; no `failure`: it ended in good order. */
  onOver(status: number, failure: GatewayError | undefined): void
}

export interface CallAnswerContext {
  readonly clock: Clock
  /** Answers that have said all, until their stream ends. */
  readonly drains: Deadlines<CallAnswer>
  send(sink: RoutedSink): UpstreamCall
  /** Asks for what came after an event. */
  resume(lastEventId: string, sink: RoutedSink): UpstreamCall
}

export class CallAnswer {
  readonly #listener: CallAnswerListener
  readonly #context: CallAnswerContext
  #reader: AnswerReader | undefined
  /** Of the first answer. */
  #status = 0
  #isStream = false
  #broken: GatewayError | undefined
  #lastEventId: string | undefined
  #failures = 0
  #livedAtMs: number
  #timer: Timer | undefined
  #drain: Wait<CallAnswer> | undefined
  #isSilenceExpected = false
  #isOver = false

  constructor(listener: CallAnswerListener, context: CallAnswerContext) {
    this.#listener = listener
    this.#context = context
    this.#livedAtMs = context.clock.monotonicMs()
    this.#read((sink) => context.send(sink))
  }

  /** Reads no more of it; the listener hears nothing more. */
  stop(): void {
    this.#isOver = true
    this.#timer?.cancel()
    this.#reader?.abandon()
    this.#endDrain()
  }

  /** While true, the server waits for its client, and need not say anything. */
  expectSilence(isExpected: boolean): void {
    this.#isSilenceExpected = isExpected
    if (!isExpected) this.#noteLife()
    this.#reader?.expectSilence(isExpected)
  }

  /** Everything was said: lets the stream come to its end. The listener hears nothing more. */
  finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    if (!this.#isStream) return
    this.#drain = new Wait<CallAnswer>(this)
    this.#context.drains.watch(this.#drain)
  }

  #read(send: (sink: RoutedSink) => UpstreamCall): void {
    const isFirst = this.#reader === undefined
    const reader = new AnswerReader({
      onHead: (head) => this.#onHead(head, isFirst),
      onMessage: (message) => this.#onMessage(message),
      onEnd: (end) => this.#onEnd(end, isFirst),
      onFailure: (error) => this.#onFailure(error, isFirst),
    })
    this.#reader = reader
    // What broke off ends like what was ended, as far as it came: only an end tells the last event id.
    const sink: RoutedSink = {
      onHead: (status, headers, from) => reader.onHead(status, headers, from),
      onData: (chunk) => reader.onData(chunk),
      onEnd: () => reader.onEnd(),
      onFailure: (error) => {
        this.#broken = this.#isStream && RESUMABLE.has(error.code) ? error : undefined
        if (this.#broken === undefined) reader.onFailure(error)
        else reader.onEnd()
      },
    }
    reader.attach(send(sink))
    if (this.#isSilenceExpected) reader.expectSilence(true)
  }

  #onHead(head: AnswerHeadSeen, isFirst: boolean): void {
    this.#isStream = head.isEventStream
    if (!isFirst) return
    this.#status = head.status
    this.#listener.onHead(head)
  }

  #onMessage(message: JsonObject): void {
    if (this.#isOver) return
    this.#noteLife()
    this.#listener.onMessage(message)
  }

  #onEnd({ status, lastEventId, retryMs }: AnswerOver, isFirst: boolean): void {
    this.#endDrain()
    if (this.#isOver) return
    if (status >= ERROR_FLOOR && isFirst) {
      this.#over(undefined)
      return
    }
    if (status >= ERROR_FLOOR) {
      if (PASSING.has(status)) this.#tryAgain(retryMs)
      else this.#over(notResumed(`the server answered ${status} when asked for the rest`))
      return
    }
    if (lastEventId !== undefined && lastEventId !== this.#lastEventId) {
      this.#lastEventId = lastEventId
      this.#noteLife()
    }
    if (this.#lastEventId === undefined || !this.#isStream) this.#over(this.#broken)
    else this.#takeUpAgain(retryMs ?? RETRY_MS)
  }

  #onFailure(error: GatewayError, isFirst: boolean): void {
    this.#endDrain()
    if (this.#isOver) return
    const isPassing = error.retry === 'safe' || RESUMABLE.has(error.code)
    if (isFirst || !isPassing) this.#over(error)
    else this.#tryAgain(undefined)
  }

  /** After an attempt that got no stream. */
  #tryAgain(retryMs = RETRY_MS): void {
    this.#failures++
    if (this.#failures >= MAX_FAILURES) {
      this.#over(notResumed(`${MAX_FAILURES} attempts to get the rest failed`))
      return
    }
    this.#takeUpAgain(retryMs * 2 ** this.#failures)
  }

  #takeUpAgain(afterMs: number): void {
    const { clock } = this.#context
    const isQuiet = clock.monotonicMs() - this.#livedAtMs > MAX_SILENCE_MS
    if (isQuiet && !this.#isSilenceExpected) {
      this.#over(notResumed('there was no sign of life for too long'))
      return
    }
    const delayMs = Math.min(Math.max(afterMs, MIN_RETRY_MS), MAX_RETRY_MS)
    this.#timer = clock.after(delayMs, () => {
      this.#isStream = false
      this.#read((sink) => this.#context.resume(this.#lastEventId as string, sink))
    })
  }

  #noteLife(): void {
    this.#failures = 0
    this.#livedAtMs = this.#context.clock.monotonicMs()
  }

  #over(failure: GatewayError | undefined): void {
    this.#isOver = true
    this.#listener.onOver(this.#status, failure)
  }

  #endDrain(): void {
    if (this.#drain !== undefined) this.#context.drains.unwatch(this.#drain)
    this.#drain = undefined
  }
}

function notResumed(why: string): GatewayError {
  return new GatewayError('GW_UPSTREAM_BROKEN', `the stream of the answer ended early: ${why}`)
}
