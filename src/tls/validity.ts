// Whether a certificate may be used now, and for what it is to be used.
import type { X509Certificate } from 'node:crypto'
import type { MaterialProblem } from './material.ts'

/** What a certificate is used for: to be a server, or a client. */
export type Purpose = 'server' | 'client'

/** Extended key usage (RFC 5280 §4.2.1.12). */
const PURPOSE_OIDS: Readonly<Record<Purpose, string>> = {
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
}
const PURPOSE_NAMES: Readonly<Record<string, string>> = {
  [PURPOSE_OIDS.server]: 'serverAuth',
  [PURPOSE_OIDS.client]: 'clientAuth',
  '1.3.6.1.5.5.7.3.3': 'codeSigning',
  '1.3.6.1.5.5.7.3.4': 'emailProtection',
  '1.3.6.1.5.5.7.3.8': 'timeStamping',
  '1.3.6.1.5.5.7.3.9': 'OCSPSigning',
  '2.5.29.37.0': 'anyExtendedKeyUsage',
}

type Wrong = Pick<MaterialProblem, 'expected' | 'got' | 'mend'>

export function notAfterMs({ validTo }: X509Certificate): number {
  return Date.parse(validTo)
}

export function notBeforeMs({ validFrom }: X509Certificate): number {
  return Date.parse(validFrom)
}

/** Undefined: it is valid now. */
export function validityProblem(certificate: X509Certificate, nowMs: number): Wrong | undefined {
  if (notAfterMs(certificate) <= nowMs) {
    return {
      expected: 'a certificate that has not expired',
      got: `one that expired on ${certificate.validTo}`,
      mend: 'renew it',
    }
  }
  if (Date.parse(certificate.validFrom) > nowMs) {
    return {
      expected: 'a certificate that is valid now',
      got: `one that is not valid before ${certificate.validFrom}`,
      mend: 'wait until then, issue it anew, or set the clock of this machine',
    }
  }
  return undefined
}

/** A certificate for particular purposes must be for this one; peers refuse it otherwise. */
export function purposeProblem(certificate: X509Certificate, purpose: Purpose): Wrong | undefined {
  // So Node calls the extended key usage. Undefined for a certificate without.
  const purposes = certificate.keyUsage as readonly string[] | undefined
  if (purposes === undefined || purposes.length === 0) return undefined
  const oid = PURPOSE_OIDS[purpose]
  if (purposes.includes(oid)) return undefined
  const names = purposes.map((each) => PURPOSE_NAMES[each] ?? each)
  return {
    expected: `a certificate for a ${purpose} (extended key usage ${PURPOSE_NAMES[oid]})`,
    got: `one for ${names.join(', ')} only`,
    mend: `issue it with extended key usage ${PURPOSE_NAMES[oid]}`,
  }
}
