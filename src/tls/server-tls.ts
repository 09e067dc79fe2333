// TLS of a listener: its certificates and whom it trusts, kept at what the files say. Gives what a TLS server is made with;
// speaking TLS, and closing connections after a change, is the listener's business.
import { constants } from 'node:crypto'
import { createSecureContext, type SecureContext, type TlsOptions } from 'node:tls'
import type { Clock } from '../core/index.ts'
import type { Credential } from './credential.ts'
import { TlsMaterialError } from './material.ts'
import { hostsOf } from './names.ts'
import { ServerContexts } from './server-contexts.ts'
import { readServerMaterial, type ServerMaterial } from './server-material.ts'
import type { ClientAuth, ServerTlsOptions } from './server-options.ts'
import { warnAboutServerTls } from './server-warnings.ts'
import type { Expiring, TlsSource } from './source.ts'
import { toOpensslCiphers } from './suites.ts'
import { TicketKeys } from './tickets.ts'
import { hasShrunk, isStillTrusted, type PresentedChain } from './trust.ts'
import { toNodeVersion } from './versions.ts'

export interface ServerTlsContext {
  /** For logs and metrics: `listener 127.0.0.1:8443`. */
  readonly name: string
  readonly clock: Clock
  /** What session tickets are sealed with: shared by replicas that resume each other’s sessions. */
  readonly ticketSecret?: string | undefined
}

export interface TlsChange {
  /** Somebody who was let in before may not be any more. */
  readonly trustShrank: boolean
}

export interface ServerTls extends TlsSource {
  readonly clientAuth: ClientAuth
  /** Whether `authorized` of a socket means anything: there are authorities that could have vouched for it. */
  readonly canVerify: boolean
  /** DNS names (lower case, wildcards as written) and IP addresses of all certificates. */
  readonly certificateHosts: readonly string[]
  /** What is unsafe or left out, one sentence each; said at every start. */
  readonly warnings: readonly string[]
  /**
   * For `createServer` and `setSecureContext`; always the complete set, since Node resets what is left out when a context is
   * replaced: the oldest version, the authorities, the revocation lists.
   */
  readonly secureContextOptions: TlsOptions
  /** The context for a name as a client sent it. Undefined: that of the server. */
  contextFor(servername: string): SecureContext | undefined
  /** The key that seals tickets from now on, and how long. */
  ticketKeys(): { readonly key: Buffer; readonly forMs: number }
  /** Whether a client that was verified when it connected would be let in now. */
  isStillTrusted(presented: PresentedChain): boolean
  /** `listener` hears of every reload that changed something, until the returned function is called. */
  onChange(listener: (change: TlsChange) => void): () => void
}

/** @throws TlsMaterialError when a file cannot be used. */
export function createServerTls(options: ServerTlsOptions, context: ServerTlsContext): ServerTls {
  return new FileServerTls(options, context)
}

/** How long a ticket is taken (at most seven days, RFC 8446 §4.6.1); its key may end before that. */
const SESSION_TIMEOUT_SECONDS = 3_600
/** OpenSSL's limit for the context that sessions belong to, in bytes of its text. */
const SESSION_ID_CONTEXT_CHARS = 32

class FileServerTls implements ServerTls {
  readonly name: string
  readonly warnings: readonly string[]
  readonly #options: ServerTlsOptions
  readonly #clock: Clock
  readonly #tickets: TicketKeys
  readonly #listeners = new Set<(change: TlsChange) => void>()
  #material: ServerMaterial
  #contexts: ServerContexts

  constructor(options: ServerTlsOptions, { name, clock, ticketSecret }: ServerTlsContext) {
    this.name = name
    this.#options = options
    this.#clock = clock
    this.#tickets = new TicketKeys({ secret: ticketSecret, rotationMs: options.ticketRotationMs })
    this.#material = this.#read()
    this.#contexts = this.#createContexts(this.#material)
    this.warnings = warnAboutServerTls(options).map(({ key, message }) => `${key}: ${message}`)
  }

  get clientAuth(): ClientAuth {
    return this.#options.clientAuth
  }

