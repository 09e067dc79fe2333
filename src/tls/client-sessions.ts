// Sessions that can be resumed with a peer, each with the certificate of the handshake that began it: a resumed one shows
// none. Lives as long as the trust under which the sessions were made.
import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'

interface ClientSession {
  readonly session: Buffer
  readonly certificate: X509Certificate
}

/** Peers with a session; the one that was used longest ago makes room. */
const MAX_SESSIONS = 256

export class ClientSessions {
  readonly #byPeer = new Map<string, ClientSession>()

  get(peer: string): ClientSession | undefined {
    return this.#byPeer.get(peer)
  }

  delete(peer: string): void {
    this.#byPeer.delete(peer)
  }

  /** Keeps the newest session that this connection brings. Only for peers that were found to be right. */
  follow(peer: string, socket: TLSSocket, certificate: X509Certificate): void {
    // Up to TLS 1.2 the session is part of the handshake; in 1.3 it comes afterwards, any number of times.
    const own = socket.getProtocol() === 'TLSv1.3' ? undefined : socket.getSession()
    if (own !== undefined) this.#set(peer, { session: own, certificate })
    socket.on('session', (session: Buffer) => this.#set(peer, { session, certificate }))
  }

  #set(peer: string, session: ClientSession): void {
    this.#byPeer.delete(peer)
    if (this.#byPeer.size >= MAX_SESSIONS) {
      const [oldest = ''] = this.#byPeer.keys()
      this.#byPeer.delete(oldest)
    }
    this.#byPeer.set(peer, session)
  }
}
