// Turns an endpoint's answer, a JSON body or an event stream, into messages, and everything that is not an answer to an
// MCP message into an error. What the messages mean is the listener's business.
import { isUtf8 } from 'node:buffer'
import { asBuffer, Content, GatewayError, type RawHeaders } from '../../core/index.ts'
import type { EndpointStatus, RoutedSink } from '../../routing/index.ts'
import type { UpstreamCall } from '../../upstream/index.ts'
import {
  decodeMessage,
  decodeText,
  EventReader,
  inOnePiece,
  isEventStream,
  isObject,
  messageKind,
  type JsonObject,
} from '../../wire/index.ts'
import { readHead, refuseHead } from './answer-head.ts'

/** Largest message of an answer that the working lane takes: it holds a message whole, unlike the straight lane. */
export const MAX_MESSAGE_BYTES = 16 * 1_048_576
/** Bytes of a body that is no answer, such as a proxy's error page, that are read to keep the connection. */
const MAX_IGNORED_BYTES = 65_536
/**
 * Deepest message. JSON.parse has no limit, but JSON.stringify, which writes the message for the client, overflows the
 * stack after some thousand levels.
 */
export const MAX_DEPTH = 512

export interface AnswerHeadSeen {
  readonly status: number
  /** The endpoint's own session id. */
  readonly sessionId: string | undefined
  readonly isEventStream: boolean
  readonly from: EndpointStatus
}

/** How an answer ended in good order. */
export interface AnswerOver {
  readonly status: number
  /** The last event id of the stream, which a legacy client resumes from; undefined when it said none. */
  readonly lastEventId: string | undefined
  /** How long the stream asked to wait before coming back. */
  readonly retryMs: number | undefined
}

/** Hears one answer: the head, messages, then exactly one of the last two; nothing after `abandon`. */
export interface AnswerListener {
  onHead?(head: AnswerHeadSeen): void
  /** A message of the answer; of a batch, each. Numbers keep their digits (see `parseLossless`). */
  onMessage(message: JsonObject): void
  /** Over in good order. A body that holds no message, because of its type or its status, just ends. */
  onEnd(end: AnswerOver): void
  /** The endpoint could not be reached, or what it sent is no answer to an MCP message. */
  onFailure(error: GatewayError): void
}

export interface AnswerLimits {
  readonly maxMessageBytes: number
}

type Body =
  | { readonly kind: 'events'; readonly reader: EventReader }
  | { readonly kind: 'json'; readonly chunks: Buffer[]; bytes: number }
  | { readonly kind: 'ignored'; bytes: number }

const ERROR_FLOOR = 400
const JSON_MEDIA_TYPE = /^\s*application\/(?:[a-z0-9.-]+\+)?json\s*(?:;|$)/i
const DEFAULT_LIMITS: AnswerLimits = { maxMessageBytes: MAX_MESSAGE_BYTES }

export class AnswerReader implements RoutedSink {
  readonly #listener: AnswerListener
  readonly #limits: AnswerLimits
  #call: UpstreamCall | undefined
  #body: Body = { kind: 'ignored', bytes: 0 }
  #status = 0
  #lastEventId: string | undefined
  #retryMs: number | undefined
  #over = false

  constructor(listener: AnswerListener, limits: AnswerLimits = DEFAULT_LIMITS) {
    this.#listener = listener
    this.#limits = limits
  }

