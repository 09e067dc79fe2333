// TLS towards servers: one set of trust, certificate and limits, kept at what its files say. Gives what tls.connect needs
// and checks what Node leaves open: pins, and everything about resumed sessions. Makes no connections itself.
import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import {
  checkServerIdentity,
  createSecureContext,
  type ConnectionOptions,
  type PeerCertificate,
  type SecureContext,
  type TLSSocket,
} from 'node:tls'
import { explainPeerFailure, PeerRefused } from './client-failure.ts'
import { ClientLog, type ClientLogContext } from './client-log.ts'
import { readClientMaterial, type ClientMaterial } from './client-material.ts'
import type { ClientTlsOptions } from './client-options.ts'
import { ClientSessions } from './client-sessions.ts'
import { warnAboutClientTls } from './client-warnings.ts'
import { valueOf } from './material.ts'
import { isPinned } from './pins.ts'
import type { Expiring, TlsSource } from './source.ts'
import { notAfterMs } from './validity.ts'

export interface ClientTlsContext extends ClientLogContext {
  /** For logs and metrics: `server weather`. */
  readonly name: string
}

/** Where a connection goes. IPv6 without brackets. */
export interface PeerAddress {
  readonly host: string
  readonly port: number
}

/** One handshake under way, with the material of the moment it began. */
export interface ClientHandshake {
  /** For tls.connect, besides address and ALPN. */
  readonly options: ConnectionOptions
  /**
   * To be called on `secureConnect`, before anything else reads the socket's certificate or writes to it.
   * Returns why the peer is refused, or undefined when it is who it must be.
   */
  check(socket: TLSSocket): PeerRefused | undefined
  /** What it means when the peer closes the connection right afterwards, without an alert. */
  closedEarly(): PeerRefused
}

export interface ClientTls extends TlsSource {
  /** What is unsafe about these options, one sentence each; said at every start. */
  readonly warnings: readonly string[]
  beginHandshake(peer: PeerAddress): ClientHandshake
  /**
   * The failure of a connection as a sentence for people, which goes into the log as well, once per cause and peer in a
   * while. Undefined when it is not TLS's.
   */
  explain(error: Error, peer: PeerAddress): PeerRefused | undefined
  /** `listener` hears of every reload that changed something, until the returned function is called. */
  onChange(listener: () => void): () => void
}

/** @throws TlsMaterialError when a file cannot be used. */
export function createClientTls(options: ClientTlsOptions, context: ClientTlsContext): ClientTls {
  return new FileClientTls(options, context)
}

/** What a reload replaces as a whole, so that no session outlives the trust it was made under. */
interface Generation {
  readonly material: ClientMaterial
  readonly secureContext: SecureContext
  readonly sessions: ClientSessions
}

class FileClientTls implements ClientTls {
  readonly name: string
  readonly warnings: readonly string[]
  readonly #options: ClientTlsOptions
  readonly #context: ClientTlsContext
  readonly #listeners = new Set<() => void>()
  readonly #log: ClientLog
  #current: Generation

  constructor(options: ClientTlsOptions, context: ClientTlsContext) {
    this.name = context.name
    this.#options = options
    this.#context = context
    this.warnings = warnAboutClientTls(options).map(({ message }) => message)
    this.#log = new ClientLog(context)
    this.#current = generationOf(this.#read())
  }

  get files(): readonly string[] {
    return this.#current.material.files
  }

  get expiring(): readonly Expiring[] {
    return this.#current.material.expiring
  }

  reload(): boolean {
    const material = this.#read()
    if (material.digest === this.#current.material.digest) return false
    this.#current = generationOf(material)
    for (const listener of this.#listeners) listener()
    return true
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  beginHandshake(peer: PeerAddress): ClientHandshake {
    const { secureContext, sessions } = this.#current
    const address = addressOf(peer)
    const offered = sessions.get(address)
    const { insecureSkipVerify, checkHostname } = this.#options
    const name = this.#nameOf(peer)
    return {
      options: {
        secureContext,
        rejectUnauthorized: !insecureSkipVerify,
        // RFC 6066 §3: a DNS name, without a trailing dot; an address is never sent.
        servername: isIP(name) === 0 ? name.replace(/\.$/, '') : '',
        checkServerIdentity: (_, certificate: PeerCertificate) =>
          checkHostname ? checkServerIdentity(name, certificate) : undefined,
        ...(offered && { session: offered.session }),
      },
      closedEarly: () => this.#closedEarly(),
      check: (socket) => {
        // A resumed session shows no certificate: it has the one of the handshake that began it.
        const isResumed = socket.isSessionReused()
        const certificate = isResumed ? offered?.certificate : socket.getPeerX509Certificate()
        const problem = this.#refuse(certificate, isResumed)
        if (problem !== undefined) {
          sessions.delete(address)
          return problem
        }
        if (certificate === undefined) return undefined
        this.#log.agreed(socket, address, certificate)
        if (!isResumed) this.#log.shown(certificate, address)
        sessions.follow(address, socket, certificate)
        return undefined
      },
    }
  }

  explain(error: Error, peer: PeerAddress): PeerRefused | undefined {
    const refusal = explainPeerFailure(error, {
      name: this.#nameOf(peer),
      hasOwnCertificate: this.#options.credential !== undefined,
    })
    if (refusal !== undefined) this.#log.refused(refusal, addressOf(peer))
    return refusal
  }

  #read(): ClientMaterial {
    return valueOf(readClientMaterial(this.#options, this.#context.clock.nowMs()))
  }

  #closedEarly(): PeerRefused {
    const what = this.#options.credential === undefined ? 'were missing' : 'did not suit it'
    return new PeerRefused(
      `the endpoint closed the connection right after the TLS handshake, as if the gateway’s client certificate ${what}`,
    )
  }

  #nameOf({ host }: PeerAddress): string {
    return this.#options.serverName ?? host
  }

  #refuse(certificate: X509Certificate | undefined, isResumed: boolean): PeerRefused | undefined {
    if (this.#options.insecureSkipVerify) return undefined
    const { pins } = this.#current.material
    // Node verifies a certificate when it is shown. One that ran out since is not shown again on resumption.
    const nowMs = this.#context.clock.nowMs()
    if (isResumed && (certificate === undefined || notAfterMs(certificate) <= nowMs)) {
      return new PeerRefused('the endpoint’s certificate has expired', { mend: 'renew it' })
    }
    if (pins.length === 0) return undefined
    if (certificate !== undefined && isPinned(certificate, pins)) return undefined
    return new PeerRefused('the endpoint’s certificate is none of the pinned ones', {
      mend: 'see whether it was renewed rightly, then add its digest to the pins',
    })
  }
}

function generationOf(material: ClientMaterial): Generation {
  const secureContext = createSecureContext(material.contextOptions)
  return { material, secureContext, sessions: new ClientSessions() }
}

function addressOf({ host, port }: PeerAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
