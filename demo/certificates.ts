// The demo's throw-away authority and server certificate: kept in the state folder while they are good, made anew when not.
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import {
  type CertificateAndKey,
  issueLeaf,
  type KeyPairFiles,
  keyPairFiles,
  makeAuthority,
  type SubjectName,
  writeKeyPair,
} from '../src/certs/index.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const AUTHORITY_VALID_FOR_MS = 365 * DAY_MS
const SERVER_VALID_FOR_MS = 90 * DAY_MS
/** What ends within this is made anew: nobody should have to look for the reason while trying something out. */
const RENEW_BEFORE_END_MS = 14 * DAY_MS

export interface DemoCertificates {
  /** What clients are told to trust. */
  readonly caFile: string
  readonly server: KeyPairFiles
}

interface Pair extends CertificateAndKey {
  readonly certificate: X509Certificate
}

export async function keepCertificates(
  folder: string,
  names: readonly SubjectName[],
  nowMs: number = Date.now(),
): Promise<DemoCertificates> {
  const files = { ca: keyPairFiles(folder, 'ca'), server: keyPairFiles(folder, 'server') }
  const keptCa = readPair(files.ca, nowMs)
  const ca = keptCa ?? (await makeCa(folder))
  const server = readPair(files.server, nowMs)
  const isGood = server !== undefined && isIssuedBy(ca, server) && hasNames(server, names)
  if (!isGood) await makeServerPair(folder, ca, names)
  return { caFile: files.ca.certFile, server: files.server }
}

async function makeCa(folder: string): Promise<CertificateAndKey> {
  const pair = await makeAuthority({
    commonName: 'Sallyport demo authority',
    validForMs: AUTHORITY_VALID_FOR_MS,
  })
  await writeKeyPair({ folder, name: 'ca', pair, overwrite: true })
  return pair
}

async function makeServerPair(
  folder: string,
  authority: CertificateAndKey,
  names: readonly SubjectName[],
): Promise<void> {
  const pair = await issueLeaf({
    authority,
    purpose: 'server',
    commonName: 'Sallyport demo',
    names,
    validForMs: SERVER_VALID_FOR_MS,
  })
  await writeKeyPair({ folder, name: 'server', pair, overwrite: true })
}

/** Undefined for a pair that is not there, cannot be used, ends soon, or whose key others may have read. */
function readPair({ certFile, keyFile }: KeyPairFiles, nowMs: number): Pair | undefined {
  try {
    if ((statSync(keyFile).mode & 0o077) !== 0) return undefined
    const certPem = readFileSync(certFile, 'utf8')
    const keyPem = readFileSync(keyFile, 'utf8')
    const certificate = new X509Certificate(certPem)
    const isCurrent =
      Date.parse(certificate.validFrom) <= nowMs &&
      Date.parse(certificate.validTo) > nowMs + RENEW_BEFORE_END_MS
    if (!isCurrent || !certificate.checkPrivateKey(createPrivateKey(keyPem))) return undefined
    return { certPem, keyPem, certificate }
  } catch {
    // Missing, unreadable, or no PEM: whatever it is, new files take its place, and if they cannot, that is told.
    return undefined
  }
}

function isIssuedBy(ca: CertificateAndKey, { certificate }: Pair): boolean {
  const authority = new X509Certificate(ca.certPem)
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
}

function hasNames({ certificate }: Pair, names: readonly SubjectName[]): boolean {
  return names.every(({ kind, value }) =>
    kind === 'ip'
      ? certificate.checkIP(value) !== undefined
      : certificate.checkHost(value) !== undefined,
  )
}
