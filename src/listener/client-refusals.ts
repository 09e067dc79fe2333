// Clients that were refused for their certificate, as the audit has them: who, from where, why. Each once per cause, address and
// certificate in a while, and no more than a person can read, as in the log.
import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../core/index.ts'
import { noAudit, type Audit, type AuditedCertificate } from '../observability/index.ts'
import { FailureLog, identityOf, type HandshakeFailure } from '../tls/index.ts'

export class ClientRefusals {
  readonly #listener: string
  readonly #audit: Audit
  readonly #told: FailureLog
  /** Of sockets whose handshake is done, or was until the client was refused. */
  readonly #shown = new WeakMap<TLSSocket, X509Certificate>()

  constructor(
    listener: string,
    { audit, clock }: { readonly audit: Audit; readonly clock: Clock },
  ) {
    this.#listener = listener
    this.#audit = audit
    this.#told = new FailureLog({ clock })
  }

  /** Before the handshake is done: remembers what the client shows, as Node destroys the socket of one that it refuses. */
  follow(socket: TLSSocket): void {
    if (this.#audit === noAudit) return
    socket.prependOnceListener('secure', () => {
      const certificate = socket.getPeerX509Certificate()
      if (certificate !== undefined) this.#shown.set(socket, certificate)
    })
  }

  shownBy(socket: TLSSocket): X509Certificate | undefined {
    return this.#shown.get(socket)
  }

  tell(
    { cause, sentence: reason }: HandshakeFailure,
    remote: string,
    shown: X509Certificate | undefined,
  ): void {
    if (this.#audit === noAudit) return
    const told = this.#told.admit(cause, `${remote} ${shown?.fingerprint256 ?? ''}`)
    if (told === undefined) return
    this.#audit.record('client_certificate_refused', {
      listener: this.#listener,
      remote,
      cause,
      reason,
      ...(shown && { certificate: describe(shown) }),
      ...(told.untold > 0 && { untold: told.untold }),
    })
  }
}

function describe(certificate: X509Certificate): AuditedCertificate {
  const { subject, issuer, serialNumber, fingerprint256, spiffeId } = identityOf(certificate, false)
  return { subject, issuer, serialNumber, fingerprint256, spiffeId }
}
