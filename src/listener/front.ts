// From an accepted TCP socket to the server for what is spoken on it: TLS first, then the protocol that was agreed on in
// the handshake (ALPN, RFC 7301).
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../core/index.ts'
import type { Audit, Log } from '../observability/index.ts'
import type { ServerTls } from '../tls/index.ts'
import { Http1Front } from './http1-front.ts'
import { Http2Front } from './http2-front.ts'
import type { Arrival, Surroundings } from './surroundings.ts'
import { TlsFront } from './tls-front.ts'

export interface FrontOptions {
  readonly surroundings: Surroundings
  /** Undefined: plain HTTP/1.1. */
  readonly tls: ServerTls | undefined
  readonly http2: boolean
  readonly log: Log
  readonly clock: Clock
  readonly audit: Audit
}

export class Front {
  readonly #http1: Http1Front
  readonly #http2: Http2Front
  readonly #tls: TlsFront | undefined

  constructor({ tls, ...options }: FrontOptions) {
    this.#http1 = new Http1Front(options.surroundings)
    this.#http2 = new Http2Front(options.surroundings)
    const onSecure = (socket: TLSSocket, arrival: Arrival): void =>
      (socket.alpnProtocol === 'h2' ? this.#http2 : this.#http1).accept(socket, arrival)
    this.#tls = tls && new TlsFront({ ...options, tls, onSecure })
  }

  accept(arrival: Arrival): void {
    if (this.#tls === undefined) this.#http1.accept(arrival.socket, arrival)
    else this.#tls.accept(arrival)
  }

  /** Closes what is idle and lets answers under way finish. */
  drain(): void {
    this.#tls?.drain()
    this.#http1.drain()
    this.#http2.drain()
  }

  stop(): void {
    this.#tls?.stop()
    this.#http1.stop()
  }
}
