// The listeners that are looked at: one for each version, suite, group and way to ask for certificates.
import type { GROUP_NAMES } from '../../../src/tls/groups.ts'
import type { TestLeaf } from '../../support/pki.ts'
import { OLD_SUITES, type Sighting, type Version, VERSIONS } from './sighting.ts'

export interface Setting {
  /** As it is written in the configuration, and as the rows of the page are called. */
  readonly name: string
  /** The keys of `listeners[].tls` besides the certificate. */
  readonly tls: Readonly<Record<string, unknown>>
  readonly key?: 'ec' | 'rsa'
  readonly http2?: boolean
}

export const DEFAULTS: Setting = { name: 'defaults, EC key', tls: {} }
export const DEFAULTS_RSA: Setting = { name: 'defaults, RSA key', tls: {}, key: 'rsa' }

/** What nobody should run, and what every judge of the defaults must find fault with. */
export const WEAK: Setting = {
  name: 'TLS 1.0 and a suite without forward secrecy',
  tls: { min_version: '1.0', cipher_suites: ['TLS_RSA_WITH_AES_128_CBC_SHA'] },
  key: 'rsa',
}

export interface VersionSetting extends Setting {
  readonly min: Version
  readonly max: Version
}

const fromTo = (min: Version, max: Version): VersionSetting => ({
  name: `min_version: "${min}", max_version: "${max}"`,
  tls: { min_version: min, max_version: max },
  min,
  max,
})

export const VERSION_SETTINGS: readonly VersionSetting[] = [
  { ...DEFAULTS, name: 'default', min: '1.2', max: '1.3' },
  ...VERSIONS.map((version) => fromTo(version, version)),
  fromTo('1.0', '1.3'),
]

export function allowedBy({ min, max }: VersionSetting): readonly Version[] {
  return VERSIONS.filter((version) => version >= min && version <= max)
}

/** What comes of offering one version. */
export function expectedOf({ min, max }: VersionSetting, offered: Version): Partial<Sighting> {
  if (offered >= min && offered <= max) return { kind: 'agreed', version: offered }
  // TLS 1.3 says what it is ready for version by version; before it a client named its newest, and got what the listener had.
  const isNegotiatedDown = offered > max && offered !== '1.3'
  return isNegotiatedDown ? { kind: 'declined' } : { kind: 'refused', alert: 'protocol_version' }
}

export interface SuiteSetting extends Setting {
  readonly suite: string
  /** Goes with the same key, but is not allowed. */
  readonly other: string
}

export const SUITE_SETTINGS: readonly SuiteSetting[] = OLD_SUITES.map((suite) => ({
  name: suite,
  tls: { max_version: '1.2', cipher_suites: [suite] },
  key: suite.includes('ECDSA') ? 'ec' : 'rsa',
  suite,
  other: suite.includes('AES_256')
    ? suite.replace('AES_256', 'AES_128').replace('SHA384', 'SHA256')
    : suite.replace(/(?:AES_128|CHACHA20).*/, 'AES_256_CBC_SHA'),
}))

/** A browser does not speak HTTP/2 with this suite. */
export const HTTP2_FORBIDDEN: Setting = {
  name: 'HTTP/2 with a suite that it forbids',
  tls: { max_version: '1.2', cipher_suites: ['TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA'] },
  key: 'rsa',
}

export type Group = (typeof GROUP_NAMES)[number]

export interface GroupSetting extends Setting {
  readonly group: Group
}

export const CLASSIC_GROUPS: readonly Group[] = ['X25519', 'X448', 'P-256', 'P-384', 'P-521']
export const HYBRID_GROUPS: readonly Group[] = [
  'X25519MLKEM768',
  'SecP256r1MLKEM768',
  'SecP384r1MLKEM1024',
]

/** With an RSA key: a client of TLS 1.2 that offers one curve could not verify an EC certificate with another. */
export const GROUP_SETTINGS: readonly GroupSetting[] = [...HYBRID_GROUPS, ...CLASSIC_GROUPS].map(
  (group) => ({ name: group, tls: { curve_preferences: [group] }, key: 'rsa', group }),
)

/** What a program that knows no hybrid can find. */
export function classicOf({ group }: GroupSetting): readonly Group[] {
  return CLASSIC_GROUPS.filter((each) => each === group)
}

export const SHOWN = ['none', 'self-signed', 'wrong CA', 'expired', 'revoked', 'right'] as const
export type Shown = (typeof SHOWN)[number]

export type ClientLeaves = Readonly<
  Record<Exclude<Shown, 'none'>, Pick<TestLeaf, 'certFile' | 'keyFile'>>
>

export const CLIENT_AUTH_MODES = ['none', 'request', 'require', 'verify'] as const
export type ClientAuthMode = (typeof CLIENT_AUTH_MODES)[number]

export interface ClientAuthSetting extends Setting {
  readonly mode: ClientAuthMode
}

export function clientAuthSettings(
  clientCaFile: string,
  crlFile: string,
): readonly ClientAuthSetting[] {
  return CLIENT_AUTH_MODES.map((mode) => ({
    name: `client_auth: ${mode}`,
    tls: {
      client_auth: mode,
      ...((mode === 'request' || mode === 'verify') && {
        client_ca_file: clientCaFile,
        crl_file: crlFile,
      }),
    },
    mode,
  }))
}

/** Undefined: let in. Otherwise how the listener says no. */
export function refusalOf(
  mode: ClientAuthMode,
  shown: Shown,
  version: '1.2' | '1.3',
): Sighting | undefined {
  if (mode === 'none' || mode === 'request') return undefined
  if (mode === 'require') return shown === 'none' ? { kind: 'closed' } : undefined
  if (shown === 'right') return undefined
  // Node ends the connection itself when it does not like a certificate, and has no way to say why.
  if (shown !== 'none') return { kind: 'closed' }
  const alert = version === '1.3' ? 'certificate_required' : 'handshake_failure'
  return { kind: 'refused', alert }
}

/** Whether a client gets in that shows nothing. */
export function isLetIn(mode: ClientAuthMode): boolean {
  return refusalOf(mode, 'none', '1.3') === undefined
}
