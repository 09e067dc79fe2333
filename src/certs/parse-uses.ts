// What a certificate says it may be used for, in words.
import type { Certificate, Extension } from 'pkijs'
import { loadX509, oid, type X509 } from './x509.ts'

export interface Uses {
  readonly version: number
  readonly signature: string
  readonly keyUsage: readonly string[]
  readonly extendedKeyUsage: readonly string[]
  readonly subjectKeyIdentifier: string | undefined
  readonly authorityKeyIdentifier: string | undefined
}

/** The bits of RFC 5280 §4.2.1.3 from the left. */
const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
]

/** RFC 5280 §4.2.1.12. */
const PURPOSES: Readonly<Record<string, string>> = {
  [oid.serverAuth]: 'serverAuth',
  [oid.clientAuth]: 'clientAuth',
  '1.3.6.1.5.5.7.3.3': 'codeSigning',
  '1.3.6.1.5.5.7.3.4': 'emailProtection',
  '1.3.6.1.5.5.7.3.8': 'timeStamping',
  '1.3.6.1.5.5.7.3.9': 'OCSPSigning',
  '2.5.29.37.0': 'any',
}

const SIGNATURES: Readonly<Record<string, string>> = {
  '1.2.840.10045.4.3.2': 'ECDSA with SHA-256',
  '1.2.840.10045.4.3.3': 'ECDSA with SHA-384',
  '1.2.840.10045.4.3.4': 'ECDSA with SHA-512',
  '1.2.840.113549.1.1.5': 'RSA with SHA-1',
  '1.2.840.113549.1.1.10': 'RSA-PSS',
  '1.2.840.113549.1.1.11': 'RSA with SHA-256',
  '1.2.840.113549.1.1.12': 'RSA with SHA-384',
  '1.2.840.113549.1.1.13': 'RSA with SHA-512',
  '1.3.101.112': 'Ed25519',
}

export async function describeUses(der: Uint8Array): Promise<Uses> {
  const x509 = await loadX509()
  const certificate = x509.pkijs.Certificate.fromBER(new Uint8Array(der))
  const { algorithmId } = certificate.signatureAlgorithm
  return {
    version: certificate.version + 1,
    signature: SIGNATURES[algorithmId] ?? algorithmId,
    keyUsage: keyUsagesOf(x509, certificate),
    extendedKeyUsage: purposesOf(x509, certificate),
    subjectKeyIdentifier: hex(find(certificate, oid.subjectKeyIdentifier)?.slice(2)),
    authorityKeyIdentifier: hex(authorityKeyOf(x509, certificate)),
  }
}

function find({ extensions }: Certificate, type: string): Uint8Array | undefined {
  const found: Extension | undefined = extensions?.find(({ extnID }) => extnID === type)
  return found?.extnValue.valueBlock.valueHexView
}

function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined
    ? undefined
    : Buffer.from(bytes)
        .toString('hex')
        .toUpperCase()
        .replaceAll(/..(?!$)/g, '$&:')
}

function keyUsagesOf({ asn1js }: X509, certificate: Certificate): readonly string[] {
  const value = find(certificate, oid.keyUsage)
  if (value === undefined) return []
  const { result } = asn1js.fromBER(new Uint8Array(value))
  const bytes = result instanceof asn1js.BitString ? result.valueBlock.valueHexView : []
  return KEY_USAGES.filter((_, bit) => (((bytes[bit >> 3] ?? 0) << (bit & 7)) & 0x80) !== 0)
}

function purposesOf({ pkijs }: X509, certificate: Certificate): readonly string[] {
  const value = find(certificate, oid.extKeyUsage)
  if (value === undefined) return []
  const { keyPurposes } = pkijs.ExtKeyUsage.fromBER(new Uint8Array(value))
  return keyPurposes.map((purpose) => PURPOSES[purpose] ?? purpose)
}

function authorityKeyOf({ pkijs }: X509, certificate: Certificate): Uint8Array | undefined {
  const value = find(certificate, oid.authorityKeyIdentifier)
  if (value === undefined) return undefined
  const { keyIdentifier } = pkijs.AuthorityKeyIdentifier.fromBER(new Uint8Array(value))
  return keyIdentifier?.valueBlock.valueHexView
}
