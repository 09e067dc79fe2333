// Issues a certificate into its place on disk: all its files at once, recorded in the register, nothing overwritten.
import { X509Certificate } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import { type Clock, systemClock } from '../core/index.ts'
import { CertificateError } from './certificate-error.ts'
import {
  type FileContent,
  isTaken,
  makeFolder,
  placeFolder,
  readIfThere,
  sweepDrafts,
  writeNewFile,
} from './files.ts'
import { type AroundKey, encryptKey } from './keys.ts'
import { issueLeaf } from './leaf.ts'
import type { SubjectName } from './names.ts'
import type { KeyType } from './options.ts'
import { decryptKey } from './open-authority.ts'
import { makePkcs12 } from './pkcs12.ts'
import { forgetIssued, recordIssued } from './register.ts'
import type { PairFiles } from './tree.ts'
import type { CertificateAndKey } from './x509.ts'

const DAY_MS = 24 * 60 * 60_000

export interface IssueRequest {
  /** The tree whose register records it. */
  readonly dir: string
  readonly authority: CertificateAndKey
  readonly files: PairFiles
  /** A folder that is made with the files in it, in one step. Undefined: the files lie among others. */
  readonly folder?: string
  readonly purpose: 'server' | 'client'
  readonly commonName: string
  readonly names: readonly SubjectName[]
  readonly days: number
  readonly keyType: KeyType
  readonly passwords: Passwords
  readonly clock?: Clock
  readonly aroundKey?: AroundKey | undefined
}

/** Undefined: the key is written as it is; no PKCS#12 file is written. */
export interface Passwords {
  readonly key?: string | undefined
  readonly pfx?: string | undefined
}

export interface Issued {
  /** `added`: the pair was there, its PKCS#12 file was not. */
  readonly state: 'made' | 'there' | 'added'
  readonly certificate: X509Certificate
}

export async function issueAt(request: IssueRequest): Promise<Issued> {
  const { dir, folder, files, clock = systemClock } = request
  const there = await findPair(files)
  if (there !== undefined) return addPkcs12(request, there)
  await sweepDrafts(dirname(folder ?? files.certFile), clock.nowMs())
  const { authority, purpose, commonName, names, days, keyType, aroundKey } = request
  const validForMs = days * DAY_MS
  const pair = await issueLeaf({
    authority,
    purpose,
    commonName,
    names,
    validForMs,
    keyType,
    aroundKey,
    clock,
  })
  const certificate = new X509Certificate(pair.certPem)
  // Before the files: a certificate that somebody has and nobody knows of could not be found again to be revoked.
  await recordIssued(dir, factOf(dir, files, certificate, days))
  const contents = await fileContents(request, pair)
  const placed =
    folder === undefined ? await placeFiles(contents) : await placeInFolder(folder, contents)
  if (placed) return { state: 'made', certificate }
  await forgetIssued(dir, certificate.serialNumber)
  const other = await findPair(files)
  if (other !== undefined) return addPkcs12(request, other)
  throw new CertificateError(
    'files',
    `${folder ?? dirname(files.certFile)}: expected neither a certificate nor its key, got other files; move them away`,
  )
}

export function factOf(dir: string, files: PairFiles, certificate: X509Certificate, days: number) {
  const fromTree = (path: string): string => relative(dir, path)
  return {
    serial: certificate.serialNumber,
    label: files.label,
    subject: certificate.subject.replaceAll('\n', ', '),
    notAfter: new Date(certificate.validTo).toISOString(),
    days,
    certFile: fromTree(files.certFile),
    keyFile: fromTree(files.keyFile),
    ...(files.caFile !== undefined && { caFile: fromTree(files.caFile) }),
    ...(files.pfxFile !== undefined && { pfxFile: fromTree(files.pfxFile) }),
  }
}

interface StoredPair {
  readonly certPem: string
  /** As it is on disk, maybe encrypted. */
  readonly keyPem: string
}

/** Both halves, or undefined for none. @throws CertificateError for one without the other. */
export async function findPair({ certFile, keyFile }: PairFiles): Promise<StoredPair | undefined> {
  const [certPem, keyPem] = [await readIfThere(certFile), await readIfThere(keyFile)]
  if (certPem === undefined && keyPem === undefined) return undefined
  if (certPem !== undefined && keyPem !== undefined) return { certPem, keyPem }
  const [there, missing] = certPem === undefined ? [keyFile, certFile] : [certFile, keyFile]
  throw new CertificateError(
    'files',
    `${missing}: expected the other half of ${there}, got no such file; bring it back, or delete both`,
  )
}

/** The files of a pair as they are to be written. */
export async function fileContents(
  { files, authority, passwords }: Pick<IssueRequest, 'files' | 'authority' | 'passwords'>,
  pair: CertificateAndKey,
): Promise<readonly FileContent[]> {
  const { certFile, keyFile, caFile, pfxFile, label } = files
  const key =
    passwords.key === undefined ? pair.keyPem : await encryptKey(pair.keyPem, passwords.key)
  const caPem = authority.certPem
  const password = passwords.pfx
  const pfx =
    password === undefined || pfxFile === undefined
      ? []
      : [
          {
            path: pfxFile,
            content: await makePkcs12({ pair, caPem, password, friendlyName: label }),
          },
        ]
  return [
    { path: keyFile, content: key, secret: true },
    { path: certFile, content: pair.certPem },
    ...pfx.map((file) => ({ ...file, secret: true })),
    ...(caFile === undefined ? [] : [{ path: caFile, content: caPem }]),
  ]
}

/** An empty folder gives way; one with other files in it keeps them. */
function placeInFolder(folder: string, contents: readonly FileContent[]): Promise<boolean> {
  return placeFolder(
    folder,
    contents.map((file) => ({ ...file, path: relative(folder, file.path) })),
  )
}

/** One after the other, all or none. An authority's certificate that is there stays. */
async function placeFiles(contents: readonly FileContent[]): Promise<boolean> {
  const written: string[] = []
  try {
    for (const file of contents) {
      await makeFolder(dirname(file.path))
      await writeNewFile(file)
      written.push(file.path)
    }
    return true
  } catch (thrown) {
    for (const path of written) await rm(path, { force: true })
    if (isTaken(thrown)) return false
    throw thrown
  }
}

async function addPkcs12(request: IssueRequest, { certPem, keyPem }: StoredPair): Promise<Issued> {
  const { files, passwords, authority } = request
  const { pfxFile, keyFile, label } = files
  const certificate = readLeaf(certPem, files.certFile)
  const there: Issued = { state: 'there', certificate }
  if (passwords.pfx === undefined || pfxFile === undefined) return there
  const plain = decryptKey({ keyFile, keyPem, password: passwords.key, flag: '--password' })
  const content = await makePkcs12({
    pair: { certPem, keyPem: plain },
    caPem: authority.certPem,
    password: passwords.pfx,
    friendlyName: label,
  })
  try {
    await writeNewFile({ path: pfxFile, content, secret: true })
    return { ...there, state: 'added' }
  } catch (thrown) {
    if (isTaken(thrown)) return there
    throw thrown
  }
}

export function readLeaf(certPem: string, certFile: string): X509Certificate {
  try {
    return new X509Certificate(certPem)
  } catch (thrown) {
    const message = `${certFile}: expected a certificate in PEM, got something else; bring it back from a copy, or delete it with its key`
    throw new CertificateError('files', message, { cause: thrown })
  }
}
