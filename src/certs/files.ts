// Puts certificates and keys on disk: keys for their owner alone, each file whole or not there, nothing overwritten unasked.
import { randomBytes } from 'node:crypto'
import { link, mkdir, open, rename, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { isNodeError } from '../core/index.ts'
import type { CertificateAndKey } from './x509.ts'

const FOLDER_MODE = 0o700
const KEY_MODE = 0o600
const CERT_MODE = 0o644

/** Makes the folder and those above it that are missing, for the owner alone. One that is there keeps its mode. */
export async function makePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: FOLDER_MODE })
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
  await writeWhole({ path: files.keyFile, text: pair.keyPem, mode: KEY_MODE }, place)
  try {
    await writeWhole({ path: files.certFile, text: pair.certPem, mode: CERT_MODE }, place)
  } catch (thrown) {
    if (!overwrite) await unlink(files.keyFile)
    throw thrown
  }
  return files
}

interface FileContent {
  readonly path: string
  readonly text: string
  readonly mode: number
}

type Place = (draft: string, path: string) => Promise<void>

/** Writes beside the path and brings it there in one step, so that nobody ever reads half a file. */
async function writeWhole({ path, text, mode }: FileContent, place: Place): Promise<void> {
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    const file = await open(draft, 'wx', mode)
    try {
      await file.writeFile(text)
      // The umask narrows what `open` was told; under 077 others could not read a certificate.
      await file.chmod(mode)
      await file.sync()
    } finally {
      await file.close()
    }
    await place(draft, path)
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
