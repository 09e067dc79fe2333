// One HTTP request and its answer, as every stage after the listener sees it. The listener implements these
// interfaces over HTTP/1.1 and HTTP/2; nothing behind it knows which one it was.
import type { Content } from './content.ts'

/** Header fields in wire order: name, value, name, value, … Names keep the sender's case unless said otherwise. */
export type RawHeaders = readonly string[]

/** What the exchange arrived on. */
export interface ListenerIdentity {
  /** The configured address, for logs and metrics. */
  readonly name: string
  /** True when the socket is TLS. */
  readonly secure: boolean
  /** True when servers are to be told who a verified client is. */
  readonly forwardsPeer: boolean
}

/** Who a client is by its certificate. Everything in it is the client's claim unless `verified`. */
export interface PeerIdentity {
  /** Distinguished name as in RFC 4514: `CN=a,O=b`. */
  readonly subject: string
  /** The most specific one of the subject. */
  readonly commonName: string | undefined
  /** Subject alternative names of the certificate. */
  readonly dnsNames: readonly string[]
  readonly uris: readonly string[]
  readonly emails: readonly string[]
  /** The only URI, when it is a SPIFFE id. */
  readonly spiffeId: string | undefined
  /** SHA-256 over the certificate: 64 hexadecimal digits in lower case. */
  readonly fingerprint256: string
  readonly serialNumber: string
  readonly issuer: string
  /** True when an authority that the listener trusts vouches for it: it is valid, for clients, and not revoked. */
  readonly verified: boolean
}

export interface Exchange {
  /** Unique per process; the client sees it in error bodies, the log has it on every line. */
  readonly id: string
  readonly listener: ListenerIdentity
  readonly httpVersion: '1.0' | '1.1' | '2.0'
  readonly method: string
  /** Origin-form path without the query; always starts with one slash. */
  readonly path: string
  /** The query with its question mark, or ''. */
  readonly query: string
  readonly rawHeaders: RawHeaders
  /** IP address of the peer of the socket. */
  readonly remoteAddress: string
  /** Who the client is by its certificate. Undefined: it was not asked, or has none. */
  readonly peer: PeerIdentity | undefined
  /** Value of Host (HTTP/1.1) or :authority (HTTP/2), never empty. */
  readonly authority: string
  readonly answer: Answer
  /** There when the client asks to go on with WebSocket. HTTP/1.1 alone has it; the answer is then 101 or a refusal. */
  readonly webSocket?: WebSocketOffer | undefined
  /**
   * True for a message that did not come as a request of its own: the gateway wrote its MCP headers. Those that need a
   * tool's schema (Mcp-Param-*) are not among them.
   */
  readonly isVirtual?: boolean
  /** First value of a header by lower-case name; undefined when absent. Repeated fields are joined by ", ". */
  header(name: string): string | undefined
  /** True when the header came more than once: the value of `header` is then a join of several. */
  isRepeated(name: string): boolean
  /**
   * Reads the whole body. It or `readContent` may be called, once.
   * @throws GatewayError GW_BODY_TOO_LARGE, GW_REQUEST_TIMEOUT, GW_CLIENT_GONE
   */
  readBody(maxBytes: number): Promise<Buffer>
  /** As `readBody`, without joining the pieces that the body came in. */
  readContent(maxBytes: number): Promise<Content>
}

/** How an answer ended: all of it was handed to the socket, or the client left, or did not read. */
export type AnswerEnd = 'finished' | 'client-gone' | 'slow-reader'

/** The way back to the client. Writing after the end is ignored, so that late upstream data needs no guard. */
export interface Answer {
  /** True once the head was sent. */
  readonly started: boolean
  /** True once the answer is finished or the client is gone: nothing more will be delivered. */
  readonly closed: boolean
  /** Status once started, else 0. */
  readonly status: number
  /** Sends the head. `headers` must be free of hop-by-hop fields. Flushes at once for event streams. */
  start(status: number, headers: RawHeaders): void
  /**
   * Hands over a chunk. False means: the client is behind, wait for `onDrain` before the next. `onTaken` is called when
   * nobody reads from the chunk any more, if that is known: it may never be.
   */
  write(chunk: Uint8Array, onTaken?: () => void): boolean
  /** Ends the answer, with an optional last chunk and trailer fields. */
  end(chunk?: Uint8Array, trailers?: RawHeaders): void
  /** Ends the answer in error after the head was sent: the client sees a broken transfer, never a short one that looks whole. */
  abort(): void
  /** Called each time the client has caught up after a `write` that returned false. One listener. */
  onDrain(listener: () => void): void
  /** Called once when the answer is over, whatever the reason. Called at once if it already is. */
  onClose(listener: (end: AnswerEnd) => void): void
}

/** A request for WebSocket whose opening handshake is in order (RFC 6455 §4.2.1), to be accepted or answered otherwise. */
export interface WebSocketOffer {
  /** The subprotocols that the client would speak, its favourite first. */
  readonly subprotocols: readonly string[]
  /**
   * Answers 101. From here on the connection is a WebSocket; `answer` of the exchange is over when the connection is, and
   * takes nothing. Ending it before a drain deadline is up to whoever accepted.
   */
  accept(terms: WebSocketTerms): WebSocketLink
}

export interface WebSocketTerms {
  /** One of those offered. */
  readonly subprotocol: string
  /** A longer message ends the connection with 1009. */
  readonly maxMessageBytes: number
  /** Called with each text message, never before `accept` has returned. A binary one ends the connection with 1003. */
  readonly onMessage: (text: Buffer) => void
  /** The client has caught up after a `write` that returned false. */
  readonly onDrain: () => void
}

/** Close codes of RFC 6455 §7.4.1 that the gateway gives of its own accord. */
export type WebSocketCloseCode = 1000 | 1001 | 1008 | 1011

export interface WebSocketLink {
  /** Hands over a text message. False means: the client is behind, wait for `onDrain` before the next. */
  write(text: Uint8Array): boolean
  /** Asks for a sign of life. When nothing has come since the one before, the client is gone and the connection is cut. */
  ping(): void
  /** Stops or goes on reading; what comes meanwhile is held back by the connection itself. */
  setReading(isReading: boolean): void
  /** Begins the closing handshake once everything sent before is out. */
  close(code: WebSocketCloseCode, reason: string): void
}
