// TLS on accepted connections: the handshake, who is let in by certificate, and what a change of the files does to connections
// that are open. What is spoken inside is the front's business, what is in the files that of src/tls.
import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { createServer, type Server, type TlsOptions, TLSSocket } from 'node:tls'
import { type Clock, isNodeError, type Timer } from '../core/index.ts'
import type { Audit, Log } from '../observability/index.ts'
import {
  agreementOf,
  describeHandshakeFailure,
  FailureLog,
  type HandshakeFailure,
  identityOf,
  NO_CLIENT_CERTIFICATE,
  NOT_TRUSTED_NOW,
  peerLabel,
  presentedChain,
  type PresentedChain,
  type ServerTls,
} from '../tls/index.ts'
import { ClientRefusals } from './client-refusals.ts'
import { lingerForAlert } from './last-alert.ts'
import type { Arrival, Surroundings } from './surroundings.ts'

export interface TlsFrontOptions {
  readonly tls: ServerTls
  readonly http2: boolean
  readonly surroundings: Surroundings
  readonly log: Log
  readonly clock: Clock
  readonly audit: Audit
  /** Takes over a connection whose handshake is done, with the client's identity filled in. */
  readonly onSecure: (socket: TLSSocket, arrival: Arrival) => void
}

/** A connection in its handshake. */
interface Shaking {
  readonly arrival: Arrival
  /** Which trust it is judged by: OpenSSL takes that of the moment it began. */
  readonly trust: number
}

/** What TLSSocket has on a server as well, other than its types say. */
interface FailedSocket {
  readonly authorizationError?: Error | string | null
  /** The socket below. Not documented, and needed for the log alone: a closed socket has forgotten its addresses. */
  readonly _parent?: Socket
}

export class TlsFront {
  readonly #options: TlsFrontOptions
  readonly #server: Server
  readonly #failures: FailureLog
  readonly #refusals: ClientRefusals
  /** Connections in the handshake, by the addresses of both ends: a TLS socket does not name the one below it. */
  readonly #shaking = new Map<string, Shaking>()
  readonly #remotes = new WeakMap<Socket, string>()
  /** Connections whose client was let in, or counts as somebody, for its certificate. */
  readonly #verified = new Map<TLSSocket, PresentedChain>()
  readonly #unfollow: () => void
  #rotation: Timer | undefined
  /** Counts changes of trust. */
  #trust = 0