  /** The call whose answer this is, which is given up when the answer is none. */
  attach(call: UpstreamCall): void {
    this.#call = call
    if (this.#over) call.abort()
  }

  /** True once the listener hears nothing more. */
  get isOver(): boolean {
    return this.#over
  }

  /** While true, the endpoint may be silent for as long as it likes. */
  expectSilence(isExpected: boolean): void {
    if (!this.#over) this.#call?.expectSilence?.(isExpected)
  }

  /** Gives the call up; the listener hears nothing more. */
  abandon(): void {
    if (this.#over) return
    this.#over = true
    this.#call?.abort()
  }

  onHead(status: number, headers: RawHeaders, from: EndpointStatus): void {
    if (this.#over) return
    const head = readHead(headers)
    const refused = refuseHead(status, head)
    if (refused !== undefined) {
      this.#fail(refused)
      return
    }
    this.#status = status
    this.#body = this.#bodyOf(head.contentType)
    this.#listener.onHead?.({
      status,
      sessionId: head.sessionId,
      isEventStream: this.#body.kind === 'events',
      from,
    })
  }

  onData(chunk: Uint8Array): boolean {
    if (this.#over) return true
    const body = this.#body
    if (body.kind === 'events') {
      if (!body.reader.push(chunk)) this.#failTooLarge()
      return true
    }
    body.bytes += chunk.length
    if (body.kind === 'json') this.#keep(body.chunks, body.bytes, chunk)
    else if (body.bytes > MAX_IGNORED_BYTES) this.#endEarly()
    return true
  }

  onEnd(): void {
    if (this.#over) return
    const body = this.#body
    if (body.kind === 'json') this.#readBody(new Content(body.chunks, body.bytes))
    this.#end()
  }

  onFailure(error: GatewayError): void {
    if (this.#over) return
    this.#over = true
    this.#listener.onFailure(error)
  }

  #bodyOf(contentType: string | undefined): Body {
    if (isEventStream(contentType)) return { kind: 'events', reader: this.#eventReader() }
    const isJson = contentType !== undefined && JSON_MEDIA_TYPE.test(contentType)
    return isJson ? { kind: 'json', chunks: [], bytes: 0 } : { kind: 'ignored', bytes: 0 }
  }

  #eventReader(): EventReader {
    return new EventReader({
      maxEventBytes: this.#limits.maxMessageBytes,
      onEvent: ({ event, data }) => {
        // A priming event (MCP 2025-11-25 transports §Resumability) has an id and no data.
        if (event === 'message' && data !== '') this.#take(decodeText(data, MAX_DEPTH))
      },
      onLongEvent: ({ event, data }) => {
        if (event !== 'message') return
        // What is no UTF-8 in an event stream is replaced (HTML Living Standard §9.2.6), not refused.
        if (isUtf8(data)) this.#readBody(Content.of(data))
        else this.#take(decodeText(data.toString('utf8'), MAX_DEPTH))
      },
      onId: (id) => {
        this.#lastEventId = id
      },
      onRetry: (ms) => {
        this.#retryMs = ms
      },
    })
  }

  #keep(chunks: Buffer[], bytes: number, chunk: Uint8Array): void {
    if (bytes > this.#limits.maxMessageBytes) this.#failTooLarge()
    else chunks.push(asBuffer(chunk))
  }

  #readBody(content: Content): void {
    if (this.#over || content.length === 0) return
    const bytes = inOnePiece(content)
    if (isUtf8(bytes)) this.#take(decodeMessage(content, bytes, MAX_DEPTH))
    else this.#refuseBody('expected an answer in UTF-8')
  }

  /** What was read; undefined for what cannot be. */
  #take(value: unknown): void {
    if (this.#over) return
    if (value === undefined) {
      this.#refuseBody(`expected an answer in JSON, nested at most ${MAX_DEPTH} deep`)
      return
    }
    for (const item of Array.isArray(value) ? (value as readonly unknown[]) : [value]) {
      if (this.#over) return
      if (isObject(item) && messageKind(item) !== undefined) this.#listener.onMessage(item)
      else this.#refuseBody('expected an answer of JSON-RPC messages')
    }
  }

  /** An error status says what it has to say by itself: frameworks answer with JSON of their own. */
  #refuseBody(expected: string): void {
    if (this.#status >= ERROR_FLOOR) return
    this.#fail(new GatewayError('GW_UPSTREAM_PROTOCOL', expected))
  }

  #failTooLarge(): void {
    const message = `expected messages of at most ${this.#limits.maxMessageBytes} bytes`
    this.#fail(new GatewayError('GW_UPSTREAM_PROTOCOL', message))
  }

  #endEarly(): void {
    this.#call?.abort()
    this.#end()
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    this.#listener.onEnd({
      status: this.#status,
      lastEventId: this.#lastEventId,
      retryMs: this.#retryMs,
    })
  }

  #fail(error: GatewayError): void {
    if (this.#over) return
    this.#over = true
    this.#call?.abort()
    this.#listener.onFailure(error)
  }
}
