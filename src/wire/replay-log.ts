// Messages of a session's event streams, kept so that a client can resume a stream where it lost it (Last-Event-ID,
// MCP 2025-11-25 transports §Resumability). Bounded by bytes and age over all streams; what fell out is counted.
// Pure: the time is passed in.

export interface ReplayLimits {
  readonly maxBytes: number
  readonly maxAgeMs: number
}

export interface ReplayedEvent {
  readonly id: string
  readonly json: Buffer
}

/** What came after an event on its stream. */
export interface Replay {
  readonly stream: string
  readonly events: readonly ReplayedEvent[]
  /** How many more came after it, but fell out. */
  readonly missed: number
}

/** What an entry costs besides its bytes, so that many small ones are bounded as well. */
const ENTRY_OVERHEAD_BYTES = 200
/** Streams on which nothing more will come and of which nothing may be left: only what was missed can still be told. */
const MAX_CLOSED_STREAMS = 256

/** `12-get`, or `12.1-get` for the first id without a message behind the twelfth. */
const EVENT_ID = /^(\d{1,15})(?:\.\d{1,15})?-(.*)$/s

interface Entry {
  readonly stream: Stream
  /** Its place on the stream, from 1 on. */
  readonly number: number
  readonly json: Buffer
  readonly atMs: number
}

interface Stream {
  readonly name: string
  /** Number of the last message; 0 before the first. */
  last: number
  /** Number of the last message that fell out. */
  lost: number
  primed: number
  closed: boolean
  changedMs: number
}

export class ReplayLog {
  readonly #limits: ReplayLimits
  readonly #onForgotten: ((stream: string) => void) | undefined
  readonly #streams = new Map<string, Stream>()
  /** All that is kept, oldest first, from `#from` on: shifting a long array would cost its length each time. */
  #entries: Entry[] = []
  #from = 0
  #bytes = 0
  #closedStreams = 0

  /** `onForgotten` is told of every closed stream that can no longer be resumed. */
  constructor(limits: ReplayLimits, onForgotten?: (stream: string) => void) {
    this.#limits = limits
    this.#onForgotten = onForgotten
  }

  /** What is held, in bytes, with what holding it costs. */
  get bytes(): number {
    return this.#bytes
  }

  /** Keeps a message of a stream; returns its event id, unique in the session. */
  record(name: string, json: Buffer, nowMs: number): string {
    const stream = this.#streamOf(name, nowMs)
    stream.last++
    this.#entries.push({ stream, number: stream.last, json: compact(json), atMs: nowMs })
    this.#bytes += json.length + ENTRY_OVERHEAD_BYTES
    this.#trim(nowMs)
    return `${stream.last}-${name}`
  }

  /** An id with no message behind it: that of the priming event. */
  prime(name: string, nowMs: number): string {
    const stream = this.#streamOf(name, nowMs)
    stream.primed++
    return `${stream.last}.${stream.primed}-${name}`
  }

  /** What came after the event. Undefined: no such event was ever sent, or its stream is forgotten. */
  after(eventId: string, nowMs: number): Replay | undefined {
    this.#trim(nowMs)
    const [, digits = '', name = ''] = EVENT_ID.exec(eventId) ?? []
    const stream = this.#streams.get(name)
    const seen = Number(digits)
    if (digits === '' || stream === undefined || seen > stream.last) return undefined
    const events = this.#entries
      .slice(this.#from)
      .filter((entry) => entry.stream === stream && entry.number > seen)
      .map(({ number, json }) => ({ id: `${number}-${name}`, json }))
    return { stream: name, events, missed: Math.max(0, stream.lost - seen) }
  }

  /** Nothing more will come on the stream; it is forgotten once aged. */
  close(name: string): void {
    const stream = this.#streams.get(name)
    if (stream === undefined || stream.closed) return
    stream.closed = true
    this.#closedStreams++
    if (this.#closedStreams > MAX_CLOSED_STREAMS) this.#forgetOldestClosed()
  }

  /** Lets go of what is too old. To be called now and then, since an idle session records nothing. */
  expire(nowMs: number): void {
    this.#trim(nowMs)
    for (const stream of this.#streams.values()) {
      if (stream.closed && this.#isOld(stream.changedMs, nowMs)) this.#forget(stream)
    }
  }

  #streamOf(name: string, nowMs: number): Stream {
    let stream = this.#streams.get(name)
    if (stream === undefined) {
      stream = { name, last: 0, lost: 0, primed: 0, closed: false, changedMs: nowMs }
      this.#streams.set(name, stream)
    }
    stream.changedMs = nowMs
    return stream
  }

  #isOld(atMs: number, nowMs: number): boolean {
    return nowMs - atMs > this.#limits.maxAgeMs
  }

  #trim(nowMs: number): void {
    for (;;) {
      const oldest = this.#entries[this.#from]
      if (oldest === undefined) break
      if (this.#bytes <= this.#limits.maxBytes && !this.#isOld(oldest.atMs, nowMs)) break
      this.#from++
      this.#bytes -= oldest.json.length + ENTRY_OVERHEAD_BYTES
      oldest.stream.lost = oldest.number
    }
    // Half of the array at least is freed each time, so this costs a constant per message.
    if (this.#from * 2 < this.#entries.length || this.#from === 0) return
    this.#entries = this.#entries.slice(this.#from)
    this.#from = 0
  }

  #forgetOldestClosed(): void {
    for (const stream of this.#streams.values()) {
      if (!stream.closed) continue
      this.#forget(stream)
      return
    }
  }

  /** What is left of it in the log goes by age or bytes like all else. */
  #forget({ name }: Stream): void {
    this.#streams.delete(name)
    this.#closedStreams--
    this.#onForgotten?.(name)
  }
}

/** A small buffer is often a part of a large one, which must not be held for its sake. */
function compact(json: Buffer): Buffer {
  if (json.buffer.byteLength <= json.length + ENTRY_OVERHEAD_BYTES) return json
  const copy = Buffer.allocUnsafeSlow(json.length)
  json.copy(copy)
  return copy
}
