// The HTTP+SSE transport of protocol version 2024-11-05: a GET opens an event stream, whose first event says where to post
// messages; whatever answers them comes as events.
import type { AnswerEnd, Exchange } from '../../../core/index.ts'
import { encodeEvent, HEADER, KEEP_ALIVE_COMMENT } from '../../../wire/index.ts'
import type { ChannelTransport } from './channel-transport.ts'
import { channelReference } from './channel-query.ts'

const STREAM_HEAD = [
  'content-type',
  'text/event-stream',
  'cache-control',
  'no-cache, no-transform',
  'x-accel-buffering',
  'no',
]

const EVENT_STREAM_ASKED = /(?:^|,)\s*text\/event-stream\s*(?:[;,]|$)/i

/** Fields that only a client of Streamable HTTP sends with a GET. */
const OF_STREAMABLE_HTTP = [HEADER.sessionId, HEADER.protocolVersion, 'last-event-id']

/** Whether the exchange is how a client of HTTP+SSE begins. */
export function opensEventStream(exchange: Exchange): boolean {
  if (exchange.method !== 'GET') return false
  if (!EVENT_STREAM_ASKED.test(exchange.header('accept') ?? '')) return false
  return OF_STREAMABLE_HTTP.every((name) => exchange.header(name) === undefined)
}

export class SseTransport implements ChannelTransport {
  readonly #exchange: Exchange

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  /** Begins the stream with where to post messages. `onClose` is called when it is over. */
  open(sealedId: string, onDrain: () => void, onClose: (end: AnswerEnd) => void): void {
    const { answer, query } = this.#exchange
    answer.onDrain(onDrain)
    answer.start(200, STREAM_HEAD)
    answer.write(Buffer.from(`event: endpoint\ndata: ${channelReference(query, sealedId)}\n\n`))
    answer.onClose(onClose)
  }

  send(json: string): boolean {
    return this.#exchange.answer.write(encodeEvent(json))
  }

  keepAlive(isQuiet: boolean): void {
    if (isQuiet) this.#exchange.answer.write(KEEP_ALIVE_COMMENT)
  }

  /** Each message has a request of its own, which is refused when it is one too many. */
  setReading(): void {}

  end(): void {
    this.#exchange.answer.end()
  }
}
