// Options of a certificate with its key, the same for a listener and for the gateway as a client.
import type { Pkcs11Uri } from './pkcs11-uri.ts'

/** Certificate and key as PEM files. */
export interface PemCredentialOptions {
  readonly kind: 'pem'
  /** PEM file with the certificate, leaf first, followed by its chain. */
  readonly certFile: string
  /** PEM file with the private key: PKCS#1, PKCS#8 or SEC 1, encrypted or not. */
  readonly keyFile: string
  readonly keyPassword: string | undefined
}

/** Certificate as a PEM file, and the key inside a token, where an OpenSSL engine signs with it. */
export interface EngineCredentialOptions {
  readonly kind: 'engine'
  readonly certFile: string
  /** The engine's library. */
  readonly engineFile: string
  readonly uri: Pkcs11Uri
}

/** Certificate, chain and key in one PKCS#12 file. */
export interface PfxCredentialOptions {
  readonly kind: 'pfx'
  readonly pfxFile: string
  readonly password: string | undefined
}

export type CredentialOptions =
  | PemCredentialOptions
  | EngineCredentialOptions
  | PfxCredentialOptions
