// An exchange that never was on a wire: a message of a channel in the form in which everybody else's reaches the endpoint.
// Who the client is and what it said about itself comes from the real exchange that the message arrived on.
import {
  Content,
  type Answer,
  type Exchange,
  type ListenerIdentity,
  type PeerIdentity,
  type RawHeaders,
} from '../../../core/index.ts'

export interface VirtualRequest {
  readonly id: string
  readonly method: 'POST' | 'GET' | 'DELETE'
  /** With its question mark, or ''. */
  readonly query: string
  /** In lower case, each once. They go before all that the real exchange has. */
  readonly headers: RawHeaders
  /** Undefined for GET and DELETE. */
  readonly body: Buffer | undefined
  readonly answer: Answer
}

/** Fields that speak of the real exchange's connection, of its content, or of what the message now says itself. */
const NOT_INHERITED: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'keep-alive',
  'last-event-id',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
const NOT_INHERITED_PREFIX = /^(?:mcp-|sec-websocket-)/

const EMPTY = Buffer.alloc(0)

export class VirtualExchange implements Exchange {
  readonly isVirtual = true
  readonly id: string
  readonly method: string
  readonly query: string
  readonly answer: Answer
  readonly #origin: Exchange
  readonly #headers: RawHeaders
  readonly #body: Buffer

  constructor(origin: Exchange, { id, method, query, headers, body, answer }: VirtualRequest) {
    this.id = id
    this.method = method
    this.query = query
    this.answer = answer
    this.#origin = origin
    this.#headers = headers
    this.#body = body ?? EMPTY
  }

  get listener(): ListenerIdentity {
    return this.#origin.listener
  }

  get httpVersion(): Exchange['httpVersion'] {
    return this.#origin.httpVersion
  }

  get path(): string {
    return this.#origin.path
  }

  get remoteAddress(): string {
    return this.#origin.remoteAddress
  }

  get peer(): PeerIdentity | undefined {
    return this.#origin.peer
  }

  get authority(): string {
    return this.#origin.authority
  }

  get rawHeaders(): RawHeaders {
    const { rawHeaders } = this.#origin
    const headers = [...this.#headers]
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const name = rawHeaders[at] ?? ''
      if (isInherited(name.toLowerCase())) headers.push(name, rawHeaders[at + 1] ?? '')
    }
    return headers
  }

  header(name: string): string | undefined {
    const own = this.#headers
    for (let at = 0; at < own.length; at += 2) if (own[at] === name) return own[at + 1]
    return isInherited(name) ? this.#origin.header(name) : undefined
  }

  isRepeated(name: string): boolean {
    return isInherited(name) && this.#origin.isRepeated(name)
  }

  /** The channel has kept to the same limit before there was an exchange. */
  readBody(_maxBytes: number): Promise<Buffer> {
    return Promise.resolve(this.#body)
  }

  readContent(_maxBytes: number): Promise<Content> {
    return Promise.resolve(Content.of(this.#body))
  }
}

function isInherited(name: string): boolean {
  return !NOT_INHERITED.has(name) && !NOT_INHERITED_PREFIX.test(name)
}
