// What handshakes with servers bring to light: failures for the log, each once per cause and peer in a while; what was
// agreed on, at level debug; and the certificates that servers show, for their expiry.
import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../core/index.ts'
import type { Log } from '../observability/index.ts'
import { agreementOf } from './agreement.ts'
import { nameOf } from './chain.ts'
import type { PeerRefused } from './client-failure.ts'
import { FailureLog } from './failure-log.ts'
import { identityOf, peerLabel } from './identity.ts'
import type { Expiring } from './source.ts'
import { notAfterMs, notBeforeMs } from './validity.ts'

export interface ClientLogContext {
  readonly clock: Clock
  readonly log: Log
  /** Certificates of peers as handshakes show them; each once until it changes. */
  readonly onPeerCertificate?: (certificate: Expiring) => void
}

/** A chain that is longer is no chain but an attempt to keep us busy. */
const MAX_CHAIN = 10
/** Addresses of peers that are remembered, so that each certificate is told once. */
const MAX_TOLD = 1_000

export class ClientLog {
  readonly #context: ClientLogContext
  readonly #failures: FailureLog
  /** Fingerprints of the leaf certificates that were told, by address. */
  readonly #told = new Map<string, string>()

  constructor(context: ClientLogContext) {
    this.#context = context
    this.#failures = new FailureLog({ clock: context.clock })
  }

  refused({ message, mend, cause }: PeerRefused, address: string): void {
    const code = (cause as NodeJS.ErrnoException | undefined)?.code
    const told = this.#failures.admit(code ?? message, address)
    if (told === undefined) return
    const { untold } = told
    const fields = {
      address,
      ...(code !== undefined && { code }),
      ...(untold > 0 && { count: untold }),
    }
    const sentence = mend === undefined ? message : `${message}; ${mend}`
    const others =
      untold > 0 ? ' (count: failures since the last such line that were not told)' : ''
    this.#context.log.warn(fields, `TLS handshake failed: ${sentence}${others}`)
  }

  agreed(socket: TLSSocket, address: string, certificate: X509Certificate): void {
    const { log } = this.#context
    if (!log.isEnabled('debug')) return
    const peer = peerLabel(identityOf(certificate, socket.authorized))
    const fields = { address, ...agreementOf(socket), group: groupOf(socket), peer }
    log.debug(fields, 'TLS handshake done')
  }

  shown(leaf: X509Certificate, where: string): void {
    const { onPeerCertificate } = this.#context
    if (onPeerCertificate === undefined || this.#told.get(where) === leaf.fingerprint256) return
    if (this.#told.size >= MAX_TOLD) this.#told.clear()
    this.#told.set(where, leaf.fingerprint256)
    for (const each of chainOf(leaf)) {
      const subject = nameOf(each)
      onPeerCertificate({
        role: 'upstream',
        where,
        subject,
        notBeforeMs: notBeforeMs(each),
        notAfterMs: notAfterMs(each),
      })
    }
  }
}

/** OpenSSL's names of the NIST curves, in those of the configuration. */
const CURVES: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
}

/** On this side Node tells it, while the session does not have it yet. Node 22 has no name for the hybrids. */
function groupOf(socket: TLSSocket): string {
  const { name } = (socket.getEphemeralKeyInfo() ?? {}) as { readonly name?: string }
  return name === undefined ? 'unknown' : (CURVES[name] ?? name)
}

/** As far as the peer sent it. */
function chainOf(leaf: X509Certificate): readonly X509Certificate[] {
  const chain: X509Certificate[] = []
  for (let at: X509Certificate | undefined = leaf; at !== undefined; at = at.issuerCertificate) {
    chain.push(at)
    const isRoot = at.fingerprint256 === at.issuerCertificate?.fingerprint256
    if (chain.length === MAX_CHAIN || isRoot) break
  }
  return chain
}
