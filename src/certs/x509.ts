// What every certificate we make has in common: its serial number, its validity, its signature, its text form. Its key comes
// from keys.ts; which extensions it carries, and so what it may be used for, is decided by authority.ts and leaf.ts.
import { createHash, randomBytes, webcrypto } from 'node:crypto'
import type { Certificate, CryptoEngine, Extension, RelativeDistinguishedNames } from 'pkijs'
import type { Clock } from '../core/index.ts'
import type { SigningKey } from './keys.ts'

/** A certificate and its private key, as PEM; the key is unencrypted PKCS#8. */
export interface CertificateAndKey {
  readonly certPem: string
  readonly keyPem: string
}

export interface Validity {
  readonly notBefore: Date
  readonly notAfter: Date
}

/** Clocks of clients are a little slow sometimes; a certificate made a moment ago must not be "not yet valid" to them. */
const BACKDATE_MS = 5 * 60_000
const SERIAL_BYTES = 16
const KEY_ID_BYTES = 20
const FIRST_YEAR_OF_GENERALIZED_TIME = 2050
const X509_V3 = 2
const PEM_LINE = /.{1,64}/g

/** Attribute and extension identifiers of RFC 5280. */
export const oid = {
  commonName: '2.5.4.3',
  subjectKeyIdentifier: '2.5.29.14',
  crlNumber: '2.5.29.20',
  reasonCode: '2.5.29.21',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const

/** Loaded when the first certificate is made: a gateway that only uses certificates never needs them (62 ms of start-up). */
export async function loadX509() {
  const [pkijs, asn1js] = await Promise.all([import('pkijs'), import('asn1js')])
  return { pkijs, asn1js }
}

export type X509 = Awaited<ReturnType<typeof loadX509>>

/** From a little before now. Whole seconds, since a certificate knows no fractions (RFC 5280 §4.1.2.5). */
export function validityFrom(clock: Clock, validForMs: number): Validity {
  if (!(validForMs > 0)) throw new TypeError(`validForMs: expected more than 0, got ${validForMs}`)
  const nowMs = clock.nowMs()
  return {
    notBefore: wholeSeconds(nowMs - BACKDATE_MS),
    notAfter: wholeSeconds(nowMs + validForMs),
  }
}

export function wholeSeconds(atMs: number): Date {
  return new Date(Math.floor(atMs / 1000) * 1000)
}

/** The subject of RFC 5280 §4.1.2.6 with a common name alone; 64 characters are the bound of its appendix A.1. */
export function nameOf({ pkijs, asn1js }: X509, commonName: string): RelativeDistinguishedNames {
  if (commonName.length === 0 || commonName.length > 64) {
    throw new TypeError(`commonName: expected 1 to 64 characters, got ${commonName.length}`)
  }
  const value = new asn1js.Utf8String({ value: commonName })
  const attribute = new pkijs.AttributeTypeAndValue({ type: oid.commonName, value })
  return new pkijs.RelativeDistinguishedNames({ typesAndValues: [attribute] })
}

/**
 * By which an issuer and what it issued find each other. An authority made by another tool may have chosen it otherwise, and
 * what it says of itself counts (RFC 5280 §4.2.1.1); ours is the start of the hash of the public key's bits (RFC 7093 §2,
 * method 1).
 */
export function keyIdOf(certificate: Certificate): Uint8Array {
  const own = certificate.extensions?.find(({ extnID }) => extnID === oid.subjectKeyIdentifier)
  // The value is an OCTET STRING in an OCTET STRING: two bytes of head, and the identifier.
  if (own !== undefined) return own.extnValue.valueBlock.valueHexView.slice(2)
  const bits = certificate.subjectPublicKeyInfo.subjectPublicKey.valueBlock.valueHexView
  return createHash('sha256').update(bits).digest().subarray(0, KEY_ID_BYTES)
}

/** An unsigned certificate for a key, without extensions. */
export async function draftCertificate(
  { pkijs, asn1js }: X509,
  draft: {
    readonly subject: RelativeDistinguishedNames
    readonly issuer: RelativeDistinguishedNames
    readonly validity: Validity
    readonly publicKey: webcrypto.CryptoKey
  },
): Promise<Certificate> {
  const { subject, issuer, validity, publicKey } = draft
  const certificate = new pkijs.Certificate({
    version: X509_V3,
    serialNumber: new asn1js.Integer({ valueHex: randomSerial() }),
    issuer,
    subject,
    notBefore: timeOf({ pkijs, asn1js }, validity.notBefore),
    notAfter: timeOf({ pkijs, asn1js }, validity.notAfter),
  })
  await certificate.subjectPublicKeyInfo.importKey(publicKey, engineOf({ pkijs, asn1js }))
  return certificate
}

/** Puts the extensions in, signs, and gives out the text. */
export async function signCertificate(
  x509: X509,
  certificate: Certificate,
  extensions: Extension[],
  { key, hash }: SigningKey,
): Promise<string> {
  certificate.extensions = extensions
  await certificate.sign(key, hash, engineOf(x509))
  return pemOf('CERTIFICATE', certificate.toSchema(true).toBER())
}

/** @throws when the text is not a certificate. */
export function readCertificate({ pkijs }: X509, certPem: string): Certificate {
  return pkijs.Certificate.fromBER(derOf(certPem))
}

/** One of our own for each use: the library's default one is state shared with whoever else imports it. */
export function engineOf({ pkijs }: X509): CryptoEngine {
  return new pkijs.CryptoEngine({ name: 'node', crypto: webcrypto })
}

/**
 * RFC 5280 §4.1.2.2: positive and unique, which 126 random bits are. The first bit is 0, for the number not to be negative;
 * the second is 1, for DER not to drop a leading zero byte.
 */
function randomSerial(): ArrayBuffer {
  const bytes = new Uint8Array(randomBytes(SERIAL_BYTES))
  bytes[0] = ((bytes[0] as number) & 0x3f) | 0x40
  return bytes.buffer
}

/** RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050. */
export function timeOf({ pkijs }: X509, value: Date) {
  const isUtcTime = value.getUTCFullYear() < FIRST_YEAR_OF_GENERALIZED_TIME
  const { UTCTime, GeneralizedTime } = pkijs.TimeType
  return new pkijs.Time({ type: isUtcTime ? UTCTime : GeneralizedTime, value })
}

/** RFC 7468 §2. */
export function pemOf(label: string, der: ArrayBuffer | Uint8Array): string {
  const lines =
    Buffer.from(der as Uint8Array)
      .toString('base64')
      .match(PEM_LINE) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

export function derOf(pem: string): Buffer<ArrayBuffer> {
  const [, body] = /-----BEGIN [A-Z0-9 ]+-----([\s\S]+?)-----END /.exec(pem) ?? []
  if (body === undefined) throw new TypeError('expected PEM, a text with "-----BEGIN", got none')
  return Buffer.from(body, 'base64')
}
