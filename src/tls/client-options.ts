// Options of a connection that the gateway makes: whom it trusts and what it shows of itself.
import type { CredentialOptions } from './credential-options.ts'
import type { Pin } from './pins.ts'
import type { TlsVersion } from './versions.ts'

export interface ClientTlsOptions {
  /** PEM file with the only authorities to trust, absolute. Undefined: those that Node and the system trust. */
  readonly caFile: string | undefined
  /** Trust those of Node and the system besides `caFile`. */
  readonly systemRoots: boolean
  /** What the gateway shows when the peer asks who it is. */
  readonly credential: CredentialOptions | undefined
  /** Name that is asked for (SNI, RFC 6066 §3) and that the certificate must have. Undefined: the host of the URL. */
  readonly serverName: string | undefined
  /** False: a certificate of a trusted authority is enough, whatever names it has. */
  readonly checkHostname: boolean
  /** Of which the peer's certificate must be one, on top of everything else. Empty: any. */
  readonly pins: readonly Pin[]
  /** File with more of them, absolute. */
  readonly pinsFile: string | undefined
  readonly minVersion: TlsVersion
  readonly maxVersion: TlsVersion
  /** IANA names, TLS 1.2 only. Undefined: the default ones. */
  readonly cipherSuites: readonly string[] | undefined
  /** In order of preference. Undefined: the default ones. */
  readonly curvePreferences: readonly string[] | undefined
  /** Nothing of the peer is verified. */
  readonly insecureSkipVerify: boolean
  /** A key that others than its owner and group can read is used all the same. */
  readonly insecureAllowReadableKeys: boolean
}

/** What holds for an https URL when nothing is configured. */
export const DEFAULT_CLIENT_TLS: ClientTlsOptions = {
  caFile: undefined,
  systemRoots: true,
  credential: undefined,
  serverName: undefined,
  checkHostname: true,
  pins: [],
  pinsFile: undefined,
  minVersion: '1.2',
  maxVersion: '1.3',
  cipherSuites: undefined,
  curvePreferences: undefined,
  insecureSkipVerify: false,
  insecureAllowReadableKeys: false,
}
