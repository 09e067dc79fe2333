// A WebSocket after its handshake: text messages in and out, paced and watched like every answer, with signs of life and
// an end that says why. Frames, masks and UTF-8 are checked by `ws`; what messages mean is the taker's business.
import type { WebSocket } from 'ws'
import {
  isNodeError,
  type RawHeaders,
  type WebSocketCloseCode,
  type WebSocketLink,
  type WebSocketTerms,
} from '../core/index.ts'
import type { Http1Connection } from './http1-connection.ts'
import { PacedAnswer } from './paced-answer.ts'

/** Close codes of RFC 6455 §7.4.1. */
const NORMAL_CLOSURE = 1000
const UNSUPPORTED_DATA = 1003
const ABNORMAL_CLOSURE = 1006

/**
 * A message longer than a piece goes out as several frames, so that a slow client is measured by pieces, as on every other
 * connection, and not by the length of what it was sent.
 */
export class WebSocketConnection extends PacedAnswer implements WebSocketLink {
  readonly #connection: Http1Connection
  readonly #exchangeId: string
  readonly #terms: WebSocketTerms
  #webSocket: WebSocket | undefined
  /** What of each message is still to be handed to the socket. */
  readonly #unsentBytes: number[] = []
  #isClosing = false
  #closing: { readonly code: WebSocketCloseCode; readonly reason: string } | undefined
  #bytesAtPing = -1

  constructor(connection: Http1Connection, exchangeId: string, terms: WebSocketTerms) {
    super(connection.surroundings.slowReaders)
    this.#connection = connection
    this.#exchangeId = exchangeId
    this.#terms = terms
    this.onDrain(terms.onDrain)
  }

  attach(webSocket: WebSocket): void {
    this.#webSocket = webSocket
    this.#connection.socket.on('drain', () => this.drained())
    webSocket.on('message', (data: Buffer, isBinary) => this.#onMessage(data, isBinary))
    webSocket.on('close', (code) => {
      this.over(code === ABNORMAL_CLOSURE ? 'client-gone' : 'finished')
    })
    // `ws` closes with the code that fits the fault; a lost connection is no fault.
    webSocket.on('error', (error) => {
      if (isNodeError(error, 'ECONNRESET') || isNodeError(error, 'EPIPE')) return
      this.#connection.surroundings.onConnectionCut('websocket', error)
    })
  }

  /** The connection was lost before the handshake was answered. */
  endUnattached(): void {
    if (this.#webSocket === undefined) this.over('client-gone')
  }

  override write(text: Uint8Array): boolean {
    if (this.closed || this.#isClosing) return true
    this.#unsentBytes.push(text.length)
    return super.write(text)
  }

  close(code: WebSocketCloseCode, reason: string): void {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#closing = { code, reason }
    this.end()
  }

  setReading(isReading: boolean): void {
    if (isReading) this.#webSocket?.resume()
    else this.#webSocket?.pause()
  }

  ping(): void {
    const { socket, surroundings } = this.#connection
    const webSocket = this.#webSocket
    if (webSocket === undefined || this.#isClosing) return
    // A client with something left to read answers when it has, and has its own deadline; one that is not read cannot.
    if (socket.writableLength > 0 || webSocket.isPaused) {
      this.#bytesAtPing = -1
      return
    }
    if (socket.bytesRead === this.#bytesAtPing) {
      surroundings.onConnectionCut('idle')
      webSocket.terminate()
      return
    }
    this.#bytesAtPing = socket.bytesRead
    webSocket.ping()
  }

  /** The handshake was the head. */
  protected sendHead(_status: number, _headers: RawHeaders): void {}

  protected send(piece: Uint8Array): boolean {
    const left = (this.#unsentBytes[0] ?? piece.length) - piece.length
    if (left > 0) this.#unsentBytes[0] = left
    else this.#unsentBytes.shift()
    // A failed send is followed by 'close'.
    this.#webSocket?.send(piece, { binary: false, fin: left <= 0 }, () => {})
    return !this.#connection.socket.writableNeedDrain
  }

  /** The closing handshake has a deadline of its own. */
  protected finish(): void {
    const { code, reason } = this.#closing ?? { code: NORMAL_CLOSURE, reason: '' }
    this.#webSocket?.close(code, reason)
  }

  protected breakOff(): void {
    this.#webSocket?.terminate()
  }

  protected cut(): void {
    const { surroundings, arrival } = this.#connection
    surroundings.onSlowReader(arrival.remoteAddress, this.#exchangeId)
    this.#connection.reset()
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#isClosing) return
    if (!isBinary) {
      this.#terms.onMessage(data)
      return
    }
    this.#isClosing = true
    this.#webSocket?.close(UNSUPPORTED_DATA, 'expected text')
  }
}
