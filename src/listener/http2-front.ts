// HTTP/2: sessions on accepted TLS sockets, with the settings and limits that Node keeps by itself.
import { performServerHandshake, type SecureServerSessionOptions } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { Http2Connection } from './http2-connection.ts'
import type { SocketLimits } from './options.ts'
import type { Arrival, Surroundings } from './surroundings.ts'

/**
 * Node answers a header section beyond its own limits by resetting the stream. Its limits are set this much wider than
 * ours, so that a client that is somewhat over gets a 431 which says why.
 */
const HEADROOM = 4
/** What HTTP/2 adds to each field when it counts (RFC 9113 §6.5.2). */
const FIELD_OVERHEAD_BYTES = 32

export class Http2Front {
  readonly #surroundings: Surroundings
  readonly #options: SecureServerSessionOptions
  readonly #connections = new Set<Http2Connection>()

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
    this.#options = sessionOptions(surroundings.limits)
  }

  accept(socket: TLSSocket, arrival: Arrival): void {
    const session = performServerHandshake(socket, this.#options)
    const connection = new Http2Connection(session, arrival, this.#surroundings)
    this.#connections.add(connection)
    session.once('close', () => this.#connections.delete(connection))
  }

  /** Tells every client to go elsewhere (GOAWAY); streams under way are finished. */
  drain(): void {
    for (const connection of this.#connections) connection.closeWhenDone()
  }
}

function sessionOptions(limits: SocketLimits): SecureServerSessionOptions {
  const { maxHeaderBytes, maxHeaders, maxConcurrentStreams } = limits
  return {
    maxHeaderListPairs: maxHeaders * HEADROOM,
    settings: {
      maxConcurrentStreams,
      maxHeaderListSize: (maxHeaderBytes + maxHeaders * FIELD_OVERHEAD_BYTES) * HEADROOM,
      enablePush: false,
    },
  }
}
