// The answer to a virtual exchange: what is written as an HTTP body, JSON or event stream, comes out as messages. Where they
// go, and what it means when none comes, is the business of whoever listens.
import type { Answer, AnswerEnd, RawHeaders } from '../../../core/index.ts'
import { EventReader, HEADER, isEventStream } from '../../../wire/index.ts'
import type { HeldBytes } from './held-bytes.ts'

export interface AnswerHead {
  readonly status: number
  /** The session that begins with this answer. */
  readonly sessionId: string | undefined
}

/** How an answer came to its end. */
export interface AnswerOver {
  /** 0 when there was not even a head. */
  readonly status: number
  /** False: it broke off. */
  readonly isWhole: boolean
  /** A message in it was longer than may be held, so the rest was given up. */
  readonly isTooLarge: boolean
  /** The last event id; undefined when the stream had none. */
  readonly lastEventId: string | undefined
  /** How long the server wants a client to wait before it comes back. */
  readonly retryMs: number | undefined
}

export interface AnswerEars {
  /** True while the client is behind: the answer is then paused. */
  readonly isBehind: boolean
  onHead(head: AnswerHead): void
  /** A message, or several in an array: what was written, and the same parsed. */
  onMessage(json: string, message: unknown): void
  /** Once, after everything else. Not after `leave`. */
  onOver(over: AnswerOver): void
}

/** Where nobody listens. */
export const NO_EARS: AnswerEars = {
  isBehind: false,
  onHead: () => {},
  onMessage: () => {},
  onOver: () => {},
}

export interface VirtualAnswerLimits {
  readonly maxMessageBytes: number
  readonly held: HeldBytes
}

const JSON_MEDIA_TYPE = /^\s*application\/json\s*(?:;|$)/i
const BYTE_ORDER_MARK = '\ufeff'

export class VirtualAnswer implements Answer {
  readonly #ears: AnswerEars
  readonly #limits: VirtualAnswerLimits
  #status = 0
  #end: AnswerEnd | undefined
  #onDrain: (() => void) | undefined
  #onClose: ((end: AnswerEnd) => void)[] = []
  /** Undefined: not an event stream. */
  #events: EventReader | undefined
  #sawEvent = false
  #isJson = false
  #chunks: Uint8Array[] = []
  /** Counted against the channel's budget. */
  #heldBytes = 0
  #isPaused = false
  #lastEventId: string | undefined
  #retryMs: number | undefined

  constructor(ears: AnswerEars, limits: VirtualAnswerLimits) {
    this.#ears = ears
    this.#limits = limits
  }

  get started(): boolean {
    return this.#status !== 0
  }

  get closed(): boolean {
    return this.#end !== undefined
  }

  get status(): number {
    return this.#status
  }

  start(status: number, headers: RawHeaders): void {
    if (this.started) return
    this.#status = status
    if (this.closed) return
    const contentType = valueOf(headers, 'content-type')
    // Nobody asked for a coding; what has one all the same cannot be read.
    const isPlain = (valueOf(headers, 'content-encoding') ?? 'identity') === 'identity'
    if (isPlain && isEventStream(contentType)) this.#events = this.#eventReader()
    else this.#isJson = isPlain && JSON_MEDIA_TYPE.test(contentType ?? '')
    this.#ears.onHead({ status, sessionId: valueOf(headers, HEADER.sessionId) })
  }

  write(chunk: Uint8Array): boolean {
    if (this.closed) return true
    if (!this.#take(chunk)) {
      this.#finish('client-gone', { isWhole: false, isTooLarge: true })
      return true
    }
    this.#isPaused = this.#ears.isBehind
    return !this.#isPaused
  }

  end(chunk?: Uint8Array): void {
    if (this.closed) return
    if (chunk !== undefined && !this.#take(chunk)) {
      this.#finish('client-gone', { isWhole: false, isTooLarge: true })
      return
    }
    if (this.#isJson) this.#message(Buffer.concat(this.#chunks).toString('utf8'))
    this.#finish('finished', { isWhole: true, isTooLarge: false })
  }

  abort(): void {
    this.#finish('client-gone', { isWhole: false, isTooLarge: false })
  }

  onDrain(listener: () => void): void {
    this.#onDrain = listener
  }

  onClose(listener: (end: AnswerEnd) => void): void {
    if (this.#end === undefined) this.#onClose.push(listener)
    else listener(this.#end)
  }

  /** The client has caught up. */
  drained(): void {
    if (!this.#isPaused || this.closed) return
    this.#isPaused = false
    this.#onDrain?.()
  }

  /** Nobody listens any more; whoever writes the answer is told that the client is gone. */
  leave(): void {
    this.#close('client-gone')
  }

  /** False: a message is too long, or all that wait to be whole are together. */
  #take(chunk: Uint8Array): boolean {
    const before = this.#heldBytes
    if (this.#events === undefined) {
      if (!this.#isJson) return true
      this.#heldBytes = before + chunk.length
      this.#chunks.push(chunk)
    } else {
      this.#sawEvent = false
      if (!this.#events.push(chunk)) return false
      // What is behind the last event of the chunk is no longer than the chunk.
      this.#heldBytes = this.#sawEvent ? chunk.length : before + chunk.length
    }
    if (this.closed) return true
    if (!this.#limits.held.replace(before, this.#heldBytes)) {
      this.#heldBytes = 0
      return false
    }
    return this.#events !== undefined || this.#heldBytes <= this.#limits.maxMessageBytes
  }

  #eventReader(): EventReader {
    return new EventReader({
      maxEventBytes: this.#limits.maxMessageBytes,
      onEvent: ({ event, data }) => {
        this.#sawEvent = true
        if (event === 'message' && !this.closed) this.#message(data)
      },
      onId: (id) => {
        this.#lastEventId = id
      },
      onRetry: (ms) => {
        this.#retryMs = ms
      },
    })
  }

  #message(text: string): void {
    const json = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text
    let message: unknown
    try {
      message = JSON.parse(json)
    } catch {
      // No message, so nothing that a client could take. A request that waited for it fails when the answer is over.
      return
    }
    if (typeof message === 'object' && message !== null) this.#ears.onMessage(json, message)
  }

  #finish(end: AnswerEnd, how: Pick<AnswerOver, 'isWhole' | 'isTooLarge'>): void {
    if (this.closed) return
    this.#close(end)
    this.#ears.onOver({
      ...how,
      status: this.#status,
      lastEventId: this.#lastEventId,
      retryMs: this.#retryMs,
    })
  }

  #close(end: AnswerEnd): void {
    if (this.closed) return
    this.#end = end
    this.#chunks = []
    this.#limits.held.replace(this.#heldBytes, 0)
    this.#heldBytes = 0
    const listeners = this.#onClose
    this.#onClose = []
    // As on a socket: never while the writer is still in the middle of writing.
    queueMicrotask(() => {
      for (const listener of listeners) listener(end)
    })
  }
}

function valueOf(headers: RawHeaders, name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() === name) return headers[at + 1]
  }
  return undefined
}
