// Puts certificates and keys on disk: keys for their owner alone, each file whole or not there, nothing overwritten unasked.
import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isNodeError } from '../core/index.ts'
import type { CertificateAndKey } from './x509.ts'

const FOLDER_MODE = 0o700
/** Certificates are for all to read, so what they lie in is for all to enter; keys have a mode of their own. */
const SHARED_FOLDER_MODE = 0o755
const KEY_MODE = 0o600
const CERT_MODE = 0o644

/** Makes the folder and those above it that are missing, for the owner alone. One that is there keeps its mode. */
export async function makePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: FOLDER_MODE })
}

/** The same for what others may enter. */
export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: SHARED_FOLDER_MODE })
}

export interface KeyPairFiles {
  readonly certFile: string
  readonly keyFile: string
}

export interface WriteRequest {
  readonly folder: string
  /** File name without ending: `<name>.crt`, `<name>.key`. */
  readonly name: string
  readonly pair: CertificateAndKey
  /** Replace files that are there; default false. */
  readonly overwrite?: boolean
}

/** Where writeKeyPair puts a pair. */
export function keyPairFiles(folder: string, name: string): KeyPairFiles {
  return { certFile: join(folder, `${name}.crt`), keyFile: join(folder, `${name}.key`) }
}

/**
 * Writes both files or neither. When files are replaced, a reader between the two renames sees the new key with the old
 * certificate; who may read at any time checks that they belong together.
 *
 * @throws Error when one of the files is there and `overwrite` was not asked for.
 */
export async function writeKeyPair(request: WriteRequest): Promise<KeyPairFiles> {
  const { folder, name, pair, overwrite = false } = request
  const files = keyPairFiles(folder, name)
  await makePrivateFolder(folder)
  const place = overwrite ? rename : linkNew
  await writeWhole({ path: files.keyFile, content: pair.keyPem, secret: true }, place)
  try {
    await writeWhole({ path: files.certFile, content: pair.certPem }, place)
  } catch (thrown) {
    if (!overwrite) await unlink(files.keyFile)
    throw thrown
  }
  return files
}

/** A file as it is to be: keys for their owner alone, everything else for all to read. */
export interface FileContent {
  readonly path: string
  readonly content: string | Uint8Array
  readonly secret?: boolean
}

type Place = (draft: string, path: string) => Promise<void>

/** @throws Error when there is such a file. */
export function writeNewFile(file: FileContent): Promise<void> {
  return writeWhole(file, linkNew)
}

/** Whoever reads meanwhile gets all of the old content or all of the new. */
export function replaceFile(file: FileContent): Promise<void> {
  return writeWhole(file, rename)
}

/** Writes beside the path, for `rename` to bring it there later. Returns where. */
export async function draftFile({ path, content, secret = false }: FileContent): Promise<string> {
  const draft = draftName(path)
  try {
    const mode = secret ? KEY_MODE : CERT_MODE
    const file = await open(draft, 'wx', mode)
    try {
      await file.writeFile(content)
      // The umask narrows what `open` was told; under 077 others could not read a certificate.
      await file.chmod(mode)
      await file.sync()
    } finally {
      await file.close()
    }
    return draft
  } catch (thrown) {
    await rm(draft, { force: true })
    throw thrown
  }
}

function draftName(path: string): string {
  return `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
}

/** Writes beside the path and brings it there in one step, so that nobody ever reads half a file. */
async function writeWhole(file: FileContent, place: Place): Promise<void> {
  const draft = await draftFile(file)
  try {
    await place(draft, file.path)
  } catch (thrown) {
    await rm(draft, { force: true })
    throw thrown
  }
}

/** A link fails where a rename would replace. */
async function linkNew(draft: string, path: string): Promise<void> {
  try {
    await link(draft, path)
  } catch (thrown) {
    if (!isNodeError(thrown, 'EEXIST')) throw thrown
    throw new Error(`${path}: expected no such file, there is one; it was left as it is`, {
      cause: thrown,
    })
  }
  await unlink(draft)
}

/** Whether a write failed because the file was there, and not for the disk's or the system's reasons. */
export function isTaken(thrown: unknown): boolean {
  return thrown instanceof Error && isNodeError(thrown.cause, 'EEXIST')
}

/**
 * Makes a folder with all its files in one step: others see no folder, or all of it. False when there is one with something
 * in it already; it is left as it is.
 */
export async function placeFolder(folder: string, files: readonly FileContent[]): Promise<boolean> {
  const above = dirname(folder)
  await makeFolder(above)
  const draft = join(above, `.${basename(draftName(folder))}`)
  await mkdir(draft, { mode: SHARED_FOLDER_MODE })
  try {
    for (const file of files) await writeNewFile({ ...file, path: join(draft, file.path) })
    await rename(draft, folder)
    return true
  } catch (thrown) {
    await rm(draft, { recursive: true, force: true })
    if (isNodeError(thrown, 'ENOTEMPTY') || isNodeError(thrown, 'EEXIST')) return false
    throw thrown
  }
}

/** Drafts end in the process and eight digits; nobody writes one for longer than a few seconds. */
const DRAFT = /\.\d+\.[0-9a-f]{8}$/
const DRAFT_LIFE_MS = 60 * 60_000

/** Removes what a run left behind that was killed in the middle: drafts hold keys. */
export async function sweepDrafts(folder: string, nowMs: number): Promise<void> {
  for (const name of await namesIn(folder)) {
    if (!DRAFT.test(name)) continue
    const path = join(folder, name)
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: nowMs }))
    if (nowMs - mtimeMs > DRAFT_LIFE_MS) await rm(path, { recursive: true, force: true })
  }
}

/** What is in a folder; nothing when there is none. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).toSorted()
  } catch (thrown) {
    if (isNodeError(thrown, 'ENOENT') || isNodeError(thrown, 'ENOTDIR')) return []
    throw thrown
  }
}

/** The content of a text file; undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (thrown) {
    if (isNodeError(thrown, 'ENOENT') || isNodeError(thrown, 'ENOTDIR')) return undefined
    throw thrown
  }
}
