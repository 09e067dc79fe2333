// Options of a certificate with its key, the same for a listener and for the gateway as a client.

/** Certificate and key as PEM files. */
export interface PemCredentialOptions {
  readonly kind: 'pem'
  /** PEM file with the certificate, leaf first, followed by its chain. */
  readonly certFile: string
  /** PEM file with the private key: PKCS#1, PKCS#8 or SEC 1, encrypted or not. */
  readonly keyFile: string
  readonly keyPassword: string | undefined
}

/** Certificate, chain and key in one PKCS#12 file. */
export interface PfxCredentialOptions {
  readonly kind: 'pfx'
  readonly pfxFile: string
  readonly password: string | undefined
}

export type CredentialOptions = PemCredentialOptions | PfxCredentialOptions
