// From an accepted TCP socket to the server for what is spoken on it: TLS first, then the protocol that was agreed on in
// the handshake (ALPN, RFC 7301).
import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { isNodeError } from '../core/index.ts'
import type { ServerContext } from '../tls/index.ts'
import { Http1Front } from './http1-front.ts'
import { Http2Front } from './http2-front.ts'
import type { Arrival, Surroundings } from './surroundings.ts'

export interface FrontOptions {
  readonly surroundings: Surroundings
  /** Undefined: plain HTTP/1.1. */
  readonly tls: ServerContext | undefined
  readonly http2: boolean
}

export class Front {
  readonly #surroundings: Surroundings
  readonly #http1: Http1Front
  readonly #http2: Http2Front
  readonly #tls: Server | undefined
  /** Connections in the handshake, by the addresses of both ends: a TLS socket does not name the one below it. */
  readonly #shaking = new Map<string, Arrival>()

  constructor({ surroundings, tls, http2 }: FrontOptions) {
    this.#surroundings = surroundings
    this.#http1 = new Http1Front(surroundings)
    this.#http2 = new Http2Front(surroundings)
    this.#tls = tls && this.#createTls(tls, http2)
  }

  accept(arrival: Arrival): void {
    const { socket } = arrival
    if (this.#tls === undefined) {
      this.#http1.accept(socket, arrival)
      return
    }
    const key = keyOf(socket)
    this.#shaking.set(key, arrival)
    socket.once('close', () => {
      if (this.#shaking.get(key) === arrival) this.#shaking.delete(key)
    })
    this.#tls.emit('connection', socket)
  }

  /** Closes what is idle and lets answers under way finish. */
  drain(): void {
    for (const { socket } of this.#shaking.values()) socket.destroy()
    this.#http1.drain()
    this.#http2.drain()
  }

  stop(): void {
    this.#http1.stop()
  }

  #createTls(context: ServerContext, http2: boolean): Server {
    const server = createServer({
      ...context.options,
      ALPNProtocols: http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      handshakeTimeout: this.#surroundings.limits.handshakeTimeoutMs,
    })
    server.on('secureConnection', (socket) => this.#onSecure(socket))
    server.on('tlsClientError', (error, socket) => {
      socket.destroy()
      const isLate = isNodeError(error, 'ERR_TLS_HANDSHAKE_TIMEOUT')
      this.#surroundings.onConnectionCut(isLate ? 'handshake_timeout' : 'handshake_failed', error)
    })
    return server
  }

  #onSecure(socket: TLSSocket): void {
    const key = keyOf(socket)
    const arrival = this.#shaking.get(key)
    this.#shaking.delete(key)
    if (arrival === undefined) socket.destroy()
    else if (socket.alpnProtocol === 'h2') this.#http2.accept(socket, arrival)
    else this.#http1.accept(socket, arrival)
  }
}

function keyOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`
}
