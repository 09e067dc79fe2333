// Why a client’s TLS handshake failed, in a sentence that says what to do: in the words of whoever runs the listener. The side
// of the gateway as a client has its own sentences, since a failure there is answered to somebody.

/** What is known of a handshake besides the error. */
export interface HandshakeFacts {
  /** `authorizationError` of the socket: why OpenSSL did not take the client’s certificate. */
  readonly verdict?: string | undefined
  /** Names that the listener’s certificates are for. */
  readonly hosts: readonly string[]
}

export interface HandshakeFailure {
  /** The same for the same cause, for logging it once: the code of Node or OpenSSL. */
  readonly cause: string
  readonly sentence: string
  /** It was for its certificate, or for want of one, that the client was refused. */
  readonly isOfCertificate?: true
}

const UNKNOWN_CLIENT_CA =
  'the client’s certificate is of an authority that is not in client_ca_file'
const NO_COMMON_VERSION =
  'no version of TLS in common: the client is too old, or min_version and max_version are too narrow'
const NOT_TLS = 'the client does not speak TLS'

/** Verdicts on a client’s certificate, by OpenSSL’s name. */
const VERDICTS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'the client’s certificate is self-signed, by no authority in client_ca_file',
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_CLIENT_CA,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_CLIENT_CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_CLIENT_CA,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: `${UNKNOWN_CLIENT_CA}, or came without its intermediate`,
  CERT_SIGNATURE_FAILURE:
    'the client’s certificate has a wrong signature: of an authority with the same name and another key',
  CERT_HAS_EXPIRED: 'the client’s certificate, or one above it, has expired',
  CERT_NOT_YET_VALID: 'the client’s certificate, or one above it, is not valid yet',
  CERT_REVOKED: 'the client’s certificate, or one above it, is revoked (crl_file)',
  INVALID_PURPOSE:
    'the client’s certificate is not for clients: it lacks extended key usage clientAuth',
  INVALID_CA: 'the client’s certificate was issued by one that is no authority',
  CRL_HAS_EXPIRED:
    'the revocation list of the client’s authority has expired: crl_file needs a new one',
  CRL_NOT_YET_VALID: 'the revocation list of the client’s authority is not valid yet',
  UNABLE_TO_GET_CRL: 'there is no revocation list of the client’s authority in crl_file',
  CERT_CHAIN_TOO_LONG: 'the chain of the client’s certificate is too long',
}

/** What OpenSSL reports of our side, by the end of its code: the beginning differs by version. */
const CAUSES: readonly (readonly [RegExp, string])[] = [
  [/_HTTP_REQUEST$/, 'the client speaks plain HTTP to the TLS port: use https:// there'],
  [/_(?:WRONG_VERSION_NUMBER|HTTPS_PROXY_REQUEST|PACKET_LENGTH_TOO_LONG)$/, NOT_TLS],
  [/_(?:UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW|INAPPROPRIATE_FALLBACK)$/, NO_COMMON_VERSION],
  [/ALERT_PROTOCOL_VERSION$/, NO_COMMON_VERSION],
  [
    /_NO_SHARED_CIPHER$/,
    'no cipher suite in common: see cipher_suites, and whether one goes with the certificate’s key; up to TLS 1.2 it may be the group, see curve_preferences',
  ],
  [
    /_NO_CIPHERS_AVAILABLE$/,
    'the listener has no cipher suite for the version of TLS that the client speaks: see cipher_suites, min_version and max_version',
  ],
  [
    /_(?:NO_SUITABLE_KEY_SHARE|NO_SUITABLE_GROUPS|NO_SHARED_GROUPS?|UNSUPPORTED_ELLIPTIC_CURVE)$/,
    'no key exchange group in common: see curve_preferences',
  ],
  [
    /_(?:NO_SUITABLE_SIGNATURE_ALGORITHM|NO_SHARED_SIGNATURE_ALGORITHMS)$/,
    'the client cannot verify signatures of the certificate’s kind of key',
  ],
  [/_NO_APPLICATION_PROTOCOL$/, 'the client offers neither HTTP/1.1 nor HTTP/2 (ALPN)'],
  [
    /ERR_TLS_HANDSHAKE_TIMEOUT$/,
    'the client did not finish the handshake in limits.handshake_timeout',
  ],
]

/** Alerts of the client about our certificate (RFC 8446 §6.2). */
const ALERTS: readonly (readonly [RegExp, string])[] = [
  [
    /ALERT_UNKNOWN_CA$/,
    'the client does not know the authority of the listener’s certificate: give it the CA',
  ],
  [/ALERT_CERTIFICATE_EXPIRED$/, 'the client says that the listener’s certificate has expired'],
  [/ALERT_CERTIFICATE_REVOKED$/, 'the client says that the listener’s certificate is revoked'],
  [
    /ALERT_UNSUPPORTED_CERTIFICATE$/,
    'the client does not take a certificate of this kind: see its key type and purposes',
  ],
]

const NAMES_SHOWN = 5

export function describeHandshakeFailure(
  error: NodeJS.ErrnoException,
  { verdict, hosts }: HandshakeFacts,
): HandshakeFailure {
  const { code = 'unknown' } = error
  if (verdict !== undefined) {
    const sentence = VERDICTS[verdict] ?? `the client’s certificate was not verified (${verdict})`
    return { cause: verdict, sentence, isOfCertificate: true }
  }
  if (code.endsWith('_PEER_DID_NOT_RETURN_A_CERTIFICATE')) {
    return { ...NO_CLIENT_CERTIFICATE, cause: code }
  }
  const known = [...CAUSES, ...ALERTS].find(([pattern]) => pattern.test(code))
  if (known !== undefined) return { cause: code, sentence: known[1] }
  if (/ALERT_(?:BAD_CERTIFICATE|CERTIFICATE_UNKNOWN)$/.test(code)) {
    // What OpenSSL, Go and browsers send for a name that the certificate does not have, some for an unknown authority too.
    const sentence = `the client does not accept the listener’s certificate: it does not know the authority, or asked for another name than ${listed(hosts)}`
    return { cause: code, sentence }
  }
  if (/PKCS#?11/i.test(error.message)) {
    const sentence = `the key in the HSM did not sign (${code}): see whether key and token are still there; the gateway finds them again when it is restarted`
    return { cause: code, sentence }
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    // Node and curl close without a word when they do not accept a certificate.
    const sentence = `the client left during the handshake; if it rejects the certificate: it needs the CA, and a name among ${listed(hosts)}`
    return { cause: code, sentence }
  }
  return { cause: code, sentence: `the handshake failed (${code})` }
}

/** The client let in by its handshake and sent away for want of a certificate: nothing verifies it, but it must be there. */
export const NO_CLIENT_CERTIFICATE: HandshakeFailure = {
  cause: 'NO_CLIENT_CERTIFICATE',
  sentence: 'the client has no certificate, and client_auth wants one',
  isOfCertificate: true,
}

/** Kept out although OpenSSL let it in: the certificate, or the trust in it, has ended since OpenSSL looked. */
export const NOT_TRUSTED_NOW: HandshakeFailure = {
  cause: 'NOT_TRUSTED_NOW',
  sentence:
    'the client’s certificate has expired since its session began, or is not trusted any more',
  isOfCertificate: true,
}

function listed(hosts: readonly string[]): string {
  if (hosts.length === 0) return 'those of the certificate, which has none'
  const more = hosts.length > NAMES_SHOWN ? ` and ${hosts.length - NAMES_SHOWN} more` : ''
  return `${hosts.slice(0, NAMES_SHOWN).join(', ')}${more}`
}
