// What an authority issued and revoked. One fact, one file, never changed once it is there: runs at the same time cannot
// overwrite each other's, so there is no lock to wait for and none to be left behind by a run that was killed.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CertificateError } from './certificate-error.ts'
import { isTaken, makePrivateFolder, namesIn, readIfThere, writeNewFile } from './files.ts'
import type { RevocationReason } from './options.ts'
import { authorityFiles } from './tree.ts'

export interface IssuedFact {
  /** In hexadecimal, upper case, as Node and openssl print it. */
  readonly serial: string
  readonly label: string
  readonly subject: string
  readonly notAfter: string
  /** Life that was asked for; the certificate's own may be shorter, when its authority ended sooner. */
  readonly days: number
  /** Paths seen from the tree. */
  readonly certFile: string
  readonly keyFile: string
  readonly caFile?: string | undefined
  readonly pfxFile?: string | undefined
}

export interface RevokedFact {
  readonly serial: string
  readonly revokedAt: string
  readonly reason: RevocationReason
  readonly notAfter: string
}

const folderOf = (dir: string, kind: 'issued' | 'revoked'): string =>
  join(authorityFiles(dir).folder, kind)

export async function recordIssued(dir: string, fact: IssuedFact): Promise<void> {
  await record(folderOf(dir, 'issued'), fact)
}

/** For a certificate that was made and then not used, as another run was faster. */
export async function forgetIssued(dir: string, serial: string): Promise<void> {
  await rm(join(folderOf(dir, 'issued'), `${serial}.json`), { force: true })
}

/** The fact that holds: this one, or the one of who came first. */
export async function recordRevoked(dir: string, fact: RevokedFact): Promise<RevokedFact> {
  const folder = folderOf(dir, 'revoked')
  try {
    await record(folder, fact)
    return fact
  } catch (thrown) {
    if (!isTaken(thrown)) throw thrown
    return (await readFact<RevokedFact>(folder, `${fact.serial}.json`)) as RevokedFact
  }
}

export async function readIssued(dir: string, serial: string): Promise<IssuedFact | undefined> {
  return readFact(folderOf(dir, 'issued'), `${serial}.json`)
}

export function readAllIssued(dir: string): Promise<readonly IssuedFact[]> {
  return readAll(folderOf(dir, 'issued'))
}

export function readAllRevoked(dir: string): Promise<readonly RevokedFact[]> {
  return readAll(folderOf(dir, 'revoked'))
}

async function record(folder: string, fact: IssuedFact | RevokedFact): Promise<void> {
  await makePrivateFolder(folder)
  const content = `${JSON.stringify(fact, undefined, 2)}\n`
  await writeNewFile({ path: join(folder, `${fact.serial}.json`), content, secret: true })
}

async function readAll<T>(folder: string): Promise<readonly T[]> {
  const facts: T[] = []
  for (const name of await namesIn(folder)) {
    if (!/^[0-9A-F]+\.json$/.test(name)) continue
    const fact = await readFact<T>(folder, name)
    if (fact !== undefined) facts.push(fact)
  }
  return facts
}

async function readFact<T>(folder: string, name: string): Promise<T | undefined> {
  const path = join(folder, name)
  const text = await readIfThere(path)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as T
  } catch (thrown) {
    const message = `${path}: expected a fact as JSON, got something else; restore it from a copy`
    throw new CertificateError('files', message, { cause: thrown })
  }
}
