// Pins of certificates: what may be written, and whether a certificate is one of those that were pinned. That a pin comes
// on top of verification, never instead of it, is the client's business.
import { createHash, type X509Certificate } from 'node:crypto'

/** SHA-256 of the whole certificate or of its public key (SPKI, RFC 7469 §2.4); or the SHA-1 thumbprint of the certificate. */
export interface Pin {
  readonly algorithm: 'sha256' | 'sha1'
  /** Lower case. */
  readonly hex: string
}

const SHA256_BYTES = 32
const SHA256_HEX_DIGITS = 64
const SHA1_HEX_DIGITS = 40
const HEX = /^[0-9A-Fa-f]{2}(?::?[0-9A-Fa-f]{2})*$/
/** 32 bytes in either alphabet of RFC 4648, with or without padding. */
const BASE64 = /^[A-Za-z0-9+/_-]{43}=?$/

/** `sha256:`, or what `openssl x509 -fingerprint -sha256` has in its place, which 1.1 writes as `SHA256 Fingerprint=`. */
const SHA256 = /^sha256(?::| fingerprint=)(.+)$/i

/** How to come by a pin, for whoever wrote something else. */
export const PRINT_A_PIN =
  'print it with: sallyport certs inspect FILE, or openssl x509 -in FILE -noout -fingerprint -sha256'

/**
 * `sha256:` with the digest in hex (colons between bytes allowed, as OpenSSL prints it) or base64; or 40 hex digits.
 * Undefined when the text is no pin.
 */
export function parsePin(written: string): Pin | undefined {
  const [, sha256] = SHA256.exec(written) ?? []
  if (sha256 === undefined) {
    const hex = fromHex(written, SHA1_HEX_DIGITS)
    return hex === undefined ? undefined : { algorithm: 'sha1', hex }
  }
  const hex = fromHex(sha256, SHA256_HEX_DIGITS) ?? fromBase64(sha256)
  return hex === undefined ? undefined : { algorithm: 'sha256', hex }
}

function fromHex(text: string, digits: number): string | undefined {
  if (!HEX.test(text)) return undefined
  const plain = text.replaceAll(':', '')
  return plain.length === digits ? plain.toLowerCase() : undefined
}

function fromBase64(text: string): string | undefined {
  if (!BASE64.test(text)) return undefined
  // Node's decoder takes both alphabets.
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === SHA256_BYTES ? bytes.toString('hex') : undefined
}

export function isPinned(certificate: X509Certificate, pins: readonly Pin[]): boolean {
  const { raw, publicKey } = certificate
  const whole = digest('sha256', raw)
  const key = digest('sha256', publicKey.export({ type: 'spki', format: 'der' }))
  const thumbprint = digest('sha1', raw)
  return pins.some(({ algorithm, hex }) =>
    algorithm === 'sha1' ? hex === thumbprint : hex === whole || hex === key,
  )
}

function digest(algorithm: Pin['algorithm'], bytes: Uint8Array): string {
  return createHash(algorithm).update(bytes).digest('hex')
}
