// What is wrong with a request or with the files it needs, as one sentence with the mend. cli/ prints it and ends with the
// exit code of its kind.

/** `request`: what was asked for cannot be. `files`: what is on disk is not what it should be. `denied`: no right password. */
export type CertificateErrorKind = 'request' | 'files' | 'denied'

export class CertificateError extends Error {
  override readonly name = 'CertificateError'
  readonly code = 'CERTIFICATE'
  readonly kind: CertificateErrorKind

  constructor(kind: CertificateErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}
