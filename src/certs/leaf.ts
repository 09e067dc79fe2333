// Issues a certificate that stands for one server or one client and can issue nothing itself.
import { type Clock, systemClock } from '../core/index.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  keyUsageOf,
  subjectAltName,
  subjectKeyIdentifier,
} from './extensions.ts'
import type { SubjectName } from './names.ts'
import {
  type CertificateAndKey,
  draftCertificate,
  exportKey,
  generateKeyPair,
  keyIdOf,
  loadX509,
  nameOf,
  oid,
  readCertificate,
  readSigningKey,
  signCertificate,
  type Validity,
  validityFrom,
} from './x509.ts'

export interface LeafRequest {
  /** Who signs it. */
  readonly authority: CertificateAndKey
  /** A leaf for one purpose is refused for the other: a server's stolen key is no client's. */
  readonly purpose: 'server' | 'client'
  /** 1 to 64 characters, for people; what counts are `names`. */
  readonly commonName: string
  /** A server needs at least one: clients look at nothing else (RFC 9525 §2). */
  readonly names: readonly SubjectName[]
  /** Ends earlier when the authority does. */
  readonly validForMs: number
  readonly clock?: Clock
}

/** @throws TypeError for names that are none, Error when the authority is past its end. */
export async function issueLeaf(request: LeafRequest): Promise<CertificateAndKey> {
  const { authority, purpose, commonName, names, validForMs } = request
  if (purpose === 'server' && names.length === 0) {
    throw new TypeError('names: expected at least one for a server, got none')
  }
  const x509 = await loadX509()
  const issuer = readCertificate(x509, authority.certPem)
  const validity = validityFrom(request.clock ?? systemClock, validForMs)
  const keys = await generateKeyPair()
  const certificate = await draftCertificate(x509, {
    subject: nameOf(x509, commonName),
    issuer: issuer.subject,
    validity: endWith(issuer.notAfter.value, validity),
    publicKey: keys.publicKey,
  })
  const extensions = [
    basicConstraints(x509, undefined),
    keyUsageOf(x509, keyUsage.digitalSignature),
    extendedKeyUsage(x509, [purpose === 'server' ? oid.serverAuth : oid.clientAuth]),
    subjectKeyIdentifier(x509, keyIdOf(certificate)),
    authorityKeyIdentifier(x509, keyIdOf(issuer)),
    ...(names.length > 0 ? [subjectAltName(x509, names)] : []),
  ]
  const signingKey = await readSigningKey(authority.keyPem)
  const certPem = await signCertificate(x509, certificate, extensions, signingKey)
  return { certPem, keyPem: await exportKey(keys) }
}

/** A leaf that outlives its authority only looks valid: chains fail from the authority's end on. */
function endWith(issuerEnd: Date, { notBefore, notAfter }: Validity): Validity {
  if (issuerEnd <= notBefore) {
    throw new Error(`the authority ended at ${issuerEnd.toISOString()}; make a new one`)
  }
  return { notBefore, notAfter: issuerEnd < notAfter ? issuerEnd : notAfter }
}
