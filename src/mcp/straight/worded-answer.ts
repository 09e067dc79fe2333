// The answer to a renamed call on its way back. What says nothing about resources or tasks passes as it is; what may is
// decoded, put into the words of the view, and encoded again.
import { asBuffer, Content, GatewayError, type RawHeaders } from '../../core/index.ts'
import type { EndpointStatus, RoutedSink } from '../../routing/index.ts'
import {
  encodeEvent,
  EventReader,
  inOnePiece,
  isEventStream,
  isObject,
  parseLossless,
  textAround,
  type JsonObject,
} from '../../wire/index.ts'
import { MAX_MESSAGE_BYTES } from '../back/answer-reader.ts'
import { tells } from '../view/telling.ts'

/** A tool's result in the words of the view. */
export type WordResult = (result: JsonObject) => JsonObject

type Body =
  | { readonly kind: 'whole'; readonly chunks: Uint8Array[]; bytes: number; readonly head: Head }
  | { readonly kind: 'events'; readonly reader: EventReader }
  | { readonly kind: 'other' }

interface Head {
  readonly status: number
  readonly headers: RawHeaders
  readonly from: EndpointStatus
}

const JSON_TYPE = /^\s*application\/json\s*(?:;|$)/i

export class WordedAnswer implements RoutedSink {
  readonly #sink: RoutedSink
  readonly #word: WordResult
  #body: Body = { kind: 'other' }
  #isTaken = true
  #failed = false

  constructor(sink: RoutedSink, word: WordResult) {
    this.#sink = sink
    this.#word = word
  }

  onHead(status: number, headers: RawHeaders, from: EndpointStatus): void {
    const { contentType, isEncoded } = contentOf(headers)
    if (isEncoded) {
      // Nobody asked for a coding, and what cannot be read cannot be worded.
      this.#fail(
        new GatewayError('GW_UPSTREAM_PROTOCOL', 'expected an answer without content coding'),
      )
      return
    }
    if (isEventStream(contentType)) {
      this.#body = { kind: 'events', reader: this.#eventReader() }
      this.#sink.onHead(status, headers, from)
    } else if (contentType !== undefined && JSON_TYPE.test(contentType)) {
      this.#body = { kind: 'whole', chunks: [], bytes: 0, head: { status, headers, from } }
    } else {
      this.#sink.onHead(status, headers, from)
    }
  }

  onData(chunk: Uint8Array): boolean {
    if (this.#failed) return true
    const body = this.#body
    if (body.kind === 'other') return this.#sink.onData(chunk)
    if (body.kind === 'events') {
      this.#isTaken = true
      if (!body.reader.push(chunk)) this.#failTooLarge()
      return this.#isTaken
    }
    body.chunks.push(chunk)
    body.bytes += chunk.length
    if (body.bytes > MAX_MESSAGE_BYTES) this.#failTooLarge()
    return true
  }

  onEnd(trailers: RawHeaders): void {
    if (this.#failed) return
    if (this.#body.kind === 'whole') this.#sendWhole(this.#body.head, this.#body.chunks)
    this.#sink.onEnd(trailers)
  }

  onFailure(error: GatewayError): void {
    if (!this.#failed) this.#sink.onFailure(error)
  }

  #sendWhole({ status, headers, from }: Head, chunks: readonly Uint8Array[]): void {
    const content = new Content(chunks.map(asBuffer), lengthOf(chunks))
    // What is large has no words for resources or tasks.
    const around = textAround(inOnePiece(content))
    if (!tells(around)) {
      this.#sink.onHead(status, headers, from)
      // Those of now: what was too long to be gathered for a look was joined, and its pieces were given back.
      for (const chunk of content.chunks) this.#sink.onData(chunk)
      return
    }
    const bytes = content.bytes()
    const worded = this.#wordMessage(bytes.toString('utf8'))
    const sent = worded === undefined ? bytes : Buffer.from(worded)
    this.#sink.onHead(status, withLength(headers, sent.length), from)
    if (sent.length > 0) this.#sink.onData(sent)
  }

  #eventReader(): EventReader {
    return new EventReader({
      maxEventBytes: MAX_MESSAGE_BYTES,
      onEvent: ({ event, data }) => {
        if (event !== 'message' || data === '') return
        const worded = tells(data) ? this.#wordMessage(data) : undefined
        // JSON has no line breaks of its own but between tokens, where those of several data lines are as good as none.
        const json = worded ?? data.replaceAll('\n', ' ')
        if (!this.#sink.onData(encodeEvent(json))) this.#isTaken = false
      },
    })
  }

  /** Undefined when nothing changes, or it is no message: then the client is the judge of it. */
  #wordMessage(text: string): string | undefined {
    const message = parsed(text)
    if (message === undefined) return undefined
    if (isObject(message['result'])) {
      const worded = this.#word(message['result'])
      return worded === message['result']
        ? undefined
        : JSON.stringify({ ...message, result: worded })
    }
    return undefined
  }

  #failTooLarge(): void {
    const expected = `expected an answer of at most ${MAX_MESSAGE_BYTES} bytes`
    this.#fail(new GatewayError('GW_UPSTREAM_PROTOCOL', expected))
  }

  #fail(error: GatewayError): void {
    this.#failed = true
    this.#sink.onFailure(error)
  }
}

function contentOf(headers: RawHeaders): { contentType: string | undefined; isEncoded: boolean } {
  let contentType: string | undefined
  let isEncoded = false
  for (let at = 0; at < headers.length; at += 2) {
    const name = (headers[at] as string).toLowerCase()
    if (name === 'content-type') contentType = headers[at + 1]
    else if (name === 'content-encoding') isEncoded = headers[at + 1]?.toLowerCase() !== 'identity'
  }
  return { contentType, isEncoded }
}

function withLength(headers: RawHeaders, length: number): RawHeaders {
  return headers.map((value, at) =>
    at % 2 === 1 && headers[at - 1]?.toLowerCase() === 'content-length' ? String(length) : value,
  )
}

function lengthOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0)
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value = parseLossless(text)
    return isObject(value) ? value : undefined
  } catch {
    // Not JSON: there is nothing in it that the view has words for.
    return undefined
  }
}
