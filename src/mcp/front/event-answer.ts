// One HTTP answer made of messages: JSON when the first is the last, else an event stream (MCP transports §Sending
// messages). Holds a bounded part for a client that reads slowly. What the messages are is the fronts' business.
import {
  Content,
  GatewayError,
  type Answer,
  type AnswerEnd,
  type Clock,
  type Deadlines,
  type Exchange,
  type RawHeaders,
  type Timer,
  Wait,
} from '../../core/index.ts'
import {
  encodeContentEvent,
  encodeEvent,
  EVENT_STREAM,
  KEEP_ALIVE_COMMENT,
  type RpcId,
} from '../../wire/index.ts'
import { answerError, errorJson } from '../error-answer.ts'
import type { CallOutcome } from '../visit.ts'
import type { FrontVisit } from './visit.ts'

/** Bytes of events held for a client that is behind, besides the one event that is always held. Beyond it the answer is cut. */
export const MAX_HELD_BYTES = 4 * 1_048_576
/** What a held event costs besides its bytes, so that many small ones are bounded as well. */
const HELD_OVERHEAD_BYTES = 200

const STREAM_HEADERS: RawHeaders = [
  'content-type',
  EVENT_STREAM,
  'cache-control',
  'no-cache, no-transform',
  'x-accel-buffering',
  'no',
]
const NO_HEADERS: RawHeaders = []
const NO_CONTENT = 204

/** What answers of one front share. */
export interface EventAnswerContext {
  readonly clock: Clock
  /** Silence on a stream after which a comment is sent. */
  readonly keepAliveMs: number
  /** Those that wait for their first message; when it lasts, a stream is opened, before proxies take the answer for dead. */
  readonly quiet: Deadlines<EventAnswer>
}

export interface EventAnswerListener {
  /** A stream begins now: what has to come first on it may be written. */
  readonly onOpen?: ((answer: EventAnswer) => void) | undefined
  /** The client is gone, or was cut off: nothing more reaches it. Not called after an end of our own. */
  readonly onGone?: (() => void) | undefined
}

/** How the answer will be over, once its end is read. */
interface Outcome {
  readonly outcome: CallOutcome
  readonly error: GatewayError | undefined
}

type State = 'waiting' | 'streaming' | 'ending' | 'over'

export class EventAnswer {
  readonly #visit: FrontVisit
  readonly #context: EventAnswerContext
  readonly #listener: EventAnswerListener
  readonly #wait = new Wait<EventAnswer>(this)
  #state: State = 'waiting'
  #isBehind = false
  #held: Uint8Array[] = []
  #heldFrom = 0
  #heldBytes = 0
  #keepAlive: Timer | undefined
  #sentSinceTick = false
  #outcome: Outcome | undefined

  /** `begin` has to be called once whoever listens is ready. */
  constructor(visit: FrontVisit, context: EventAnswerContext, listener: EventAnswerListener = {}) {
    this.#visit = visit
    this.#context = context
    this.#listener = listener
  }

  get exchange(): Exchange {
    return this.#visit.exchange
  }

  /** True while the head may still become anything. */
  get isWaiting(): boolean {
    return this.#state === 'waiting'
  }

  /** True once nothing more can be told to the client. */
  get isOver(): boolean {
    return this.#state === 'over' || this.#state === 'ending'
  }

