// What a list of revoked certificates says (RFC 5280 §5).
import type { CertificateRevocationList, RevokedCertificate } from 'pkijs'
import { revocationReasons } from './options.ts'
import { loadX509, oid, type X509 } from './x509.ts'

export interface ParsedList {
  readonly issuer: string
  readonly number: number | undefined
  readonly thisUpdate: Date
  readonly nextUpdate: Date | undefined
  readonly revoked: readonly {
    readonly serialNumber: string
    readonly revokedAt: Date
    readonly reason: string
  }[]
}

/** @throws when it is none. */
export async function describeList(der: Uint8Array): Promise<ParsedList> {
  const x509 = await loadX509()
  const list = x509.pkijs.CertificateRevocationList.fromBER(new Uint8Array(der))
  return {
    issuer: issuerOf(list),
    number: numberOf(x509, list),
    thisUpdate: list.thisUpdate.value,
    nextUpdate: list.nextUpdate?.value,
    revoked: (list.revokedCertificates ?? []).map((entry) => ({
      serialNumber: serialOf(entry),
      revokedAt: entry.revocationDate.value,
      reason: reasonOf(x509, entry),
    })),
  }
}

const ATTRIBUTES: Readonly<Record<string, string>> = {
  [oid.commonName]: 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
}

function issuerOf({ issuer }: CertificateRevocationList): string {
  return issuer.typesAndValues
    .map(({ type, value }) => `${ATTRIBUTES[type] ?? type}=${value.valueBlock.value}`)
    .join(', ')
}

function numberOf({ asn1js }: X509, { crlExtensions }: CertificateRevocationList) {
  const found = crlExtensions?.extensions.find(({ extnID }) => extnID === oid.crlNumber)
  if (found === undefined) return undefined
  const { result } = asn1js.fromBER(new Uint8Array(found.extnValue.valueBlock.valueHexView))
  return result instanceof asn1js.Integer ? Number(result.toBigInt()) : undefined
}

function serialOf({ userCertificate }: RevokedCertificate): string {
  const hex = Buffer.from(userCertificate.valueBlock.valueHexView).toString('hex').toUpperCase()
  return hex.replace(/^00(?=[89A-F])/, '')
}

function reasonOf({ asn1js }: X509, { crlEntryExtensions }: RevokedCertificate): string {
  const found = crlEntryExtensions?.extensions.find(({ extnID }) => extnID === oid.reasonCode)
  if (found === undefined) return 'unspecified'
  const { result } = asn1js.fromBER(new Uint8Array(found.extnValue.valueBlock.valueHexView))
  const code = result instanceof asn1js.Enumerated ? result.valueBlock.valueDec : -1
  const known = Object.entries(revocationReasons).find(([, each]) => each === code)
  return known?.[0] ?? `reason ${code}`
}
