// The extensions of RFC 5280 §4.2.1 that our certificates carry, one function each.
import type { Certificate, Extension } from 'pkijs'
import { type SubjectName, toGeneralName } from './names.ts'
import { oid, type X509 } from './x509.ts'

/** Bits of KeyUsage (RFC 5280 §4.2.1.3), counted from the left, as one byte. */
export const keyUsage = { digitalSignature: 0x80, keyCertSign: 0x04, crlSign: 0x02 } as const

interface ExtensionValue {
  readonly type: string
  readonly critical: boolean
  readonly value: ArrayBuffer
}

/** As another certificate has it; nothing when it has none. */
export function copied({ extensions }: Certificate, type: string): Extension[] {
  return (extensions ?? []).filter(({ extnID }) => extnID === type)
}

function extension({ pkijs }: X509, { type, critical, value }: ExtensionValue): Extension {
  return new pkijs.Extension({ extnID: type, critical, extnValue: value })
}

/** `pathLength` undefined: not an authority. */
export function basicConstraints(x509: X509, pathLength: number | undefined): Extension {
  const constraints = new x509.pkijs.BasicConstraints(
    pathLength === undefined ? { cA: false } : { cA: true, pathLenConstraint: pathLength },
  )
  const value = constraints.toSchema().toBER()
  return extension(x509, { type: oid.basicConstraints, critical: true, value })
}

export function keyUsageOf(x509: X509, bits: number): Extension {
  // DER (X.690 §11.2.2) wants trailing zero bits left out of a list of named bits.
  const unusedBits = 31 - Math.clz32(bits & -bits)
  const value = new x509.asn1js.BitString({ valueHex: new Uint8Array([bits]).buffer, unusedBits })
  return extension(x509, { type: oid.keyUsage, critical: true, value: value.toBER() })
}

export function extendedKeyUsage(x509: X509, purposes: readonly string[]): Extension {
  const value = new x509.pkijs.ExtKeyUsage({ keyPurposes: [...purposes] }).toSchema().toBER()
  return extension(x509, { type: oid.extKeyUsage, critical: false, value })
}

export function subjectKeyIdentifier(x509: X509, keyId: Uint8Array): Extension {
  const value = new x509.asn1js.OctetString({ valueHex: keyId }).toBER()
  return extension(x509, { type: oid.subjectKeyIdentifier, critical: false, value })
}

export function authorityKeyIdentifier(x509: X509, keyId: Uint8Array): Extension {
  const keyIdentifier = new x509.asn1js.OctetString({ valueHex: keyId })
  const value = new x509.pkijs.AuthorityKeyIdentifier({ keyIdentifier }).toSchema().toBER()
  return extension(x509, { type: oid.authorityKeyIdentifier, critical: false, value })
}

export function subjectAltName(x509: X509, names: readonly SubjectName[]): Extension {
  const general = names.map((name) => toGeneralName(x509, name))
  const value = new x509.pkijs.GeneralNames({ names: general }).toSchema().toBER()
  return extension(x509, { type: oid.subjectAltName, critical: false, value })
}

/** RFC 5280 §5.2.3: each list has a higher one, by which a reader knows the newer of two. */
export function crlNumber(x509: X509, value: number): Extension {
  const number = new x509.asn1js.Integer({ value })
  return extension(x509, { type: oid.crlNumber, critical: false, value: number.toBER() })
}

/** RFC 5280 §5.3.1. */
export function reasonCode(x509: X509, value: number): Extension {
  const reason = new x509.asn1js.Enumerated({ value })
  return extension(x509, { type: oid.reasonCode, critical: false, value: reason.toBER() })
}
