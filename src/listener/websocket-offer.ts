// From an HTTP/1.1 exchange to a WebSocket on the same connection: answers the handshake with `ws` and hands the frames to
// a WebSocketConnection.
import { WebSocketServer, type ServerOptions } from 'ws'
import type { IncomingMessage } from 'node:http'
import type { WebSocketLink, WebSocketOffer, WebSocketTerms } from '../core/index.ts'
import type { Http1Connection } from './http1-connection.ts'
import type { Http1Exchange } from './http1-exchange.ts'
import { WebSocketConnection } from './websocket-connection.ts'
import type { WebSocketHandshake } from './websocket-handshake.ts'

/** A request for a WebSocket in good order. */
export interface WebSocketRequest {
  readonly handshake: WebSocketHandshake
  /** What came on the connection right behind the request. */
  readonly firstBytes: Buffer
}

/** Time for the client to answer a closing handshake; then the connection is closed without. */
const CLOSE_TIMEOUT_MS = 5_000

/** Frames that one message may be cut into: each costs memory beside its bytes. */
const MAX_FRAGMENTS = 4_096

/** Chunks of one frame that may wait to be put together, for the same reason. */
const MAX_BUFFERED_CHUNKS = 16_384

export class Http1WebSocketOffer implements WebSocketOffer {
  readonly subprotocols: readonly string[]
  readonly #connection: Http1Connection
  readonly #exchange: Http1Exchange
  readonly #request: WebSocketRequest

  constructor(connection: Http1Connection, exchange: Http1Exchange, request: WebSocketRequest) {
    this.subprotocols = request.handshake.subprotocols
    this.#connection = connection
    this.#exchange = exchange
    this.#request = request
  }

  accept(terms: WebSocketTerms): WebSocketLink {
    const { answer, id } = this.#exchange
    const { socket } = this.#connection
    answer.handOver()
    const link = new WebSocketConnection(this.#connection, id, terms)
    link.onClose((end) => answer.handBack(end))
    const server = new WebSocketServer(optionsFor(terms))
    server.handleUpgrade(this.#checkedRequest(terms), socket, this.#request.firstBytes, (it) =>
      link.attach(it),
    )
    // The client has closed its side already: there was no handshake.
    link.endUnattached()
    return link
  }

  /** What is left of the request for `ws` to look at. It has been checked, and Node's own `headers` are not built here. */
  #checkedRequest({ subprotocol }: WebSocketTerms): IncomingMessage {
    const headers = {
      upgrade: 'websocket',
      'sec-websocket-key': this.#request.handshake.key,
      'sec-websocket-version': '13',
      'sec-websocket-protocol': subprotocol,
    }
    return { method: 'GET', headers } as unknown as IncomingMessage
  }
}

function optionsFor({ maxMessageBytes }: WebSocketTerms): ServerOptions {
  // closeTimeout is missing in the types.
  const options: ServerOptions & { readonly closeTimeout: number } = {
    noServer: true,
    clientTracking: false,
    // Compression would cost memory per connection and processor time per message, and makes secrets guessable (CRIME).
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_BUFFERED_CHUNKS,
    closeTimeout: CLOSE_TIMEOUT_MS,
  }
  return options
}
