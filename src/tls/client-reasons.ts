// One sentence per cause for which TLS with a server fails, from the codes of Node and OpenSSL.
import type { PeerCertificate } from 'node:tls'

export interface PeerExpectation {
  /** What the certificate must be for. */
  readonly name: string
  /** Whether the gateway has a certificate to show. */
  readonly hasOwnCertificate: boolean
}

export interface RefusalReason {
  /** What the peer showed or said. */
  readonly sentence: string
  /** What to do about it, in the words of the configuration. */
  readonly mend?: string
}

const NAMES_SHOWN = 10
const MAX_NAME_CHARS = 100

const UNKNOWN_AUTHORITY: RefusalReason = {
  sentence: 'the endpoint’s certificate was signed by an unknown authority',
  mend: 'name that authority in ca_cert',
}
const NO_COMMON_VERSION: RefusalReason = {
  sentence: 'the endpoint and the gateway have no version of TLS in common',
  mend: 'see min_version and max_version',
}
const NO_TLS: RefusalReason = {
  sentence: 'the endpoint does not speak TLS on this port',
  mend: 'correct the port of the URL, or the server',
}
const RENEW = 'renew the certificate of the server'

/** By Node's code or OpenSSL's. */
const REASONS: Readonly<Record<string, RefusalReason>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: {
    sentence: `${UNKNOWN_AUTHORITY.sentence}, or came without its intermediate`,
    mend: 'name that authority in ca_cert, or have the server send its whole chain',
  },
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  CERT_SIGNATURE_FAILURE: UNKNOWN_AUTHORITY,
  CERT_UNTRUSTED: UNKNOWN_AUTHORITY,
  DEPTH_ZERO_SELF_SIGNED_CERT: {
    sentence: 'the endpoint’s certificate is self-signed and not trusted',
    mend: 'name it in ca_cert, or give the server one of an authority',
  },
  CERT_HAS_EXPIRED: {
    sentence: 'the endpoint’s certificate, or one above it, has expired',
    mend: RENEW,
  },
  CERT_NOT_YET_VALID: {
    sentence: 'the endpoint’s certificate, or one above it, is not valid yet',
    mend: 'look at the clocks of both machines',
  },
  CERT_REVOKED: { sentence: 'the endpoint’s certificate is revoked', mend: RENEW },
  INVALID_PURPOSE: {
    sentence: 'the endpoint’s certificate is not for servers',
    mend: 'issue it with extended key usage serverAuth',
  },
  INVALID_CA: { sentence: 'the endpoint’s certificate was signed by one that is no authority' },
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  ERR_SSL_UNSUPPORTED_PROTOCOL: NO_COMMON_VERSION,
  ERR_SSL_NO_PROTOCOLS_AVAILABLE: NO_COMMON_VERSION,
  ERR_SSL_NO_CIPHERS_AVAILABLE: {
    sentence: 'the gateway has no cipher suite for the versions of TLS that it may speak here',
    mend: 'see cipher_suites, min_version and max_version',
  },
}

/** By the end of the code: the beginning differs by version. */
const ALERTS: readonly (readonly [RegExp, RefusalReason])[] = [
  [/ALERT_PROTOCOL_VERSION$/, NO_COMMON_VERSION],
  [
    /ALERT_UNRECOGNIZED_NAME$/,
    {
      sentence: 'the endpoint does not know the name that it was asked for',
      mend: 'set server_name to one that it has',
    },
  ],
  [
    /ALERT_NO_APPLICATION_PROTOCOL$/,
    { sentence: 'the endpoint speaks neither HTTP/1.1 nor HTTP/2' },
  ],
]

/** Alerts with which a server says that it does not like what the client showed, or did not show (RFC 8446 §6.2). */
const ABOUT_US =
  /ALERT_(?:CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED|CERTIFICATE_EXPIRED|CERTIFICATE_UNKNOWN|UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR)$/

const GIVE_ONE = 'set cert_file and key_file to a certificate that the server takes'

export function reasonOf(error: Error, expectation: PeerExpectation): RefusalReason {
  const { code = '' } = error as NodeJS.ErrnoException
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return otherNames(error, expectation.name)
  const known = REASONS[code] ?? ALERTS.find(([pattern]) => pattern.test(code))?.[1]
  if (known !== undefined) return known
  if (ABOUT_US.test(code)) return aboutUs(code, expectation)
  // Up to TLS 1.2 this one alert stands for a missing client certificate as well as for nothing in common.
  if (code.endsWith('ALERT_HANDSHAKE_FAILURE')) {
    const common = 'no version, suite or group in common'
    const sentence = expectation.hasOwnCertificate
      ? `the endpoint refused the TLS handshake: ${common}, or a client certificate that it does not accept`
      : `the endpoint refused the TLS handshake: it wants a client certificate and the gateway has none for it, or there is ${common}`
    return { sentence, mend: GIVE_ONE }
  }
  if (/PKCS#?11/i.test(error.message)) {
    const sentence = 'the gateway could not sign with the key of its client certificate'
    const mend = 'see whether key and token are still there; a restart finds them again'
    return { sentence, mend }
  }
  return { sentence: `TLS with the endpoint failed (${code})` }
}

function aboutUs(code: string, { hasOwnCertificate }: PeerExpectation): RefusalReason {
  const alert = code
    .replace(/^.*ALERT_/, '')
    .toLowerCase()
    .replaceAll('_', ' ')
  const sentence = hasOwnCertificate
    ? `the endpoint did not accept the gateway’s client certificate (${alert})`
    : 'the endpoint wants a client certificate, and the gateway has none for it'
  return { sentence, mend: GIVE_ONE }
}

function otherNames(error: Error, name: string): RefusalReason {
  const { cert } = error as Error & { readonly cert?: PeerCertificate }
  // What the peer wrote goes into logs and answers: a few names, cut, and nothing that is not a name.
  const names = (cert?.subjectaltname ?? '').split(', ').flatMap((entry) => {
    return /^(?:DNS|IP Address):([\w.:*-]+)$/.exec(entry)?.[1]?.slice(0, MAX_NAME_CHARS) ?? []
  })
  const shown = names.slice(0, NAMES_SHOWN).join(', ')
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : ''
  const has = names.length === 0 ? 'it has no names' : `it is for ${shown}${more}`
  return {
    sentence: `the endpoint’s certificate is not for ${name}: ${has}`,
    mend: 'correct the URL, or set server_name to one of them',
  }
}
