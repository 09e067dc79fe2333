// One request over HTTP/1.1 or 1.0: the exchange that the stages behind see, or a refusal that waits for its turn.
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type Content,
  GatewayError,
  type Exchange,
  type ListenerIdentity,
  type PeerIdentity,
  type RawHeaders,
  type WebSocketOffer,
} from '../core/index.ts'
import { answerError } from './error-answer.ts'
import { Http1Answer } from './http1-answer.ts'
import type { Http1Connection } from './http1-connection.ts'
import { fieldValue, isRepeatedField } from './raw-headers.ts'
import { RequestBody } from './request-body.ts'
import type { RequestHead } from './request-head.ts'
import { Http1WebSocketOffer, type WebSocketRequest } from './websocket-offer.ts'

/** A request as the parser handed it over. */
export interface Http1Request {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The refusal when the head is not in order. */
  readonly head: RequestHead | GatewayError
  /** There when the client asks for a WebSocket. */
  readonly webSocket?: WebSocketRequest | undefined
}

/** Stands in for the head of a refused request, which nobody will see. What follows it has no known length. */
const REFUSED: RequestHead = {
  path: '',
  query: '',
  authority: '',
  contentLength: undefined,
  isChunked: true,
  expectsContinue: false,
}

export class Http1Exchange implements Exchange {
  readonly id: string
  readonly listener: ListenerIdentity
  readonly httpVersion: '1.0' | '1.1'
  readonly method: string
  readonly path: string
  readonly query: string
  readonly rawHeaders: RawHeaders
  readonly remoteAddress: string
  readonly peer: PeerIdentity | undefined
  readonly authority: string
  readonly answer: Http1Answer
  readonly webSocket: WebSocketOffer | undefined
  readonly body: RequestBody
  readonly #connection: Http1Connection
  readonly #request: IncomingMessage
  readonly #refusal: GatewayError | undefined

  constructor(connection: Http1Connection, { request, response, head, webSocket }: Http1Request) {
    const { surroundings, arrival } = connection
    const isRefused = head instanceof GatewayError
    const { path, query, authority, contentLength, isChunked, expectsContinue } = isRefused
      ? REFUSED
      : head
    this.id = surroundings.nextId()
    this.listener = surroundings.identity
    this.httpVersion = request.httpVersion === '1.0' ? '1.0' : '1.1'
    this.method = request.method ?? ''
    this.path = path
    this.query = query
    this.rawHeaders = request.rawHeaders
    this.remoteAddress = arrival.remoteAddress
    this.peer = arrival.peer
    this.authority = authority
    this.body = new RequestBody({
      stream: request,
      hasContent: isChunked || (contentLength ?? 0) > 0,
      contentLength,
      // Node copies them out of the parser's own memory.
      ownsChunks: true,
      // HTTP/1.0 has no interim answers (RFC 9110 §10.1.1).
      sendContinue:
        expectsContinue && this.httpVersion === '1.1' ? () => response.writeContinue() : undefined,
    })
    this.answer = new Http1Answer(this, connection, response)
    this.webSocket = webSocket && new Http1WebSocketOffer(connection, this, webSocket)
    this.#connection = connection
    this.#request = request
    this.#refusal = isRefused ? head : arrival.refusal
  }

  /** False while a part of the request is still to come. */
  get isComplete(): boolean {
    return this.#request.complete
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

  /** Called by the connection when the answers before this one are out. */
  begin(): void {
    const { surroundings } = this.#connection
    if (this.#refusal === undefined) {
      surroundings.onExchange(this)
      return
    }
    // Where the next request begins may be in doubt, or the client is one too many.
    this.#connection.isClosing = true
    surroundings.onRefusal(this.#refusal, this.remoteAddress, this.id)
    answerError(this.answer, this.#refusal, this.id)
  }
}
