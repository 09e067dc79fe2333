// Makes a certificate authority: one that issues leaves directly, and nothing below it may issue again.
import { type Clock, systemClock } from '../core/index.ts'
import { basicConstraints, keyUsage, keyUsageOf, subjectKeyIdentifier } from './extensions.ts'
import {
  type CertificateAndKey,
  draftCertificate,
  exportKey,
  generateKeyPair,
  keyIdOf,
  loadX509,
  nameOf,
  signCertificate,
  validityFrom,
} from './x509.ts'

export interface AuthorityRequest {
  /** What people see as its name, 1 to 64 characters. */
  readonly commonName: string
  readonly validForMs: number
  readonly clock?: Clock
}

/** A self-signed authority with a key on P-256. */
export async function makeAuthority(request: AuthorityRequest): Promise<CertificateAndKey> {
  const x509 = await loadX509()
  const keys = await generateKeyPair()
  const name = nameOf(x509, request.commonName)
  const certificate = await draftCertificate(x509, {
    subject: name,
    issuer: name,
    validity: validityFrom(request.clock ?? systemClock, request.validForMs),
    publicKey: keys.publicKey,
  })
  const extensions = [
    basicConstraints(x509, 0),
    keyUsageOf(x509, keyUsage.keyCertSign | keyUsage.crlSign),
    subjectKeyIdentifier(x509, keyIdOf(certificate)),
  ]
  const certPem = await signCertificate(x509, certificate, extensions, keys.privateKey)
  return { certPem, keyPem: await exportKey(keys) }
}
