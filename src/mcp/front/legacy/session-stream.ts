// One event stream of a legacy session, whoever reads it: every message gets an id and is kept for a client that resumes
// (MCP 2025-11-25 transports §Resumability). Which messages belong on it is decided elsewhere.
import type { Clock } from '../../../core/index.ts'
import { encodeEvent, type Replay, type ReplayLog } from '../../../wire/index.ts'
import type { EventAnswer } from '../event-answer.ts'

/** What a client waits before it reconnects after a stream has ended. */
export const RETRY_MS = 1_000

export interface SessionStreamContext {
  readonly log: ReplayLog
  readonly clock: Clock
  /** Clients of older revisions take an event without data for a broken message. */
  readonly takesPriming: boolean
}

export class SessionStream {
  readonly name: string
  readonly #context: SessionStreamContext
  #reader: EventAnswer | undefined
  /** The event that a reader got last. Undefined until there was one: before that nobody can resume. */
  #sentId: string | undefined
  #isClosed = false

  constructor(name: string, context: SessionStreamContext) {
    this.name = name
    this.#context = context
  }

  get reader(): EventAnswer | undefined {
    return this.#reader
  }

  /** The event that a reader got last; before the first, the beginning. */
  get sentId(): string | undefined {
    return this.#sentId
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Keeps messages from now on, with a reader or without. */
  keep(): void {
    const { log, clock } = this.#context
    this.#sentId ??= log.prime(this.name, clock.monotonicMs())
  }

  /** From now on messages go to this answer, which may become a stream or not. */
  readBy(answer: EventAnswer): void {
    this.#reader = answer
  }

  /** The reader's head was sent. */
  prime(): void {
    if (this.#isClosed) return
    const { log, clock, takesPriming } = this.#context
    const id = log.prime(this.name, clock.monotonicMs())
    this.#sentId = id
    if (takesPriming) this.#reader?.send(Buffer.from(`id: ${id}\nretry: ${RETRY_MS}\ndata: \n\n`))
  }

  /** The answer is gone. */
  leftBy(answer: EventAnswer): void {
    if (this.#reader === answer) this.#reader = undefined
  }

  /** Returns the event's id; undefined: nobody can read it any more. */
  send(message: Buffer): string | undefined {
    // The head first: the id of its priming event says that nothing was sent before.
    this.#reader?.open()
    const canBeRead = this.#reader !== undefined || this.#sentId !== undefined
    if (this.#isClosed || !canBeRead) return undefined
    const { log, clock } = this.#context
    const id = log.record(this.name, message, clock.monotonicMs())
    if (this.#reader !== undefined) {
      this.#sentId = id
      this.#reader.send(eventOf(id, message))
    }
    return id
  }

  /** Goes on with this reader, from what it has not seen; whoever read before is behind a connection that is given up. */
  continueFor(answer: EventAnswer, { events }: Replay, notices: readonly string[]): void {
    const before = this.#reader
    this.#reader = answer
    before?.end()
    answer.open()
    // Without an id of their own: a client that resumes again is told again.
    for (const notice of notices) answer.send(encodeEvent(notice))
    for (const { id, json } of events) answer.send(eventOf(id, json))
    if (this.#isClosed) answer.end()
    // An id at any rate, or the client would not know where to resume.
    else if (events.length === 0) this.prime()
    else this.#sentId = events.at(-1)?.id
  }

  /** Ends the reader's answer in good order; the stream can be resumed. */
  release(): void {
    const reader = this.#reader
    this.#reader = undefined
    reader?.end()
  }

  /** Nothing more will come. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#context.log.close(this.name)
    this.release()
  }
}

const FIELD_BREAK = Buffer.from('\ndata: ')
const EVENT_END = Buffer.from('\n\n')

function eventOf(id: string, message: Buffer): Buffer {
  const start = Buffer.from(`event: message\nid: ${id}`)
  return Buffer.concat([start, FIELD_BREAK, message, EVENT_END])
}