  constructor(options: TlsFrontOptions) {
    this.#options = options
    this.#failures = new FailureLog({ clock: options.clock })
    this.#refusals = new ClientRefusals(options.surroundings.identity.name, options)
    this.#server = this.#createServer()
    this.#unfollow = options.tls.onChange(({ trustShrank }) => {
      // The complete set: what is left out here, Node resets.
      this.#server.setSecureContext(options.tls.secureContextOptions)
      if (!trustShrank) return
      this.#trust += 1
      this.#closeUntrusted()
    })
    this.#rotateLater()
  }

  accept(arrival: Arrival): void {
    const { socket } = arrival
    const key = keyOf(socket)
    const shaking = { arrival, trust: this.#trust }
    this.#remotes.set(socket, arrival.remoteAddress)
    this.#shaking.set(key, shaking)
    socket.once('close', () => {
      if (this.#shaking.get(key) === shaking) this.#shaking.delete(key)
    })
    this.#server.emit('connection', socket)
  }

  /** Gives up on handshakes under way. */
  drain(): void {
    for (const { arrival } of this.#shaking.values()) arrival.socket.destroy()
  }

  stop(): void {
    this.#unfollow()
    this.#rotation?.cancel()
  }

  #createServer(): Server {
    const { tls, http2, surroundings } = this.#options
    const server = createServer({
      ...tls.secureContextOptions,
      SNICallback: this.#onServerName(),
      ALPNProtocols: http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      handshakeTimeout: surroundings.limits.handshakeTimeoutMs,
    })
    server.on('secureConnection', (socket) => this.#onSecure(socket))
    server.on('tlsClientError', (error, socket) => this.#onFailure(error, socket))
    return server
  }

  #onServerName(): NonNullable<TlsOptions['SNICallback']> {
    const { tls } = this.#options
    const refusals = this.#refusals
    // Node calls it on the socket. Not documented, and needed for the audit alone: the first that is seen of a connection
    // whose client will be refused, and of one that is destroyed nobody can say what it showed.
    return function (this: unknown, servername, done) {
      if (tls.clientAuth === 'verify' && this instanceof TLSSocket) refusals.follow(this)
      done(null, tls.contextFor(servername))
    }
  }

  #onSecure(socket: TLSSocket): void {
    const shaking = this.#take(socket)
    if (shaking === undefined) {
      socket.destroy()
      return
    }
    const { tls, onSecure } = this.#options
    const { arrival, trust } = shaking
    const chain = tls.clientAuth === 'none' ? undefined : presentedChain(socket)
    const isVerified =
      chain !== undefined && tls.canVerify && socket.authorized && this.#isStillGood(chain, trust)
    const refusal = this.#refuse(chain, isVerified)
    if (refusal !== undefined) {
      socket.destroy()
      this.#options.surroundings.onConnectionCut('handshake_failed')
      this.#tell(refusal, arrival.remoteAddress, chain?.[0])
      return
    }
    if (chain !== undefined && isVerified) {
      this.#verified.set(socket, chain)
      socket.once('close', () => this.#verified.delete(socket))
    }
    const secured = { ...arrival, peer: chain && identityOf(chain[0], isVerified) }
    this.#logAgreement(socket, secured)
    onSecure(socket, secured)
  }

  /**
   * OpenSSL looks at a certificate when it is shown: by the trust of the moment the handshake began, and not at all when a
   * session is resumed. Whoever resumes was trusted by the trust of now, or the ticket could not have been opened; but the
   * certificate may have ended since.
   */
  #isStillGood(chain: PresentedChain, trust: number): boolean {
    const { tls, clock } = this.#options
    if (Date.parse(chain[0].validTo) <= clock.nowMs()) return false
    return trust === this.#trust || tls.isStillTrusted(chain)
  }

  /** What OpenSSL lets pass and we do not. */
  #refuse(chain: PresentedChain | undefined, isVerified: boolean): HandshakeFailure | undefined {
    const { clientAuth } = this.#options.tls
    if (clientAuth === 'none' || clientAuth === 'request') return undefined
    if (chain === undefined) return NO_CLIENT_CERTIFICATE
    return clientAuth === 'verify' && !isVerified ? NOT_TRUSTED_NOW : undefined
  }

  #onFailure(error: Error, socket: TLSSocket): void {
    const { tls, surroundings } = this.#options
    this.#take(socket)
    const { authorizationError, _parent: below } = socket as FailedSocket
    // Node sets it for a certificate that is missing as well, where it is not what the handshake failed for.
    const isJudged = tls.clientAuth === 'verify' && isNodeError(error, 'ECONNRESET')
    const failure = describeHandshakeFailure(error, {
      hosts: tls.certificateHosts,
      verdict: isJudged && authorizationError ? String(authorizationError) : undefined,
    })
    const isLate = isNodeError(error, 'ERR_TLS_HANDSHAKE_TIMEOUT')
    // Only OpenSSL sends alerts: who left, or was too slow, is told nothing.
    if (isOpenSslError(error)) lingerForAlert(socket, surroundings.lingering)
    socket.destroy()
    surroundings.onConnectionCut(isLate ? 'handshake_timeout' : 'handshake_failed', error)
    this.#tell(
      failure,
      (below && this.#remotes.get(below)) ?? 'unknown',
      this.#refusals.shownBy(socket),
    )
  }

  #tell(failure: HandshakeFailure, remote: string, shown: X509Certificate | undefined): void {
    const { cause, sentence, isOfCertificate = false } = failure
    if (isOfCertificate) this.#refusals.tell(failure, remote, shown)
    const told = this.#failures.admit(cause, remote)
    if (told === undefined) return
    const { untold } = told
    const fields = { remote, code: cause, ...(untold > 0 && { count: untold }) }
    const others =
      untold > 0 ? ' (count: failures since the last such line that were not told)' : ''
    this.#options.log.warn(fields, `TLS handshake failed: ${sentence}${others}`)
  }

  #logAgreement(socket: TLSSocket, { remoteAddress: remote, peer }: Arrival): void {
    const { log } = this.#options
    if (!log.isEnabled('debug')) return
    const fields = { remote, ...agreementOf(socket), ...(peer && { peer: peerLabel(peer) }) }
    log.debug(fields, 'TLS handshake done')
  }

  #take(socket: TLSSocket): Shaking | undefined {
    const key = keyOf(socket)
    const shaking = this.#shaking.get(key)
    this.#shaking.delete(key)
    return shaking
  }

  #rotateLater(): void {
    const { tls, clock } = this.#options
    this.#rotation = clock.after(tls.ticketKeys().forMs, () => {
      this.#server.setTicketKeys(tls.ticketKeys().key)
      // Certificates of clients end as well, without anybody telling.
      this.#closeUntrusted()
      this.#rotateLater()
    })
  }

  /** A client that would not be let in now must not stay because it came earlier. */
  #closeUntrusted(): void {
    const { tls, log } = this.#options
    let count = 0
    for (const [socket, chain] of this.#verified) {
      if (tls.isStillTrusted(chain)) continue
      count += 1
      this.#refusals.tell(NOT_TRUSTED_NOW, socket.remoteAddress ?? 'unknown', chain[0])
      socket.destroy()
    }
    if (count > 0) log.warn({ count }, 'connections closed: their clients are not trusted any more')
  }
}

function isOpenSslError({ code = '' }: NodeJS.ErrnoException): boolean {
  return code.startsWith('ERR_SSL_')
}

function keyOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`
}
