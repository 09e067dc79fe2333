// One HTTP answer made of messages: a JSON body when the first message is the last, else an event stream (MCP
// transports §Sending messages). Keeps to the sink's rules and holds a bounded part for a client that reads slowly.
import { GatewayError, type Clock, type RawHeaders, type Timer } from '../../core/index.ts'
import { EVENT_STREAM, HEADER, KEEP_ALIVE_COMMENT } from '../../wire/index.ts'
import type { AnswerSink, UpstreamCall } from '../upstream.ts'

/**
 * Bytes of events held for a client that is behind, besides the one event that is always held. Beyond it the answer
 * is cut: a link is never paused for one answer, since others come on it too.
 */
export const MAX_HELD_BYTES = 4 * 1_048_576
/** What a held event costs besides its bytes, so that many small ones are bounded as well. */
const HELD_OVERHEAD_BYTES = 200
/** Silence after which an answer becomes an event stream with a comment, before proxies take it for dead. */
export const QUIET_MS = 15_000

const STREAM_HEADERS: RawHeaders = [
  'content-type',
  EVENT_STREAM,
  'cache-control',
  'no-cache, no-transform',
  'x-accel-buffering',
  'no',
]
const EVENT_START = 'event: message\ndata: '
const EVENT_END = Buffer.from('\n\n')

type State = 'waiting' | 'streaming' | 'ending' | 'over'

export class AnswerStream implements UpstreamCall {
  readonly #sink: AnswerSink
  readonly #clock: Clock
  readonly #onOver: (answer: AnswerStream) => void
  #state: State = 'waiting'
  #paused = false
  #held: Uint8Array[] = []
  // Read up to here: shifting a long array would cost its length each time.
  #heldFrom = 0
  #heldBytes = 0
  #quiet: Timer | undefined

  /** The session that the head announces, in the answer to `initialize`. */
  sessionId: string | undefined
  /** Called when the head of an event stream was sent, before anything else of it. */
  onOpen: (() => void) | undefined
  /** Called once when nobody wants the rest: the client is gone or was cut off. */
  onAbandoned: (() => void) | undefined

  constructor(sink: AnswerSink, clock: Clock, onOver: (answer: AnswerStream) => void) {
    this.#sink = sink
    this.#clock = clock
    this.#onOver = onOver
  }

  /** True once nothing more can be told to the client. */
  get isOver(): boolean {
    return this.#state === 'over' || this.#state === 'ending'
  }

  /** True while the head may still become anything. */
  get isWaiting(): boolean {
    return this.#state === 'waiting'
  }

  /** Begins the wait for an answer: if it lasts, the client sees a stream begin. */
  expectMessage(quietMs = QUIET_MS): void {
    this.#quiet = this.#clock.after(quietMs, () => {
      this.openStream()
      this.comment(KEEP_ALIVE_COMMENT)
    })
  }

  openStream(): void {
    if (this.#state !== 'waiting') return
    this.#quiet?.cancel()
    this.#state = 'streaming'
    this.#sink.onHead(200, [...STREAM_HEADERS, ...this.#sessionHeader()])
    this.onOpen?.()
  }

  /** An event with an id and nothing else: the client can come back with it (MCP 2025-11-25 transports §Sending messages). */
  prime(id: string, retryMs: number): void {
    this.#emit(Buffer.from(`id: ${id}\nretry: ${retryMs}\ndata: \n\n`))
  }

  /** A line that readers of the stream's messages do not see. */
  comment(line: Uint8Array): void {
    this.#emit(line)
  }

  /** A message that is not the last. `id`: of its event. */
  message(line: Buffer, id?: string): void {
    if (this.isOver) return
    this.openStream()
    const start = id === undefined ? EVENT_START : `id: ${id}\n${EVENT_START}`
    this.#emit(Buffer.concat([Buffer.from(start), line, EVENT_END]))
  }

  /** The last message; `status` counts only if it is the first as well. */
  finish(line: Buffer, status = 200): void {
    if (this.isOver) return
    if (this.#state === 'streaming') {
      this.message(line)
      this.end()
      return
    }
    const head = ['content-type', 'application/json', 'content-length', String(line.length)]
    this.#whole(status, [...head, ...this.#sessionHeader()], line)
  }

  /** An answer without a body. */
  finishEmpty(status: number): void {
    if (!this.isOver) this.#whole(status, ['content-length', '0'])
  }

  /** Ends the event stream in good order, once what is held has been read. */
  end(): void {
    if (this.isOver) return
    this.openStream()
    if (this.#state === 'streaming') this.#state = 'ending'
    this.#endWhenRead()
  }

  /** `sent` as in AnswerSink.onFailure. */
  fail(error: GatewayError, sent: boolean): void {
    if (this.#state === 'over') return
    this.#leave()
    this.#sink.onFailure(error, sent)
  }

  resume(): void {
    this.#paused = false
    while (!this.#paused && this.#heldFrom < this.#held.length) {
      const chunk = this.#held[this.#heldFrom++] as Uint8Array
      this.#heldBytes -= chunk.length + HELD_OVERHEAD_BYTES
      this.#paused = !this.#sink.onData(chunk)
    }
    if (this.#heldFrom === this.#held.length) this.#forgetHeld()
    this.#endWhenRead()
  }

  abort(): void {
    if (this.#state === 'over') return
    this.#leave()
    this.#abandon()
  }

  #emit(chunk: Uint8Array): void {
    if (this.#state !== 'streaming') return
    if (!this.#paused) {
      this.#paused = !this.#sink.onData(chunk)
      return
    }
    const bytes = chunk.length + HELD_OVERHEAD_BYTES
    if (this.#heldBytes > 0 && this.#heldBytes + bytes > MAX_HELD_BYTES) {
      this.#cut()
      return
    }
    this.#held.push(chunk)
    this.#heldBytes += bytes
  }

  #whole(status: number, headers: RawHeaders, body?: Buffer): void {
    this.#quiet?.cancel()
    this.onAbandoned = undefined
    this.#sink.onHead(status, headers)
    // The sink may give the call up at each of these, and then hears nothing more.
    if (this.#state === 'waiting' && body !== undefined) this.#sink.onData(body)
    if (this.#state !== 'waiting') return
    this.#leave()
    this.#sink.onEnd([])
  }

  #endWhenRead(): void {
    if (this.#state !== 'ending' || this.#held.length > 0) return
    this.#leave()
    this.#sink.onEnd([])
  }

  #cut(): void {
    const message = `the client left more than ${MAX_HELD_BYTES} bytes of its answer unread`
    this.fail(new GatewayError('GW_SLOW_READER', message), true)
    this.#abandon()
  }

  #abandon(): void {
    const { onAbandoned } = this
    this.onAbandoned = undefined
    onAbandoned?.()
  }

  #sessionHeader(): RawHeaders {
    return this.sessionId === undefined ? [] : [HEADER.sessionId, this.sessionId]
  }

  #leave(): void {
    this.#state = 'over'
    this.#quiet?.cancel()
    this.#forgetHeld()
    this.#onOver(this)
  }

  #forgetHeld(): void {
    this.#held = []
    this.#heldFrom = 0
    this.#heldBytes = 0
  }
}
