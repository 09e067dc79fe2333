// One tool call on a session in the bytes of its client. An answer that is nothing but a result passes as bytes too. Whatever
// else there is (an event stream, an error, a failure, a question of the server meanwhile) is for a ServerCall, which
// then takes the call over with all that has come of it.
import { isUtf8 } from 'node:buffer'
import {
  asBuffer,
  Content,
  type GatewayError,
  type LiveMember,
  type RawHeaders,
} from '../../../core/index.ts'
import type { EndpointStatus, RoutedSink } from '../../../routing/index.ts'
import type { UpstreamCall } from '../../../upstream/index.ts'
import {
  idSpanOfResult,
  inOnePiece,
  isEventStream,
  type Span,
  textAround,
} from '../../../wire/index.ts'
import { readHead } from '../answer-head.ts'
import { MAX_DEPTH, MAX_MESSAGE_BYTES } from '../answer-reader.ts'
import { tells } from '../../view/telling.ts'
import type { VerbatimSink } from '../../view/verbatim.ts'

/** What a call in bytes needs of its session. */
export interface VerbatimSession {
  /** It is over, or was taken over. */
  leave(call: VerbatimServerCall): void
  cancelled(id: number, from: string | undefined): void
  /** The server answers with an event stream, and would so the next time. */
  onStreamed(): void
}

interface Head {
  readonly status: number
  readonly headers: RawHeaders
  readonly from: EndpointStatus
}

const OK = 200
const JSON_TYPE = /^\s*application\/json\s*(?:;|$)/i

export class VerbatimServerCall implements LiveMember, RoutedSink {
  place = -1
  /** Of the request, unique in the session. */
  readonly id: number
  readonly logLevel: string | undefined
  readonly #session: VerbatimSession
  readonly #sink: VerbatimSink
  #call: UpstreamCall | undefined
  #head: Head | undefined
  #chunks: Buffer[] = []
  #bytes = 0
  /** Who has taken the call over. */
  #next: RoutedSink | undefined
  #isOver = false

  constructor(
    session: VerbatimSession,
    { id, logLevel }: { readonly id: number; readonly logLevel: string | undefined },
    sink: VerbatimSink,
  ) {
    this.#session = session
    this.id = id
    this.logLevel = logLevel
    this.#sink = sink
  }

  /** The call whose answer this hears. */
  attach(call: UpstreamCall): void {
    this.#call = call
  }

  /** Nobody wants the answer any more. */
  cancel(): void {
    if (!this.#leave()) return
    this.#session.cancelled(this.id, this.#head?.from.key)
    this.#call?.abort()
  }

  /** Something about the call is out of the ordinary: it is taken over, and what has come of its answer is told again. */
  giveWay(): void {
    if (this.#isOver) return
    this.#sink.onUnusual()
    const next = this.#next
    const head = this.#head
    if (next === undefined || head === undefined) return
    const chunks = this.#chunks
    this.#chunks = []
    next.onHead(head.status, head.headers, head.from)
    for (const chunk of chunks) next.onData(chunk)
  }

  /** From now on `next` hears the answer, from its beginning. Nothing before this has returned. */
  passTo(next: RoutedSink): UpstreamCall {
    this.#leave()
    this.#next = next
    return this.#call as UpstreamCall
  }

  onHead(status: number, headers: RawHeaders, from: EndpointStatus): void {
    this.#head ??= { status, headers, from }
    if (this.#next !== undefined) {
      this.#next.onHead(status, headers, from)
      return
    }
    const { contentType, encoding } = readHead(headers)
    if (isEventStream(contentType)) this.#session.onStreamed()
    const isJson = contentType !== undefined && JSON_TYPE.test(contentType)
    if (status !== OK || encoding !== undefined || !isJson) this.giveWay()
  }

  onData(chunk: Uint8Array): boolean {
    if (this.#next !== undefined) return this.#next.onData(chunk)
    this.#chunks.push(asBuffer(chunk))
    this.#bytes += chunk.length
    if (this.#bytes > MAX_MESSAGE_BYTES) this.giveWay()
    return true
  }

  onEnd(trailers: RawHeaders): void {
    if (this.#next === undefined) this.#answer()
    this.#next?.onEnd(trailers)
  }

  onFailure(error: GatewayError): void {
    this.giveWay()
    this.#next?.onFailure(error)
  }

  #answer(): void {
    if (this.#isOver) return
    const content = new Content(this.#chunks, this.#bytes)
    const idSpan = this.#idSpanIn(content)
    // Those of now: what was too long to be gathered for a look was joined, and its pieces were given back.
    this.#chunks = [...content.chunks]
    if (idSpan === undefined) this.giveWay()
    else if (this.#leave()) this.#sink.onAnswer(content, idSpan)
  }

  /** Undefined for what is no answer to this call, no result, or has something in it that has to be put into other words. */
  #idSpanIn(content: Content): Span | undefined {
    const bytes = inOnePiece(content)
    if (!isUtf8(bytes)) return undefined
    const idSpan = idSpanOfResult(bytes, this.id, { maxDepth: MAX_DEPTH, elements: bytes.length })
    if (idSpan === undefined) return undefined
    return tells(textAround(bytes)) ? undefined : idSpan
  }

  /** False when it was over before. */
  #leave(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#session.leave(this)
    return true
  }
}
