// Issues what is there anew, with the same names, and puts it in the place of the old one.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { link, rename, rm } from 'node:fs/promises'
import { type Clock, isNodeError, systemClock } from '../core/index.ts'
import { renewAuthority } from './authority.ts'
import { CertificateError } from './certificate-error.ts'
import { draftFile, type FileContent, readIfThere, replaceFile } from './files.ts'
import { factOf, fileContents, findPair, type Passwords, readLeaf } from './issue-at.ts'
import { type AroundKey, isEncrypted } from './keys.ts'
import { renewLeaf } from './leaf.ts'
import { decryptKey } from './open-authority.ts'
import { forgetIssued, readAllRevoked, readIssued, recordIssued } from './register.ts'
import { withTurn } from './turn.ts'
import { pairsOf } from './survey.ts'
import { authorityFiles, type PairFiles } from './tree.ts'
import type { CertificateAndKey } from './x509.ts'

const DAY_MS = 24 * 60 * 60_000
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n?/g

interface Renewal {
  readonly dir: string
  readonly authority: CertificateAndKey
  /** Undefined: as many as the old one was asked to have. */
  readonly days: number | undefined
  readonly clock?: Clock
}

export interface LeafFilesRenewal extends Renewal {
  readonly files: PairFiles
  /** Go on with the key that is there. */
  readonly keepKey: boolean
  readonly passwords: Passwords
  readonly aroundKey?: AroundKey | undefined
}

export interface Renewed {
  readonly certificate: X509Certificate
  /** Of the certificate that was replaced; it is good until its own end, unless it is revoked. */
  readonly oldSerial: string
  readonly isOldRevoked: boolean
}

export async function renewLeafFiles(renewal: LeafFilesRenewal): Promise<Renewed> {
  const { dir, files, authority, keepKey, clock = systemClock } = renewal
  await withTurn(files.certFile, clock, () => finishRenewal(files))
  const { old, certPem, keyPem } = await readPair(renewal)
  const days = renewal.days ?? (await daysOf(dir, old))
  const pair = await renewLeaf({
    authority,
    certPem,
    keyPem: keepKey ? keyPem : undefined,
    validForMs: days * DAY_MS,
    clock,
    aroundKey: renewal.aroundKey,
  })
  const certificate = new X509Certificate(pair.certPem)
  await recordIssued(dir, factOf(dir, files, certificate, days))
  // The authority is the same, and so are the copies of its certificate.
  const renewed = { ...renewal, files: { ...files, caFile: undefined } }
  const contents = await fileContents(renewed, pair)
  const isStillOld = await withTurn(files.certFile, clock, async () => {
    const now = readLeaf((await readIfThere(files.certFile)) ?? '', files.certFile)
    if (now.serialNumber !== old.serialNumber) return false
    await replaceTogether(withChain(contents, files, certPem))
    return true
  })
  const oldSerial = old.serialNumber
  const isOldRevoked = (await revocationOf(dir, oldSerial)) !== undefined
  if (isStillOld) return { certificate, oldSerial, isOldRevoked }
  // Another run was faster, and one renewal is what both were asked for.
  await forgetIssued(dir, certificate.serialNumber)
  const { old: current } = await readPair(renewal)
  return { certificate: current, oldSerial, isOldRevoked }
}

interface OldPair {
  readonly old: X509Certificate
  readonly certPem: string
  /** Unencrypted. */
  readonly keyPem: string
}

async function readPair({
  dir,
  files,
  authority,
  keepKey,
  passwords,
}: LeafFilesRenewal): Promise<OldPair> {
  const { certFile, keyFile, pfxFile } = files
  const stored = await findPair(files)
  if (stored === undefined) {
    const message = `${certFile}: expected a certificate to renew, got no such file; look at what there is with: sallyport certs check`
    throw new CertificateError('files', message)
  }
  const old = readLeaf(stored.certPem, certFile)
  if (!isIssuedBy(old, authority.certPem)) {
    const message = `${certFile}: expected a certificate of the authority in ${authorityFiles(dir).certFile}, got one of another; renew it where it was made`
    throw new CertificateError('files', message)
  }
  if (
    pfxFile !== undefined &&
    passwords.pfx === undefined &&
    (await readIfThere(pfxFile)) !== undefined
  ) {
    const message = `${pfxFile}: expected the password of this file, which is renewed too, got none; give it with --p12-password-file FILE or --p12-password-env NAME, or delete the file`
    throw new CertificateError('denied', message)
  }
  const { certPem, keyPem: storedKey } = stored
  if (!isEncrypted(storedKey) && !keepKey) return { old, certPem, keyPem: storedKey }
  // The new key is protected as the old one is, or the renewal would quietly undo that.
  const { key: password } = passwords
  const keyPem = decryptKey({ keyFile, keyPem: storedKey, password, flag: '--password' })
  if (keepKey) await refuseLostKey(dir, old, keyFile)
  return { old, certPem, keyPem }
}

