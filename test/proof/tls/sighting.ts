// What a client saw of a listener, in words of the standards that are the same for every client.

export type Version = '1.0' | '1.1' | '1.2' | '1.3'

export const VERSIONS: readonly Version[] = ['1.0', '1.1', '1.2', '1.3']

export type Sighting =
  /** The handshake was done, and what was asked over it was answered. */
  | {
      readonly kind: 'agreed'
      readonly version: Version
      /** IANA name. */
      readonly suite: string
      /** Undefined: the suite has none, or the tool does not tell. */
      readonly group?: string | undefined
      readonly protocol?: string | undefined
    }
  | { readonly kind: 'refused'; readonly alert: string }
  /** The listener closed the connection without an alert. */
  | { readonly kind: 'closed' }
  /** The listener answered with a version that is older than what was offered, and the client did not want that one. */
  | { readonly kind: 'declined' }
  /** The tool does not know what it was told to offer. */
  | { readonly kind: 'unable' }

/** RFC 8446 §6, RFC 7507, RFC 7301; 100 is from RFC 5246 §7.2.2. */
const ALERTS: ReadonlyMap<number, string> = new Map([
  [10, 'unexpected_message'],
  [40, 'handshake_failure'],
  [42, 'bad_certificate'],
  [43, 'unsupported_certificate'],
  [44, 'certificate_revoked'],
  [45, 'certificate_expired'],
  [46, 'certificate_unknown'],
  [47, 'illegal_parameter'],
  [48, 'unknown_ca'],
  [70, 'protocol_version'],
  [71, 'insufficient_security'],
  [80, 'internal_error'],
  [86, 'inappropriate_fallback'],
  [100, 'no_renegotiation'],
  [112, 'unrecognized_name'],
  [116, 'certificate_required'],
  [120, 'no_application_protocol'],
])

export function refusedWith(alert: number | string): Sighting {
  return { kind: 'refused', alert: ALERTS.get(Number(alert)) ?? `alert ${alert}` }
}

/** `TLSv1`, `TLSv1.2` and `TLS1.2` are what tools write. */
export function versionOf(written: string): Version {
  const number = written.replace(/^TLSv?/, '')
  const version = number === '1' ? '1.0' : number
  if (!isVersion(version)) throw new Error(`expected a version of TLS, got ${written}`)
  return version
}

function isVersion(text: string): text is Version {
  return VERSIONS.some((each) => each === text)
}

/** Names of groups as tools write them, in lower case, and as `curve_preferences` does. */
const GROUPS: Readonly<Record<string, string>> = {
  x25519: 'X25519',
  ecdh_x25519: 'X25519',
  '25519': 'X25519',
  x448: 'X448',
  '448': 'X448',
  'p-256': 'P-256',
  secp256r1: 'P-256',
  prime256v1: 'P-256',
  'p-384': 'P-384',
  secp384r1: 'P-384',
  'p-521': 'P-521',
  secp521r1: 'P-521',
  x25519mlkem768: 'X25519MLKEM768',
  secp256r1mlkem768: 'SecP256r1MLKEM768',
  secp384r1mlkem1024: 'SecP384r1MLKEM1024',
}

export function groupOf(written: string): string {
  return GROUPS[written.toLowerCase()] ?? written
}

/** Numbers of the IANA registry of supported groups. */
export const GROUP_NUMBERS: ReadonlyMap<number, string> = new Map([
  [23, 'P-256'],
  [24, 'P-384'],
  [25, 'P-521'],
  [29, 'X25519'],
  [30, 'X448'],
  [4_587, 'SecP256r1MLKEM768'],
  [4_588, 'X25519MLKEM768'],
  [4_589, 'SecP384r1MLKEM1024'],
])

/** Cipher suites by the number of the IANA registry. Written down here, so that a wrong name in the product shows. */
const SUITES: readonly (readonly [number, string])[] = [
  [0x1301, 'TLS_AES_128_GCM_SHA256'],
  [0x1302, 'TLS_AES_256_GCM_SHA384'],
  [0x1303, 'TLS_CHACHA20_POLY1305_SHA256'],
  [0xc02c, 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'],
  [0xc030, 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'],
  [0xcca9, 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256'],
  [0xcca8, 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256'],
  [0xc02b, 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'],
  [0xc02f, 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'],
  [0xc024, 'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384'],
  [0xc028, 'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384'],
  [0xc023, 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256'],
  [0xc027, 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256'],
  [0xc00a, 'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA'],
  [0xc014, 'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA'],
  [0xc009, 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA'],
  [0xc013, 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA'],
  [0x009d, 'TLS_RSA_WITH_AES_256_GCM_SHA384'],
  [0x009c, 'TLS_RSA_WITH_AES_128_GCM_SHA256'],
  [0x003d, 'TLS_RSA_WITH_AES_256_CBC_SHA256'],
  [0x003c, 'TLS_RSA_WITH_AES_128_CBC_SHA256'],
  [0x0035, 'TLS_RSA_WITH_AES_256_CBC_SHA'],
  [0x002f, 'TLS_RSA_WITH_AES_128_CBC_SHA'],
]

export const SUITE_NUMBERS: ReadonlyMap<number, string> = new Map(SUITES)

export const isTls13Suite = (suite: string): boolean => !suite.includes('_WITH_')

/** Those that can be chosen, which are those of TLS 1.2 and below. */
export const OLD_SUITES: readonly string[] = [...SUITE_NUMBERS.values()].filter(
  (suite) => !isTls13Suite(suite),
)

export const TLS13_SUITES: readonly string[] = [...SUITE_NUMBERS.values()].filter(isTls13Suite)

/** What a handshake is begun with; whatever is left out, the tool’s own habit. */
export interface Offer {
  readonly version?: Version
  /** The only suite, by IANA name. */
  readonly suite?: string
  /** The only group. */
  readonly group?: string
  readonly certificate?: { readonly certFile: string; readonly keyFile: string } | undefined
  /**
   * Nothing is asked over the connection, as the listener is expected to end it: in TLS 1.3 it says no to a client that takes
   * the handshake for done, and what that one sends meanwhile can make the alert get lost (RFC 1122 §4.2.2.13).
   */
  readonly silent?: boolean
  /** HTTP/1.1 only, where the tool would speak HTTP/2. */
  readonly http1?: boolean
}

export interface Target {
  readonly port: number
  readonly caFile: string
}

/** A request that ends the connection with its answer. */
export const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
