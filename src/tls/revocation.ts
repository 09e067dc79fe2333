// Revocation lists (RFC 5280 §5) from a PEM file: that they are of the authorities in use, and when they have to be renewed.
// Who is on them is OpenSSL's business, in each handshake.
import type { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { nameOf } from './chain.ts'
import {
  DerError,
  derInteger,
  derMembers,
  derTag,
  derTime,
  type DerValue,
  expectDer,
  readDer,
} from './der.ts'
import { failed, mendForNoPem, pemBlocks, type Reading, readMaterialFile } from './material.ts'
import type { Expiring } from './source.ts'
import { notAfterMs } from './validity.ts'

export interface RevocationLists {
  readonly file: string
  /** For the `crl` of a context: one text each. */
  readonly pems: readonly string[]
  readonly expiring: readonly Expiring[]
  /** Parsed, for the connections that are open when the lists change. */
  readonly lists: readonly RevocationList[]
}

export interface RevocationContext {
  /** Whose lists they have to be. */
  readonly authorities: readonly X509Certificate[]
  readonly nowMs: number
}

/** OpenSSL refuses every client of an authority that it has no list of, or an old one: better said at the start. */
export function readRevocationLists(
  file: string,
  { authorities, nowMs }: RevocationContext,
): Reading<RevocationLists> {
  const what = { of: 'revocation', file, expected: 'a PEM file with revocation lists' } as const
  const bytes = readMaterialFile(file, what)
  if (!bytes.ok) return bytes
  const pems = pemBlocks(bytes.value.toString('latin1'), /X509 CRL/)
  if (pems.length === 0) {
    const mend = mendForNoPem(bytes.value, 'openssl crl -inform der -in FILE -out FILE.pem')
    return failed({ ...what, got: `${file}, which holds none`, mend })
  }
  let lists: readonly RevocationList[]
  try {
    createSecureContext({ crl: [...pems] })
    lists = pems.map(parseList)
  } catch {
    return failed({ ...what, got: `${file}, which is damaged`, mend: 'get the file anew' })
  }
  const owners = lists.map(({ issuer }) =>
    authorities.find((each) => namesOf(each).subject.equals(issuer)),
  )
  const mend = 'make a new one, as with: sallyport certs crl'
  for (const [index, list] of lists.entries()) {
    const owner = owners[index]
    const whose = owner === undefined ? 'of an authority' : `of ${nameOf(owner)}`
    if (list.nextUpdateMs <= nowMs) {
      const got = `one ${whose} that expired on ${new Date(list.nextUpdateMs).toUTCString()}`
      return failed({ ...what, expected: 'revocation lists that have not expired', got, mend })
    }
  }
  const without = authorities.find((each) => vouches(each, nowMs) && !owners.includes(each))
  if (without !== undefined) {
    const expected = 'a revocation list of each authority in client_ca_file'
    return failed({ ...what, expected, got: `none of ${nameOf(without)}`, mend: 'append it' })
  }
  return { ok: true, value: { file, pems, lists, expiring: expiringOf(file, lists, owners) } }
}

/** A bundle may hold certificates that vouch for nobody: expired ones, and some that are trusted as they are. */
function vouches(authority: X509Certificate, nowMs: number): boolean {
  return authority.ca && notAfterMs(authority) > nowMs
}

function expiringOf(
  where: string,
  lists: readonly RevocationList[],
  owners: readonly (X509Certificate | undefined)[],
): readonly Expiring[] {
  return lists.flatMap(({ thisUpdateMs, nextUpdateMs }, index) => {
    const owner = owners[index]
    const subject = owner === undefined ? 'an authority that is not in use' : nameOf(owner)
    // A list without an end never has to be renewed.
    if (!Number.isFinite(nextUpdateMs)) return []
    const times = { notBeforeMs: thisUpdateMs, notAfterMs: nextUpdateMs }
    return [{ role: 'crl', where, subject, ...times } as const]
  })
}

export interface RevocationList {
  /** The name in DER. */
  readonly issuer: Buffer
  /** Serial numbers in DER, as hexadecimal. */
  readonly serials: ReadonlySet<string>
  readonly thisUpdateMs: number
  /** Infinity: the list does not say. */
  readonly nextUpdateMs: number
}

/** TBSCertList (RFC 5280 §5.1): version, signature, issuer, thisUpdate, nextUpdate, … */
function parseList(pem: string): RevocationList {
  const der = Buffer.from(pem.replaceAll(/-----[^-]+-----/g, ''), 'base64')
  const [tbs] = derMembers(expectDer(readDer(der), derTag.sequence))
  const members = derMembers(expectDer(tbs, derTag.sequence))
  const hasVersion = members[0]?.tag === derTag.integer
  if (hasVersion && derInteger(members[0]) !== 1) throw new DerError('not of version 2')
  const [, issuer, thisUpdate, ...rest] = hasVersion ? members.slice(1) : members
  if (thisUpdate === undefined || !isTime(thisUpdate)) throw new DerError('no date')
  const nextUpdate = rest.find(isTime)
  const revoked = rest.find(({ tag }) => tag === derTag.sequence)
  return {
    issuer: expectDer(issuer, derTag.sequence).whole,
    serials: new Set(revoked === undefined ? [] : derMembers(revoked).map(serialOfEntry)),
    thisUpdateMs: derTime(thisUpdate),
    nextUpdateMs: nextUpdate === undefined ? Infinity : derTime(nextUpdate),
  }
}

function serialOfEntry(entry: DerValue): string {
  return expectDer(readDer(entry.content), derTag.integer).content.toString('hex')
}

/** Whether the certificate is on a list of its issuer. */
export function isRevoked(certificate: X509Certificate, { lists }: RevocationLists): boolean {
  const { issuer, serial } = namesOf(certificate)
  return lists.some((list) => list.issuer.equals(issuer) && list.serials.has(serial))
}

function isTime({ tag }: DerValue): boolean {
  return tag === derTag.utcTime || tag === derTag.generalizedTime
}

interface Names {
  /** In DER, as the name of the subject. */
  readonly issuer: Buffer
  readonly subject: Buffer
  /** In DER, as hexadecimal. */
  readonly serial: string
}

/** TBSCertificate (RFC 5280 §4.1): version, serialNumber, signature, issuer, validity, subject, … */
function namesOf({ raw }: X509Certificate): Names {
  const [tbs] = derMembers(readDer(raw))
  const members = derMembers(expectDer(tbs, derTag.sequence))
  const hasVersion = members[0]?.tag === derTag.context0
  const [serial, , issuer, , subject] = hasVersion ? members.slice(1) : members
  return {
    issuer: expectDer(issuer, derTag.sequence).whole,
    subject: expectDer(subject, derTag.sequence).whole,
    serial: expectDer(serial, derTag.integer).content.toString('hex'),
  }
}