async function refuseLostKey(dir: string, { serialNumber }: X509Certificate, keyFile: string) {
  const fact = await revocationOf(dir, serialNumber)
  if (fact?.reason !== 'keyCompromise') return
  const message = `${keyFile}: expected a key that nobody else has, got one that was revoked for keyCompromise; renew without --keep-key`
  throw new CertificateError('request', message)
}

async function revocationOf(dir: string, serialNumber: string) {
  return (await readAllRevoked(dir)).find(({ serial }) => serial === serialNumber)
}

export function isIssuedBy(certificate: X509Certificate, authorityPem: string): boolean {
  const authority = new X509Certificate(authorityPem)
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
}

async function daysOf(dir: string, { serialNumber, validFrom, validTo }: X509Certificate) {
  const fact = await readIssued(dir, serialNumber)
  return (
    fact?.days ?? Math.max(1, Math.round((Date.parse(validTo) - Date.parse(validFrom)) / DAY_MS))
  )
}

/** What followed the old certificate in its file follows the new one. */
function withChain(contents: readonly FileContent[], { certFile }: PairFiles, oldPem: string) {
  const chain = (oldPem.match(PEM_CERTIFICATE) ?? []).slice(1)
  return contents.map((file) =>
    file.path === certFile ? { ...file, content: [file.content, ...chain].join('') } : file,
  )
}

/**
 * Everything is written beside first, and the old files get a second name; then come the renames, one right after the other.
 * A run that is killed between two of them leaves a new key with an old certificate, and `finishRenewal` of the next one
 * brings the old pair back.
 */
async function replaceTogether(contents: readonly FileContent[]): Promise<void> {
  const drafts: { readonly draft: string; readonly path: string }[] = []
  for (const file of contents) drafts.push({ draft: await draftFile(file), path: file.path })
  for (const { path } of drafts) await keepBeside(path)
  for (const { draft, path } of drafts) await rename(draft, path)
  for (const { path } of drafts) await rm(previous(path), { force: true })
}

const previous = (path: string): string => `${path}.previous`

async function keepBeside(path: string): Promise<void> {
  await rm(previous(path), { force: true })
  try {
    await link(path, previous(path))
  } catch (thrown) {
    if (!isNodeError(thrown, 'ENOENT')) throw thrown
  }
}

/** Brings a pair in order that a killed run left between two renames. Only for who has the turn. */
async function finishRenewal({ certFile, keyFile, pfxFile, caFile }: PairFiles): Promise<void> {
  const paths = [certFile, keyFile, pfxFile, caFile].filter((path) => path !== undefined)
  const [cert, key] = [await readIfThere(certFile), await readIfThere(keyFile)]
  const oldKey = await readIfThere(previous(keyFile))
  if (oldKey !== undefined && cert !== undefined && key !== undefined && !isPair(cert, key)) {
    for (const path of paths) await bringBack(path)
    return
  }
  for (const path of paths) await rm(previous(path), { force: true })
}

async function bringBack(path: string): Promise<void> {
  try {
    await rename(previous(path), path)
  } catch (thrown) {
    if (!isNodeError(thrown, 'ENOENT')) throw thrown
  }
}

/** An encrypted key tells nothing, so the pair counts as none: the old one is right in either case. */
function isPair(certPem: string, keyPem: string): boolean {
  try {
    return new X509Certificate(certPem).checkPrivateKey(createPrivateKey(keyPem))
  } catch {
    // Broken or encrypted.
    return false
  }
}

/** The authority for longer, with the same key; every copy of its certificate in the tree follows. */
export async function renewAuthorityFiles(
  renewal: Renewal,
): Promise<{ readonly certPem: string; readonly certificate: X509Certificate }> {
  const { dir, authority, clock = systemClock } = renewal
  const old = new X509Certificate(authority.certPem)
  const days = renewal.days ?? (await daysOf(dir, old))
  const { certPem } = await renewAuthority(authority, { validForMs: days * DAY_MS, clock })
  await replaceFile({ path: authorityFiles(dir).certFile, content: certPem })
  await copyAuthority(dir, certPem)
  return { certPem, certificate: new X509Certificate(certPem) }
}

/** Not where somebody put other authorities beside ours: a list of whom to trust is theirs to edit. */
async function copyAuthority(dir: string, certPem: string): Promise<void> {
  const { publicKey } = new X509Certificate(certPem)
  for (const { caFile } of await pairsOf(dir)) {
    const text = caFile === undefined ? undefined : await readIfThere(caFile)
    if (caFile === undefined || text === undefined) continue
    const [only = '', ...others] = text.match(PEM_CERTIFICATE) ?? []
    if (others.length > 0 || !isOf(only, publicKey)) continue
    await replaceFile({ path: caFile, content: certPem })
  }
}

function isOf(certPem: string, publicKey: KeyObject): boolean {
  try {
    return new X509Certificate(certPem).publicKey.equals(publicKey)
  } catch {
    // Not a certificate.
    return false
  }
}
