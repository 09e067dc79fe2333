// Options of TLS on a listener: the config section `listeners[].tls`.
import type { CredentialOptions } from './credential-options.ts'
import type { TlsVersion } from './versions.ts'

/** What is asked of a client. */
export type ClientAuth =
  /** No certificate is asked for. */
  | 'none'
  /** One is asked for; whoever has none, or one that nobody verifies, is let in as well. */
  | 'request'
  /** One is needed, and not verified. */
  | 'require'
  /** One is needed that an authority in `clientCaFile` vouches for, that is valid now and not revoked. */
  | 'verify'

export interface ServerTlsOptions {
  /** At least one. The first is for clients that name no host, or one that no certificate is for. */
  readonly credentials: readonly CredentialOptions[]
  readonly minVersion: TlsVersion
  readonly maxVersion: TlsVersion
  /** IANA names, for TLS 1.2 and below, in order of preference. Undefined: those with AEAD and forward secrecy. */
  readonly cipherSuites: readonly string[] | undefined
  /** Key exchange groups in order of preference. Undefined: the post-quantum hybrid first, where the runtime has it. */
  readonly curvePreferences: readonly string[] | undefined
  readonly clientAuth: ClientAuth
  /** PEM file with the authorities that vouch for clients. Always there with `verify`. */
  readonly clientCaFile: string | undefined
  /** PEM file with the revocation lists of those authorities. */
  readonly crlFile: string | undefined
  /** Servers are told who a verified client is. */
  readonly forwardClientIdentity: boolean
  /** Keys that others than their owner and group can read are used all the same. */
  readonly insecureAllowReadableKeys: boolean
  /** Session tickets sealed with one key; then the next one. */
  readonly ticketRotationMs: number
}
