// What one TLS configuration made from files tells to whoever watches those files: which they are, when they expire, and
// how to read them anew. What is done with a change is the owner's business.

export interface TlsSource {
  /** For logs, metrics and readiness: `listener 127.0.0.1:8443`, `server weather`. */
  readonly name: string
  /** Every file that was read, absolute. May change with a reload. */
  readonly files: readonly string[]
  /** Certificates in use, for expiry: own (leaf and chain), and trusted authorities; CRLs' nextUpdate likewise. */
  readonly expiring: readonly Expiring[]
  /**
   * Reads all files anew. Returns whether anything changed.
   * @throws TlsMaterialError on a problem; what was good stays in use.
   */
  reload(): boolean
}

/** Something with an end: a certificate, or a revocation list that has to be renewed. */
export interface Expiring {
  readonly role: 'server' | 'client' | 'ca' | 'crl' | 'upstream'
  /** File, or for certificates seen in a handshake the peer. */
  readonly where: string
  readonly subject: string
  /** Beginning of its validity, a list's thisUpdate: what lives for a week is not called late from its first day on. */
  readonly notBeforeMs?: number
  readonly notAfterMs: number
}
