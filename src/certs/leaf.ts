// Issues a certificate that stands for one server or one client and can issue nothing itself.
import { X509Certificate } from 'node:crypto'
import type { Certificate, Extension } from 'pkijs'
import { type Clock, systemClock } from '../core/index.ts'
import { CertificateError } from './certificate-error.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  copied,
  extendedKeyUsage,
  keyUsage,
  keyUsageOf,
  subjectAltName,
  subjectKeyIdentifier,
} from './extensions.ts'
import { type AroundKey, type KeyForCertificate, keyTypeLike, makeKey, useKey } from './keys.ts'
import type { SubjectName } from './names.ts'
import type { KeyType } from './options.ts'
import {
  type CertificateAndKey,
  draftCertificate,
  keyIdOf,
  loadX509,
  nameOf,
  oid,
  readCertificate,
  signCertificate,
  type Validity,
  validityFrom,
  type X509,
} from './x509.ts'

interface Issuing {
  /** Who signs it. */
  readonly authority: CertificateAndKey
  /** Ends earlier when the authority does. */
  readonly validForMs: number
  readonly clock?: Clock
  readonly aroundKey?: AroundKey | undefined
}

export interface LeafRequest extends Issuing {
  /** A leaf for one purpose is refused for the other: a server's stolen key is no client's. */
  readonly purpose: 'server' | 'client'
  /** 1 to 64 characters, for people; what counts are `names`. */
  readonly commonName: string
  /** A server needs at least one: clients look at nothing else (RFC 9525 §2). */
  readonly names: readonly SubjectName[]
  /** Default: P-256. */
  readonly keyType?: KeyType
}

/** @throws TypeError for names that are none, CertificateError when the authority is past its end. */
export async function issueLeaf(request: LeafRequest): Promise<CertificateAndKey> {
  const { purpose, commonName, names } = request
  if (purpose === 'server' && names.length === 0) {
    throw new TypeError('names: expected at least one for a server, got none')
  }
  const x509 = await loadX509()
  return issue(x509, request, {
    subject: nameOf(x509, commonName),
    key: () => makeKey(request.keyType, request.aroundKey),
    uses: [
      keyUsageOf(x509, keyUsage.digitalSignature),
      extendedKeyUsage(x509, [purpose === 'server' ? oid.serverAuth : oid.clientAuth]),
    ],
    names: names.length > 0 ? [subjectAltName(x509, names)] : [],
  })
}

export interface LeafRenewal extends Issuing {
  /** The certificate to follow: same subject, same names, same uses. */
  readonly certPem: string
  /** Its key, to go on with it. Default: a new one of the same type. */
  readonly keyPem?: string | undefined
}

export async function renewLeaf(renewal: LeafRenewal): Promise<CertificateAndKey> {
  const x509 = await loadX509()
  const { keyPem, certPem } = renewal
  const old = readCertificate(x509, certPem)
  const keyType = keyTypeLike(new X509Certificate(certPem).publicKey)
  return issue(x509, renewal, {
    subject: old.subject,
    key: () => (keyPem === undefined ? makeKey(keyType, renewal.aroundKey) : useKey(keyPem)),
    uses: [...copied(old, oid.keyUsage), ...copied(old, oid.extKeyUsage)],
    names: copied(old, oid.subjectAltName),
  })
}

interface LeafContent {
  readonly subject: Certificate['subject']
  readonly key: () => Promise<KeyForCertificate>
  readonly uses: readonly Extension[]
  readonly names: readonly Extension[]
}

async function issue(
  x509: X509,
  { authority, validForMs, clock }: Issuing,
  { subject, key, uses, names }: LeafContent,
): Promise<CertificateAndKey> {
  const issuer = readCertificate(x509, authority.certPem)
  const validity = endWith(issuer.notAfter.value, validityFrom(clock ?? systemClock, validForMs))
  const { publicKey, keyPem } = await key()
  const certificate = await draftCertificate(x509, {
    subject,
    issuer: issuer.subject,
    validity,
    publicKey,
  })
  const extensions = [
    basicConstraints(x509, undefined),
    ...uses,
    subjectKeyIdentifier(x509, keyIdOf(certificate)),
    authorityKeyIdentifier(x509, keyIdOf(issuer)),
    ...names,
  ]
  const { signing } = await useKey(authority.keyPem)
  return { certPem: await signCertificate(x509, certificate, extensions, signing), keyPem }
}

/** A leaf that outlives its authority only looks valid: chains fail from the authority's end on. */
function endWith(issuerEnd: Date, { notBefore, notAfter }: Validity): Validity {
  if (issuerEnd <= notBefore) {
    throw new CertificateError(
      'files',
      `the authority ended at ${issuerEnd.toISOString()}; renew it with: sallyport certs renew ca`,
    )
  }
  return { notBefore, notAfter: issuerEnd < notAfter ? issuerEnd : notAfter }
}
