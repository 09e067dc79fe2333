// The handshakes of the bench: what client and server agree on. The client offers nothing else, so every server is measured
// at the same; a handshake that turns out otherwise is an error.

/** The key of the server's certificate. */
export type CertificateKey = 'p256' | 'rsa2048'

export interface Handshake {
  readonly version: '1.2' | '1.3'
  readonly key: CertificateKey
  readonly group: 'X25519' | 'X25519MLKEM768'
  /** The client comes back with a ticket of the same server (RFC 8446 §2.2; TLS 1.2: RFC 5077). */
  readonly isResumed: boolean
}

/** A cipher suite by its name in OpenSSL and in the registry of IANA. */
interface Suite {
  readonly openssl: string
  readonly iana: string
}

const TLS13_SUITE: Suite = { openssl: 'TLS_AES_256_GCM_SHA384', iana: 'TLS_AES_256_GCM_SHA384' }
const TLS12_SUITE: Readonly<Record<CertificateKey, Suite>> = {
  p256: {
    openssl: 'ECDHE-ECDSA-AES256-GCM-SHA384',
    iana: 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
  },
  rsa2048: {
    openssl: 'ECDHE-RSA-AES256-GCM-SHA384',
    iana: 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  },
}

/** The only suite that the client offers. */
export function suiteOf({ version, key }: Handshake): Suite {
  return version === '1.3' ? TLS13_SUITE : TLS12_SUITE[key]
}

/**
 * The groups that the client offers, in the form of OpenSSL. In TLS 1.2 the list is also about the curve of the certificate
 * (RFC 8422 §5.1.1), so that one has to be in it; the servers prefer the other.
 */
export function groupsOf({ version, group }: Handshake): string {
  return version === '1.3' ? group : `${group}:P-256`
}

export function protocolOf({ version }: Handshake): 'TLSv1.2' | 'TLSv1.3' {
  return `TLSv${version}`
}

/** What the two ends agreed on, as the client sees it. */
export interface Agreement {
  readonly protocol: string | null
  /** IANA's name. */
  readonly suite: string
  /** Of the key exchange; undefined in what is expected where there is none, and then anything goes. */
  readonly group: string | undefined
  readonly isResumed: boolean
}

/** What the agreement must be. `isResumed` is that of this connection: a client without a ticket yet cannot resume. */
export function expectedAgreement(handshake: Handshake, isResumed: boolean): Agreement {
  // Resumption in TLS 1.2 makes new keys of the old secret, without another exchange (RFC 5246 §7.3).
  const exchangesKeys = handshake.version === '1.3' || !isResumed
  return {
    protocol: protocolOf(handshake),
    suite: suiteOf(handshake).iana,
    group: exchangesKeys ? handshake.group : undefined,
    isResumed,
  }
}

/** What is wrong with an agreement, as a sentence. */
export function faultOf(expected: Agreement, found: Agreement): string | undefined {
  if (found.isResumed !== expected.isResumed) {
    return expected.isResumed
      ? 'was to be resumed, and was full'
      : 'was to be full, and was resumed'
  }
  for (const what of ['protocol', 'suite', 'group'] as const) {
    const wanted = expected[what]
    if (wanted !== undefined && found[what] !== wanted) {
      return `agreed on the ${what} ${found[what] ?? 'none'}, not on ${wanted}`
    }
  }
  return undefined
}