  get canVerify(): boolean {
    return this.#material.trust.authorities !== undefined
  }

  get files(): readonly string[] {
    const { credentials, trust } = this.#material
    return [...credentials.flatMap(({ files }) => files), ...trust.files]
  }

  get expiring(): readonly Expiring[] {
    const { credentials, trust } = this.#material
    return [...credentials.flatMap(({ expiring }) => expiring), ...trust.expiring]
  }

  get certificateHosts(): readonly string[] {
    const hosts = this.#material.credentials.flatMap(({ chain }) => hostsOf(chain[0]))
    return [...new Set(hosts)]
  }

  get secureContextOptions(): TlsOptions {
    return this.#optionsFor(this.#material, this.#material.plan.fallback)
  }

  contextFor(servername: string): SecureContext | undefined {
    return this.#contexts.find(servername)
  }

  ticketKeys(): { readonly key: Buffer; readonly forMs: number } {
    const nowMs = this.#clock.nowMs()
    const key = this.#tickets.keyAt(nowMs, this.#material.trust.fingerprint)
    return { key, forMs: this.#tickets.untilNextMs(nowMs) }
  }

  isStillTrusted(presented: PresentedChain): boolean {
    return isStillTrusted(this.#material.trust, presented, this.#clock.nowMs())
  }

  reload(): boolean {
    const before = this.#material
    const after = this.#read()
    if (after.digest === before.digest) return false
    // Everything that can fail has by now.
    const contexts = this.#createContexts(after)
    this.#material = after
    this.#contexts = contexts
    const change = { trustShrank: hasShrunk(before.trust, after.trust) }
    for (const listener of this.#listeners) listener(change)
    return true
  }

  onChange(listener: (change: TlsChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #read(): ServerMaterial {
    const reading = readServerMaterial(this.#options, this.#clock.nowMs())
    if (reading.ok) return reading.value
    const [first, ...others] = reading.problems
    if (first === undefined) throw new Error('a reading that failed without a problem')
    throw new TlsMaterialError(first, ...others)
  }

  #createContexts(material: ServerMaterial): ServerContexts {
    return new ServerContexts(material.plan, (credentials) =>
      createSecureContext(this.#optionsFor(material, credentials)),
    )
  }

  #optionsFor(material: ServerMaterial, credentials: readonly Credential[]): TlsOptions {
    const { minVersion, maxVersion, cipherSuites, clientAuth } = this.#options
    const { authorities, lists, fingerprint } = material.trust
    return {
      cert: credentials.map(({ context }) => context.cert),
      ...keysOf(credentials),
      minVersion: toNodeVersion(minVersion),
      maxVersion: toNodeVersion(maxVersion),
      ciphers: toOpensslCiphers(cipherSuites, minVersion),
      honorCipherOrder: true,
      ecdhCurve: material.groups.groups.join(':'),
      // A client could make the server redo the costly half of a handshake again and again (CVE-2011-1473).
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      requestCert: clientAuth !== 'none',
      rejectUnauthorized: clientAuth === 'verify',
      // An empty list is not none: with none Node takes the authorities of the web, and anybody can have one of theirs.
      ca: [...(authorities?.pems ?? [])],
      ...(lists && { crl: [...lists.pems] }),
      sessionTimeout: SESSION_TIMEOUT_SECONDS,
      // Node's own is made of the command line, which differs between replicas.
      sessionIdContext: fingerprint.toString('hex').slice(0, SESSION_ID_CONTEXT_CHARS),
      ticketKeys: this.#tickets.keyAt(this.#clock.nowMs(), fingerprint),
    }
  }
}

/** Keys in memory, or the one in an engine: Node takes no others beside it. */
function keysOf(credentials: readonly Credential[]): TlsOptions {
  const engine = credentials.find(({ context }) => 'privateKeyEngine' in context)?.context
  if (engine !== undefined && 'privateKeyEngine' in engine) {
    const { privateKeyEngine, privateKeyIdentifier } = engine
    return { privateKeyEngine, privateKeyIdentifier }
  }
  return { key: credentials.flatMap(({ context }) => ('key' in context ? context.key : [])) }
}
