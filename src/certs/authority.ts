// Makes a certificate authority: one that issues leaves directly, and nothing below it may issue again.
import { X509Certificate } from 'node:crypto'
import { type Clock, systemClock } from '../core/index.ts'
import {
  basicConstraints,
  copied,
  keyUsage,
  keyUsageOf,
  subjectKeyIdentifier,
} from './extensions.ts'
import { type AroundKey, makeKey, useKey } from './keys.ts'
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
  validityFrom,
} from './x509.ts'

export interface AuthorityRequest {
  /** What people see as its name, 1 to 64 characters. */
  readonly commonName: string
  readonly validForMs: number
  readonly clock?: Clock
  /** Default: P-256. */
  readonly keyType?: KeyType
  readonly aroundKey?: AroundKey | undefined
}

/** A self-signed authority with a key of its own. */
export async function makeAuthority(request: AuthorityRequest): Promise<CertificateAndKey> {
  const x509 = await loadX509()
  const { publicKey, signing, keyPem } = await makeKey(request.keyType, request.aroundKey)
  const name = nameOf(x509, request.commonName)
  const certificate = await draftCertificate(x509, {
    subject: name,
    issuer: name,
    validity: validityFrom(request.clock ?? systemClock, request.validForMs),
    publicKey,
  })
  const extensions = [
    basicConstraints(x509, 0),
    keyUsageOf(x509, keyUsage.keyCertSign | keyUsage.crlSign),
    subjectKeyIdentifier(x509, keyIdOf(certificate)),
  ]
  return { certPem: await signCertificate(x509, certificate, extensions, signing), keyPem }
}

/**
 * The same authority for longer: same name, same key, same key identifier, so that everything it ever issued is good under
 * the new certificate as under the old one.
 */
export async function renewAuthority(
  authority: CertificateAndKey,
  { validForMs, clock = systemClock }: Pick<AuthorityRequest, 'validForMs' | 'clock'>,
): Promise<CertificateAndKey> {
  const x509 = await loadX509()
  const old = readCertificate(x509, authority.certPem)
  const { publicKey, signing, keyPem } = await useKey(authority.keyPem)
  const certificate = await draftCertificate(x509, {
    subject: old.subject,
    issuer: old.subject,
    validity: validityFrom(clock, validForMs),
    publicKey,
  })
  const usage = copied(old, oid.keyUsage)
  const extensions = [
    ...copied(old, oid.basicConstraints),
    ...(usage.length > 0 ? usage : [keyUsageOf(x509, keyUsage.keyCertSign | keyUsage.crlSign)]),
    subjectKeyIdentifier(x509, keyIdOf(old)),
  ]
  return { certPem: await signCertificate(x509, certificate, extensions, signing), keyPem }
}

/** Whether the certificate may issue others (RFC 5280 §4.2.1.9). */
export function isAuthority(certPem: string): boolean {
  return new X509Certificate(certPem).ca
}
