// The cipher suites of TLS 1.2 and below, by the names of the IANA registry, and which keys and versions they go with.
// Those of TLS 1.3 are all sound, so they are always on and not chosen from.
import type { TlsVersion } from './versions.ts'

/** What a certificate's key can sign or, with plain RSA key exchange, decrypt. */
export type SuiteKey = 'ec' | 'rsa'

interface Suite {
  readonly openssl: string
  readonly key: SuiteKey
  /** Authenticated encryption, which TLS 1.1 and below do not have. */
  readonly isAead: boolean
  /** A key that leaks later does not open what was recorded before. */
  readonly hasForwardSecrecy: boolean
}

const ecdhe = (key: SuiteKey, openssl: string, isAead: boolean): Suite => ({
  openssl: `ECDHE-${key === 'ec' ? 'ECDSA' : 'RSA'}-${openssl}`,
  key,
  isAead,
  hasForwardSecrecy: true,
})

const plainRsa = (openssl: string, isAead: boolean): Suite => ({
  openssl,
  key: 'rsa',
  isAead,
  hasForwardSecrecy: false,
})

/** Best first, which is also the order of preference among the defaults. */
const SUITES: Readonly<Record<string, Suite>> = {
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: ecdhe('ec', 'AES256-GCM-SHA384', true),
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: ecdhe('rsa', 'AES256-GCM-SHA384', true),
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: ecdhe('ec', 'CHACHA20-POLY1305', true),
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: ecdhe('rsa', 'CHACHA20-POLY1305', true),
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: ecdhe('ec', 'AES128-GCM-SHA256', true),
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: ecdhe('rsa', 'AES128-GCM-SHA256', true),
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384: ecdhe('ec', 'AES256-SHA384', false),
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384: ecdhe('rsa', 'AES256-SHA384', false),
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: ecdhe('ec', 'AES128-SHA256', false),
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: ecdhe('rsa', 'AES128-SHA256', false),
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: ecdhe('ec', 'AES256-SHA', false),
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: ecdhe('rsa', 'AES256-SHA', false),
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: ecdhe('ec', 'AES128-SHA', false),
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: ecdhe('rsa', 'AES128-SHA', false),
  TLS_RSA_WITH_AES_256_GCM_SHA384: plainRsa('AES256-GCM-SHA384', true),
  TLS_RSA_WITH_AES_128_GCM_SHA256: plainRsa('AES128-GCM-SHA256', true),
  TLS_RSA_WITH_AES_256_CBC_SHA256: plainRsa('AES256-SHA256', false),
  TLS_RSA_WITH_AES_128_CBC_SHA256: plainRsa('AES128-SHA256', false),
  TLS_RSA_WITH_AES_256_CBC_SHA: plainRsa('AES256-SHA', false),
  TLS_RSA_WITH_AES_128_CBC_SHA: plainRsa('AES128-SHA', false),
}

/** The names that a configuration may use. */
export const SUITE_NAMES: readonly string[] = Object.keys(SUITES)

const TLS13_SUITES = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
]

/** Which of the keys each of the suites needs. Names that are not known count for none. */
export function suiteKeys(names: readonly string[]): ReadonlySet<SuiteKey> {
  return new Set(names.flatMap((name) => SUITES[name]?.key ?? []))
}

/** Whether TLS 1.1 and 1.0 can be spoken with one of the suites. */
export function hasSuiteBelow12(names: readonly string[]): boolean {
  return names.some(isBelow12)
}

/** What is wrong with a list of suites without being an error: said at every start. */
export function weakSuites(names: readonly string[]): readonly string[] {
  return names.filter((name) => {
    const suite = SUITES[name]
    return suite !== undefined && !(suite.isAead && suite.hasForwardSecrecy)
  })
}

/**
 * Whether a listener with these limits may offer HTTP/2, which wants TLS 1.2 (RFC 9113 §9.2) and, up to that, forward secrecy
 * with authenticated encryption (§9.2.2). The protocol is settled before the suite is known, and a browser that then gets
 * another suite gives up.
 */
export function suitsHttp2(minVersion: TlsVersion, names: readonly string[] | undefined): boolean {
  if (minVersion < '1.2') return false
  if (minVersion === '1.3' || names === undefined) return true
  return weakSuites(names).length < names.length
}

/**
 * The `ciphers` of a context. Undefined stands for authenticated encryption with forward secrecy; with TLS 1.1 or 1.0, which
 * have no such suites, for the forward secrecy alone.
 *
 * OpenSSL's security level 0 is what lets TLS 1.1 and 1.0 sign with SHA-1; it is set in this string and so holds for this
 * context alone.
 */
export function toOpensslCiphers(
  names: readonly string[] | undefined,
  minVersion: TlsVersion,
): string {
  const isOld = minVersion < '1.2'
  const chosen = names ?? SUITE_NAMES.filter((name) => isDefault(name, isOld))
  const known = chosen.flatMap((name) => SUITES[name]?.openssl ?? [])
  return [...TLS13_SUITES, ...known, ...(isOld ? ['@SECLEVEL=0'] : [])].join(':')
}

function isDefault(name: string, isOld: boolean): boolean {
  const suite = SUITES[name]
  if (suite === undefined || !suite.hasForwardSecrecy) return false
  return suite.isAead || (isOld && isBelow12(name))
}

/** The others need the hashes of TLS 1.2 (RFC 5246 §1.2). */
function isBelow12(name: string): boolean {
  return name.endsWith('_CBC_SHA')
}
