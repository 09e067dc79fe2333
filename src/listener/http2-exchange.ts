// One request over HTTP/2, in the terms of HTTP/1.1: pseudo-header fields become members, cookie crumbs one field.
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import {
  type Content,
  type Exchange,
  GatewayError,
  type ListenerIdentity,
  type PeerIdentity,
  type RawHeaders,
  Wait,
} from '../core/index.ts'
import { answerError } from './error-answer.ts'
import { Http2Answer } from './http2-answer.ts'
import type { Http2Connection } from './http2-connection.ts'
import { fieldValue, isRepeatedField } from './raw-headers.ts'
import { RequestBody } from './request-body.ts'
import { readHead, type RequestHead } from './request-head.ts'
import type { LateBody } from './surroundings.ts'

/** A header section as Node hands it over. */
export interface ReceivedHeaders {
  readonly headers: IncomingHttpHeaders
  readonly flags: number
  readonly rawHeaders: readonly string[]
}

export class Http2Exchange implements Exchange {
  readonly id: string
  readonly listener: ListenerIdentity
  readonly httpVersion = '2.0'
  readonly method: string
  readonly path: string
  readonly query: string
  readonly rawHeaders: RawHeaders
  readonly remoteAddress: string
  readonly peer: PeerIdentity | undefined
  readonly authority: string
  readonly answer: Http2Answer
  readonly body: RequestBody
  readonly #connection: Http2Connection
  readonly #stream: ServerHttp2Stream
  readonly #refusal: GatewayError | undefined
  readonly #late = new Wait<LateBody>(this)

  constructor(connection: Http2Connection, stream: ServerHttp2Stream, received: ReceivedHeaders) {
    const { surroundings, arrival } = connection
    const { headers, flags } = received
    this.rawHeaders = regularFields(received.rawHeaders)
    this.method = headers[':method'] ?? ''
    const head =
      checkSize(received.rawHeaders, surroundings.limits.maxHeaderBytes) ??
      readHead(
        {
          version: this.httpVersion,
          method: this.method,
          target: headers[':path'] ?? '',
          headers: this.rawHeaders,
          authority: headers[':authority'],
        },
        surroundings.limits,
      )
    const accepted: Partial<RequestHead> = head instanceof GatewayError ? {} : head
    this.id = surroundings.nextId()
    this.listener = surroundings.identity
    this.path = accepted.path ?? ''
    this.query = accepted.query ?? ''
    this.authority = accepted.authority ?? ''
    this.remoteAddress = arrival.remoteAddress
    this.peer = arrival.peer
    this.body = new RequestBody({
      stream,
      hasContent: (flags & constants.NGHTTP2_FLAG_END_STREAM) === 0,
      contentLength: accepted.contentLength,
      // All streams of a connection may have theirs from the same read.
      ownsChunks: false,
      sendContinue:
        accepted.expectsContinue === true
          ? () => stream.additionalHeaders({ ':status': 100 })
          : undefined,
    })
    this.answer = new Http2Answer(this, connection, stream)
    this.#connection = connection
    this.#stream = stream
    this.#refusal = head instanceof GatewayError ? head : arrival.refusal
  }

  header(name: string): string | undefined {
    return fieldValue(this.rawHeaders, name)
  }

  isRepeated(name: string): boolean {
    return isRepeatedField(this.rawHeaders, name)
  }

  async readBody(maxBytes: number): Promise<Buffer> {
    return (await this.body.read(maxBytes)).bytes()
  }

  readContent(maxBytes: number): Promise<Content> {
    return this.body.read(maxBytes)
  }

  begin(): void {
    const { surroundings } = this.#connection
    this.#stream.on('close', () => this.#onStreamClose())
    // Node's requestTimeout does not apply to HTTP/2: a body that dribbles would stay for ever.
    if (this.body.isUnread) surroundings.lateBodies.watch(this.#late)
    if (this.#refusal === undefined) {
      surroundings.onExchange(this)
      return
    }
    surroundings.onRefusal(this.#refusal, this.remoteAddress, this.id)
    answerError(this.answer, this.#refusal, this.id)
  }

  failLate(): void {
    this.body.fail(
      new GatewayError('GW_REQUEST_TIMEOUT', 'the request did not arrive whole in time'),
    )
  }

  #onStreamClose(): void {
    this.#connection.surroundings.lateBodies.unwatch(this.#late)
    this.answer.streamClosed()
    this.#connection.streamClosed()
  }
}

/** In HTTP/1.1 the parser counts. Names and values, without what either version puts between them. */
function checkSize(
  rawHeaders: readonly string[],
  maxHeaderBytes: number,
): GatewayError | undefined {
  let length = 0
  for (const text of rawHeaders) length += text.length
  if (length <= maxHeaderBytes) return undefined
  return new GatewayError('GW_HEADERS_TOO_LARGE', 'header section: larger than allowed')
}

/** Without pseudo-header fields, which come first, and with the parts of Cookie joined again (RFC 9113 §8.2.3). */
function regularFields(rawHeaders: readonly string[]): RawHeaders {
  let start = 0
  while (rawHeaders[start]?.startsWith(':') === true) start += 2
  const fields = rawHeaders.slice(start)
  if (!isRepeatedField(fields, 'cookie')) return fields
  const cookie = fieldValue(fields, 'cookie') ?? ''
  const others = fields.filter((_, at) => fields[at - (at % 2)] !== 'cookie')
  return [...others, 'cookie', cookie]
}
