// Server-sent events (HTML Living Standard §9.2) as bytes: writing whole events, and looking at a stream that passes
// through only as far as needed to add something to it without breaking it.

/** Media type of an event stream. */
export const EVENT_STREAM = 'text/event-stream'

/** Parameters, such as a charset, change nothing (RFC 9110 §8.3.1). */
const EVENT_STREAM_TYPE = /^\s*text\/event-stream\s*(?:;|$)/i

/** A comment line: readers ignore it, proxies see traffic. One line, because a blank line would dispatch a half-sent event. */
export const KEEP_ALIVE_COMMENT: Uint8Array = Buffer.from(': keep-alive\n')

const LINE_FEED = 0x0a
const BLANK_LINE = 0x0a0a
const BLANK_LINE_CRLF = 0x0a0d0a

/** One message as an event. `json` must be without line breaks, which JSON.stringify guarantees. */
export function encodeEvent(json: string): Buffer {
  return Buffer.from(`event: message\ndata: ${json}\n\n`)
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

const ID_FIELD = Buffer.from('id:')
const ID_AFTER_LINE = Buffer.from('\nid:')
const MAX_LOOK_BYTES = 512

function startsWithId(chunk: Uint8Array): boolean {
  const head = Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(chunk.length, MAX_LOOK_BYTES))
  return head.subarray(0, ID_FIELD.length).equals(ID_FIELD) || head.includes(ID_AFTER_LINE)
}
