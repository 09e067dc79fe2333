// How long everything lasts: the authority, what it issued, its list of revoked certificates, and other files that are in use.
import { X509Certificate } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Clock, systemClock } from '../core/index.ts'
import { CertificateError } from './certificate-error.ts'
import { readIfThere } from './files.ts'
import { parseCertificateFile } from './parse.ts'
import { readAllIssued, readAllRevoked } from './register.ts'
import { authorityFiles, type PairFiles, placesIn } from './tree.ts'

const DAY_MS = 24 * 60 * 60_000

export type Standing =
  | 'ok'
  | 'expires soon'
  | 'expired'
  | 'not yet valid'
  | 'revoked'
  | 'unreadable'

export interface SurveyedCertificate {
  /** `Plugin MyPlugin`; the key of the configuration for a file that it names. */
  readonly label: string
  readonly file: string
  readonly standing: Standing
  readonly subject?: string
  readonly serial?: string
  readonly notBefore?: Date
  /** Of a list of revoked certificates: when the next one is due. */
  readonly notAfter?: Date
  /** Whole days left, rounded down; negative when it is over. */
  readonly daysLeft?: number
  /** Why it cannot be read. */
  readonly reason?: string
}

export interface UsedFile {
  readonly label: string
  readonly file: string
  /** For PKCS#12 files. */
  readonly password?: string | undefined
}

export interface SurveyRequest {
  /** Undefined: no tree is looked at. */
  readonly dir: string | undefined
  readonly used: readonly UsedFile[]
  readonly withinMs: number
  readonly clock?: Clock
}

export async function survey(request: SurveyRequest): Promise<readonly SurveyedCertificate[]> {
  const { dir, used, withinMs, clock = systemClock } = request
  const own = dir === undefined ? [] : await filesOfTree(dir)
  const revoked = new Set(
    dir === undefined ? [] : (await readAllRevoked(dir)).map(({ serial }) => serial),
  )
  const judging = { nowMs: clock.nowMs(), withinMs, revoked }
  const known = new Set(own.map(({ file }) => resolve(file)))
  const others = used.filter(({ file }) => !known.has(resolve(file)))
  const found = await Promise.all([...own, ...others].map((file) => surveyFile(file, judging)))
  return found.flat()
}

async function filesOfTree(dir: string): Promise<readonly UsedFile[]> {
  const { label, certFile, crlFile } = authorityFiles(dir)
  const crl = (await isThere(crlFile)) ? [{ label: 'Revocation List', file: crlFile }] : []
  const pairs = (await pairsOf(dir)).map((pair) => ({ label: pair.label, file: pair.certFile }))
  return [{ label, file: certFile }, ...crl, ...pairs]
}

/** Every pair that the authority of a tree is known to have issued: those in the tree, and those elsewhere that it recorded. */
export async function pairsOf(dir: string): Promise<readonly PairFiles[]> {
  const inTree = await placesIn(dir)
  const known = new Set(inTree.map(({ certFile }) => resolve(certFile)))
  const elsewhere = new Map<string, PairFiles>()
  for (const fact of await readAllIssued(dir)) {
    const certFile = join(dir, fact.certFile)
    const certPem = known.has(resolve(certFile)) ? undefined : await readIfThere(certFile)
    // Files that were moved away or replaced by others are not ours any more.
    if (certPem === undefined || serialOf(certPem) !== fact.serial) continue
    const at = (path: string | undefined) => (path === undefined ? undefined : join(dir, path))
    const { label, caFile, pfxFile } = fact
    const keyFile = join(dir, fact.keyFile)
    const files = { label, certFile, keyFile, caFile: at(caFile), pfxFile: at(pfxFile) }
    elsewhere.set(resolve(certFile), files)
  }
  return [...inTree, ...elsewhere.values()]
}

function serialOf(certPem: string): string | undefined {
  try {
    return new X509Certificate(certPem).serialNumber
  } catch {
    // Something else lies there now.
    return undefined
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await readIfThere(path)) !== undefined
}

interface Judging {
  readonly nowMs: number
  readonly withinMs: number
  readonly revoked: ReadonlySet<string>
}

async function surveyFile(
  { label, file, password }: UsedFile,
  judging: Judging,
): Promise<readonly SurveyedCertificate[]> {
  try {
    await stat(file)
  } catch (thrown) {
    const { code = '' } = thrown as NodeJS.ErrnoException
    const reason = code === 'ENOENT' || code === 'ENOTDIR' ? 'no such file' : code
    return [{ label, file, standing: 'unreadable', reason }]
  }
  try {
    const { certificates, lists } = await parseCertificateFile(file, password)
    const of = (position: number): string =>
      position === 0 ? label : `${label}, chain ${position}`
    const found = [
      ...certificates.map(({ subject, serialNumber: serial, notBefore, notAfter }, index) =>
        judge({ label: of(index), file, subject, serial, notBefore, notAfter }, judging),
      ),
      ...lists.flatMap(({ issuer, thisUpdate, nextUpdate }) => {
        const times = { notBefore: thisUpdate, ...(nextUpdate && { notAfter: nextUpdate }) }
        return judge({ label, file, subject: issuer, ...times }, judging)
      }),
    ]
    if (found.length > 0) return found
    return [{ label, file, standing: 'unreadable', reason: 'holds no certificate' }]
  } catch (thrown) {
    if (!(thrown instanceof CertificateError)) throw thrown
    const reason = thrown.message.replace(`${file}: `, '')
    return [{ label, file, standing: 'unreadable', reason }]
  }
}

function judge(
  found: Omit<SurveyedCertificate, 'standing' | 'daysLeft'>,
  { nowMs, withinMs, revoked }: Judging,
): SurveyedCertificate {
  const { serial, notBefore, notAfter } = found
  if (notAfter === undefined) return { ...found, standing: 'ok' }
  const leftMs = notAfter.getTime() - nowMs
  const daysLeft = Math.floor(leftMs / DAY_MS)
  const standing = (): Standing => {
    if (serial !== undefined && revoked.has(serial)) return 'revoked'
    if (leftMs <= 0) return 'expired'
    if (notBefore !== undefined && notBefore.getTime() > nowMs) return 'not yet valid'
    return leftMs < withinMs ? 'expires soon' : 'ok'
  }
  return { ...found, daysLeft, standing: standing() }
}