  get #answer(): Answer {
    return this.#visit.exchange.answer
  }

  /** Begins to watch the client, and the time unless the head can only come with the answer. */
  begin(mayOpenEarly = true): void {
    if (this.#state === 'waiting' && mayOpenEarly) this.#context.quiet.watch(this.#wait)
    this.#answer.onClose((end) => this.#onClose(end))
  }

  /** The head of an event stream, if there is none yet. */
  open(): void {
    if (this.#state !== 'waiting') return
    this.#context.quiet.unwatch(this.#wait)
    this.#state = 'streaming'
    this.#answer.onDrain(() => this.#onDrain())
    this.#answer.start(200, STREAM_HEADERS)
    this.#visit.onStreamOpen()
    this.#listener.onOpen?.(this)
    if (!this.isOver) this.#keepAwake()
  }

  /** Opens the stream because nothing has come for long. */
  openQuiet(): void {
    this.open()
    this.#write(KEEP_ALIVE_COMMENT)
  }

  /** One whole event, or several, as bytes. */
  send(event: Uint8Array): void {
    if (this.isOver) return
    this.open()
    this.#sentSinceTick = true
    this.#write(event)
  }

  /** The last message; `status` counts only if it is the first as well. */
  finish(json: string | Content, status = 200): void {
    if (this.isOver) return
    if (this.#state === 'waiting') {
      this.whole(status, json)
      return
    }
    this.#write(typeof json === 'string' ? encodeEvent(json) : encodeContentEvent(json))
    this.end()
  }

  /** The whole answer at once: JSON, or nothing. Not after a stream was begun. */
  whole(status: number, json?: string | Content, headers: RawHeaders = NO_HEADERS): void {
    if (this.#state !== 'waiting') return
    const body = typeof json === 'string' ? Content.of(Buffer.from(json)) : json
    const own: string[] = []
    if (body !== undefined) own.push('content-type', 'application/json')
    if (status !== NO_CONTENT) own.push('content-length', String(body?.length ?? 0))
    this.#answer.start(status, headers.length === 0 ? own : [...own, ...headers])
    if (body === undefined || body.chunks.length === 1) this.#answer.end(body?.chunks[0])
    else this.#sendPieces(body)
    this.#leave('answered')
  }

  /** The last piece is known to be out no sooner than the answer is; the one before is the last that has large values. */
  #sendPieces(content: Content): void {
    const { chunks } = content
    content.hold()
    const last = chunks.length - 1
    for (let at = 0; at < last - 1; at++) this.#answer.write(chunks[at] as Buffer)
    this.#answer.write(chunks[last - 1] as Buffer, () => content.letGoSent())
    this.#answer.end(chunks[last])
  }

  /** The gateway's own error: as the whole answer, or as the last event for the request it answers. */
  fail(error: GatewayError, rpcId?: RpcId): void {
    if (this.isOver) return
    const id = error.rpcId ?? rpcId
    if (this.#state === 'waiting') answerError(this.exchange, error, id)
    else if (id === undefined) this.#answer.end()
    else {
      this.#write(encodeEvent(errorJson(error, this.exchange.id, id)))
      this.#end('failed', error)
      return
    }
    this.#leave('failed', error)
  }

  /** Ends the event stream in good order, once what is held has been read. */
  end(): void {
    this.#end('answered')
  }

  /** Breaks the answer off, so that the client sees that it is not whole. */
  abort(error: GatewayError): void {
    if (this.#state === 'over') return
    this.#answer.abort()
    this.#leave('failed', error)
  }

  #end(outcome: CallOutcome, error?: GatewayError): void {
    if (this.isOver) return
    this.open()
    this.#state = 'ending'
    this.#outcome = { outcome, error }
    this.#endWhenRead()
  }

  #endWhenRead(): void {
    if (this.#outcome === undefined || this.#held.length > 0) return
    const { outcome, error } = this.#outcome
    this.#answer.end()
    this.#leave(outcome, error)
  }

  #write(bytes: Uint8Array): void {
    if (this.#state !== 'streaming') return
    if (!this.#isBehind) {
      this.#isBehind = !this.#answer.write(bytes)
      return
    }
    const cost = bytes.length + HELD_OVERHEAD_BYTES
    if (this.#heldBytes > 0 && this.#heldBytes + cost > MAX_HELD_BYTES) {
      this.#cut()
      return
    }
    this.#held.push(bytes)
    this.#heldBytes += cost
  }

  #onDrain(): void {
    this.#isBehind = false
    while (!this.#isBehind && this.#heldFrom < this.#held.length) {
      const bytes = this.#held[this.#heldFrom++] as Uint8Array
      this.#heldBytes -= bytes.length + HELD_OVERHEAD_BYTES
      this.#isBehind = !this.#answer.write(bytes)
    }
    if (this.#heldFrom === this.#held.length) this.#forgetHeld()
    this.#endWhenRead()
  }

  #keepAwake(): void {
    const { clock, keepAliveMs } = this.#context
    this.#keepAlive = clock.every(keepAliveMs, () => {
      const isQuiet = !this.#sentSinceTick
      this.#sentSinceTick = false
      // A client that is behind has something to read already.
      if (isQuiet && !this.#isBehind) this.#write(KEEP_ALIVE_COMMENT)
    })
  }

  #cut(): void {
    const message = `the client left more than ${MAX_HELD_BYTES} bytes of its answer unread`
    this.abort(new GatewayError('GW_SLOW_READER', message))
    this.#listener.onGone?.()
  }

  #onClose(end: AnswerEnd): void {
    if (this.#state === 'over' || end === 'finished') return
    this.#leave('client-gone')
    this.#listener.onGone?.()
  }

  #leave(outcome: CallOutcome, error?: GatewayError): void {
    const hasStreamed = this.#state !== 'waiting'
    this.#state = 'over'
    this.#context.quiet.unwatch(this.#wait)
    this.#keepAlive?.cancel()
    this.#forgetHeld()
    if (hasStreamed) this.#visit.onStreamClose()
    this.#visit.onOver(outcome, error)
  }

  #forgetHeld(): void {
    this.#held = []
    this.#heldFrom = 0
    this.#heldBytes = 0
  }
}
