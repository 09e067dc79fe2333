// Looks at an answer of a server with several endpoints on its way through the straight lane, for what later requests
// refer to: a task, or the state of a call that asked for input. The bytes go on untouched, and as they come.
import type { GatewayError, RawHeaders } from '../../core/index.ts'
import type { EndpointStatus, RoutedSink } from '../../routing/index.ts'
import { EventReader, isEventStream, isObject, type JsonObject } from '../../wire/index.ts'
import { readHead } from '../back/answer-head.ts'

/** Longest message that is looked into. A task or a question is far shorter; what is longer is a result. */
const MAX_LOOKED_INTO_BYTES = 262_144

const OK = 200
const JSON_MEDIA_TYPE = /^application\/json\s*(?:;|$)/i

/** What a message has in it that is worth being parsed. */
const SIGNS = ['"task"', '"input_required"'] as const

/** Called with a result that later requests may refer to, and where it came from. */
export type OnPlaced = (result: JsonObject, endpointKey: string) => void

type Look =
  | { readonly kind: 'events'; readonly reader: EventReader }
  | { readonly kind: 'json'; readonly chunks: Uint8Array[]; bytes: number }

export class PlacedAnswer implements RoutedSink {
  readonly #sink: RoutedSink
  readonly #onPlaced: OnPlaced
  #look: Look | undefined
  #endpointKey = ''

  constructor(sink: RoutedSink, onPlaced: OnPlaced) {
    this.#sink = sink
    this.#onPlaced = onPlaced
  }

  onHead(status: number, headers: RawHeaders, from: EndpointStatus): void {
    this.#endpointKey = from.key
    this.#look = status === OK ? this.#lookAt(headers) : undefined
    this.#sink.onHead(status, headers, from)
  }

  onData(chunk: Uint8Array): boolean {
    const look = this.#look
    if (look?.kind === 'events' && !look.reader.push(chunk)) this.#look = undefined
    if (look?.kind === 'json') this.#keep(look, chunk)
    return this.#sink.onData(chunk)
  }

  // Noted before the client has the end of the answer: its next request may be here at once.
  onEnd(trailers: RawHeaders): void {
    if (this.#look?.kind === 'json') this.#read(this.#look.chunks)
    this.#sink.onEnd(trailers)
  }

  onFailure(error: GatewayError): void {
    this.#sink.onFailure(error)
  }

  #lookAt(headers: RawHeaders): Look | undefined {
    const { contentType, encoding } = readHead(headers)
    if (encoding !== undefined || contentType === undefined) return undefined
    if (JSON_MEDIA_TYPE.test(contentType)) return { kind: 'json', chunks: [], bytes: 0 }
    if (!isEventStream(contentType)) return undefined
    const reader = new EventReader({
      maxEventBytes: MAX_LOOKED_INTO_BYTES,
      onEvent: ({ data }) => this.#take(data),
    })
    return { kind: 'events', reader }
  }

  #keep(look: Extract<Look, { kind: 'json' }>, chunk: Uint8Array): void {
    look.bytes += chunk.length
    if (look.bytes <= MAX_LOOKED_INTO_BYTES) look.chunks.push(chunk)
    else this.#look = undefined
  }

  #read(chunks: readonly Uint8Array[]): void {
    const body = Buffer.concat(chunks)
    if (SIGNS.some((sign) => body.includes(sign))) this.#take(body.toString('utf8'))
  }

  #take(text: string): void {
    if (!SIGNS.some((sign) => text.includes(sign))) return
    const message = parsed(text)
    const result = isObject(message) ? message['result'] : undefined
    if (isObject(result)) this.#onPlaced(result, this.#endpointKey)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (thrown) {
    // What is no JSON is the client's to judge; a task is not in it.
    if (thrown instanceof SyntaxError) return undefined
    throw thrown
  }
}
