// Who reads a session's event streams over GET: its own stream, opened anew, or any stream that a client lost and comes
// back for (MCP 2025-11-25 transports §Resumability).
import type { RawHeaders } from '../../core/index.ts'
import type { Log } from '../../observability/index.ts'
import { isObject } from '../../wire/index.ts'
import type { AnswerStream } from './answer-stream.ts'
import type { Delivery } from './delivery.ts'
import { lostAnswers, possibleChanges } from './lost-messages.ts'
import { eventNotFound, streamConflict } from './refusals.ts'
import type { Resumption, SessionStreams } from './session-streams.ts'

const LAST_EVENT_ID = 'last-event-id'

export interface ReadingContext {
  readonly streams: SessionStreams
  readonly delivery: Delivery
  readonly log: Log
  /** A reader has left. */
  readonly onLost: () => void
}

export class Reading {
  readonly #context: ReadingContext
  /** Of the server. */
  #capabilities: unknown

  constructor(context: ReadingContext) {
    this.#context = context
  }

  /** What server and client have agreed on. */
  agree(initializeResult: unknown): void {
    if (!isObject(initializeResult)) return
    this.#context.streams.agree(initializeResult['protocolVersion'])
    this.#capabilities = initializeResult['capabilities']
  }

  /** Takes a GET. */
  open(headers: RawHeaders, answer: AnswerStream): void {
    const { streams, delivery, onLost } = this.#context
    const lastEventId = fieldOf(headers, LAST_EVENT_ID)
    if (lastEventId !== undefined) {
      this.#resume(streams.find(lastEventId), answer)
      return
    }
    if (streams.standalone.isRead) {
      answer.fail(streamConflict(), false)
      return
    }
    streams.standalone.attach(answer, onLost)
    answer.openStream()
    delivery.flush()
  }

  #resume(found: Resumption | undefined, answer: AnswerStream): void {
    if (found === undefined) {
      answer.fail(eventNotFound(), false)
      return
    }
    const { streams, delivery, onLost } = this.#context
    const { stream, replay } = found
    stream.resume(answer, replay, this.#signals(found), onLost)
    if (stream === streams.standalone) delivery.flush()
  }

  /** What tells a client that something fell out of the stream that it comes back to. */
  #signals({ stream, replay }: Resumption): readonly Buffer[] {
    if (replay.missed === 0) return []
    const { streams, log } = this.#context
    log.info({ count: replay.missed }, 'a client came back for messages that are no longer kept')
    if (stream === streams.standalone) return possibleChanges(this.#capabilities)
    return stream.isClosed ? lostAnswers(stream.requests, replay) : []
  }
}

function fieldOf(headers: RawHeaders, name: string): string | undefined {
  const at = headers.findIndex((it, place) => place % 2 === 0 && it.toLowerCase() === name)
  return at < 0 ? undefined : headers[at + 1]
}
