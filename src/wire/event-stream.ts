// Server-sent events (HTML Living Standard §9.2) as bytes: writing whole events, and looking at a stream that passes
// through only as far as needed to add something to it without breaking it.
import type { Content } from '../core/index.ts'
import { blankLineBreaks } from './lossless.ts'

/** Media type of an event stream. */
export const EVENT_STREAM = 'text/event-stream'

/** Parameters, such as a charset, change nothing (RFC 9110 §8.3.1). */
const EVENT_STREAM_TYPE = /^\s*text\/event-stream\s*(?:;|$)/i

/** A comment line: readers ignore it, proxies see traffic. One line, because a blank line would dispatch a half-sent event. */
export const KEEP_ALIVE_COMMENT: Uint8Array = Buffer.from(': keep-alive\n')

const EVENT_START = Buffer.from('event: message\ndata: ')
const EVENT_END = Buffer.from('\n\n')

const LINE_FEED = 0x0a
const BLANK_LINE = 0x0a0a
const BLANK_LINE_CRLF = 0x0a0d0a

/** One message as an event. `json` must be without line breaks, which JSON.stringify guarantees. */
export function encodeEvent(json: string): Buffer {
  return Buffer.from(`event: message\ndata: ${json}\n\n`)
}

/** As `encodeEvent`, of JSON that may have line breaks between its tokens. */
export function encodeContentEvent({ chunks }: Content): Buffer {
  const event = Buffer.concat([EVENT_START, ...chunks, EVENT_END])
  blankLineBreaks(event.subarray(EVENT_START.length, -EVENT_END.length))
  return event
}

/** True for a Content-Type header value of an event stream. */
export function isEventStream(contentType: string | undefined): boolean {
  return contentType !== undefined && EVENT_STREAM_TYPE.test(contentType)
}

/** Follows a stream that passes through, to know where a line or an event may be added. */
export class EventStreamPosition {
  // The last three bytes as one number; a stream starts as if after a blank line.
  #tail = BLANK_LINE
  #carriesIds = false

  /** Takes note of bytes that were sent on. */
  advance(chunk: Uint8Array): void {
    // Resumable streams begin with an id, alone in a priming event (MCP 2025-11-25 transports §Resumability), so
    // the beginning of each chunk is all that needs a look.
    if (!this.#carriesIds && this.isAtLineStart) this.#carriesIds = startsWithId(chunk)
    for (let at = Math.max(0, chunk.length - 3); at < chunk.length; at++) {
      this.#tail = ((this.#tail << 8) | (chunk[at] ?? 0)) & 0xffffff
    }
  }

  /** True where a comment line may be added. Not after a lone CR: a LF may still follow and belong to it. */
  get isAtLineStart(): boolean {
    return (this.#tail & 0xff) === LINE_FEED
  }

  /** True where an event may be added: the last one is complete. */
  get isBetweenEvents(): boolean {
    return (this.#tail & 0xffff) === BLANK_LINE || this.#tail === BLANK_LINE_CRLF
  }

  /** True once an event with an id was seen: the client can resume after a break (Last-Event-ID). */
  get carriesIds(): boolean {
    return this.#carriesIds
  }
}

const LOWER_I = 0x69
const LOWER_D = 0x64
const COLON = 0x3a
const MAX_LOOK_BYTES = 512

/** Looks at the lines that begin among the first bytes. */
function startsWithId(chunk: Uint8Array): boolean {
  let lineStart = 0
  while (lineStart < MAX_LOOK_BYTES) {
    if (isIdField(chunk, lineStart)) return true
    const lineEnd = chunk.indexOf(LINE_FEED, lineStart)
    if (lineEnd === -1) return false
    lineStart = lineEnd + 1
  }
  return false
}

function isIdField(chunk: Uint8Array, at: number): boolean {
  return chunk[at] === LOWER_I && chunk[at + 1] === LOWER_D && chunk[at + 2] === COLON
}
