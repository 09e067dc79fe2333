// The authorities that are trusted to vouch for peers, from a PEM bundle.
import { X509Certificate } from 'node:crypto'
import { isSelfIssued, issuerName, nameOf } from './chain.ts'
import { failed, mendForNoPem, pemBlocks, type Reading, readMaterialFile } from './material.ts'
import type { Expiring } from './source.ts'
import { notAfterMs, notBeforeMs, validityProblem } from './validity.ts'

export interface Authorities {
  readonly file: string
  readonly certificates: readonly X509Certificate[]
  /** For the `ca` of a context: one text each, since Node reads only the first of a text. */
  readonly pems: readonly string[]
  readonly expiring: readonly Expiring[]
}

/** Reads a bundle. Expired ones among others are let be, as old bundles are full of them; they vouch for nobody. */
export function readAuthorities(file: string, nowMs: number): Reading<Authorities> {
  const what = { of: 'authorities', file, expected: 'a PEM file with certificates' } as const
  const bytes = readMaterialFile(file, what)
  if (!bytes.ok) return bytes
  let certificates: readonly X509Certificate[]
  try {
    const blocks = pemBlocks(bytes.value.toString('latin1'), /(?:X509 |TRUSTED )?CERTIFICATE/)
    certificates = blocks.map((block) => new X509Certificate(block))
  } catch {
    return failed({ ...what, got: `${file}, which is damaged`, mend: 'get the file anew' })
  }
  const [first] = certificates
  if (first === undefined) {
    const mend = mendForNoPem(bytes.value, 'openssl x509 -inform der -in FILE -out FILE.pem')
    return failed({ ...what, got: `${file}, which holds none`, mend })
  }
  const problem = validityProblem(first, nowMs)
  if (problem !== undefined && certificates.every((each) => validityProblem(each, nowMs))) {
    return failed({ ...what, ...problem })
  }
  if (!certificates.some(isSelfIssued)) {
    const got = `${nameOf(first)} without the root above it, ${issuerName(first)}`
    return failed({ ...what, expected: 'certificates up to a root', got, mend: 'append the root' })
  }
  return {
    ok: true,
    value: {
      file,
      certificates,
      pems: certificates.map(String),
      expiring: certificates.map((each) => ({
        role: 'ca',
        where: file,
        subject: nameOf(each),
        notBeforeMs: notBeforeMs(each),
        notAfterMs: notAfterMs(each),
      })),
    },
  }
}
