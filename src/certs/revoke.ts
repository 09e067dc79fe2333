// Takes a certificate back: records that it is revoked, and publishes the list that says so.
import { X509Certificate } from 'node:crypto'
import { type Clock, systemClock } from '../core/index.ts'
import { CertificateError } from './certificate-error.ts'
import { type PublishedCrl, publishCrl } from './crl.ts'
import { readIfThere } from './files.ts'
import { isIssuedBy } from './renew.ts'
import type { RevocationReason } from './options.ts'
import { readIssued, recordRevoked, type RevokedFact } from './register.ts'
import { authorityFiles } from './tree.ts'
import type { CertificateAndKey } from './x509.ts'

export interface RevocationRequest {
  readonly dir: string
  readonly authority: CertificateAndKey
  /** A certificate's file, or its serial number in hexadecimal. */
  readonly what: string
  readonly reason: RevocationReason
  readonly crlValidForMs: number
  readonly clock?: Clock
}

export interface Revocation {
  readonly fact: RevokedFact
  /** False: it was revoked before, and what was said then holds. */
  readonly isNew: boolean
  readonly crl: PublishedCrl
}

export async function revoke(request: RevocationRequest): Promise<Revocation> {
  const { dir, authority, reason, clock = systemClock } = request
  const { serial, notAfter } = await find(request)
  const revokedAt = new Date(clock.nowMs()).toISOString()
  const mine: RevokedFact = { serial, revokedAt, reason, notAfter }
  const fact = await recordRevoked(dir, mine)
  const crl = await publishCrl({ dir, authority, validForMs: request.crlValidForMs, clock })
  return { fact, isNew: fact === mine, crl }
}

async function find({ dir, authority, what }: RevocationRequest) {
  const pem = await readIfThere(what)
  if (pem !== undefined) return fromFile(pem, what, authority, dir)
  const serial = what.replaceAll(/[:\s]/g, '').toUpperCase()
  const fact = /^[0-9A-F]+$/.test(serial) ? await readIssued(dir, serial) : undefined
  if (fact !== undefined) return { serial, notAfter: fact.notAfter }
  const message = `expected a certificate's file or the serial number of one that was issued here, got ${JSON.stringify(what)}; find it with: sallyport certs inspect FILE`
  throw new CertificateError('request', message)
}

function fromFile(pem: string, file: string, authority: CertificateAndKey, dir: string) {
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(pem)
  } catch (thrown) {
    const message = `${file}: expected a certificate in PEM, got something else; name the .crt file`
    throw new CertificateError('files', message, { cause: thrown })
  }
  const { serialNumber: serial, validTo } = certificate
  // The authority's own passes here too, as it signed itself; an authority cannot take itself back (RFC 5280 §5.3.1).
  if (certificate.ca) {
    const message = `${file}: expected a certificate that an authority issued, got the authority itself; to end its trust, remove it from where it is trusted`
    throw new CertificateError('request', message)
  }
  if (isIssuedBy(certificate, authority.certPem)) {
    return { serial, notAfter: new Date(validTo).toISOString() }
  }
  const message = `${file}: expected a certificate of the authority in ${authorityFiles(dir).certFile}, got one of another; revoke it where it was made`
  throw new CertificateError('files', message)
}
