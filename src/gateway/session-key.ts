// The key that seals session ids when the config names none: made once, kept in the state folder, so that sessions
// survive a restart of the gateway.
import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isNodeError } from '../core/index.ts'

const FILE = 'session.key'
const KEY_BYTES = 32

/** The kept key cannot be used. The message names the file and the mend, never its content. */
class SessionKeyError extends Error {
  override readonly name = 'SessionKeyError'
  readonly code = 'SESSION_KEY'
}

/** Reads the key, or makes it. Two gateways that start at once end up with the same one. */
export async function keptSessionKey(stateDir: string): Promise<string> {
  const path = join(stateDir, FILE)
  const known = await readKey(path)
  if (known !== undefined) return known
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  await writeFile(draft, `${randomBytes(KEY_BYTES).toString('base64url')}\n`, { mode: 0o600 })
  try {
    // A link fails where a rename would replace: the first one to get here wins, whole.
    await link(draft, path)
  } catch (thrown) {
    if (!isNodeError(thrown, 'EEXIST')) throw thrown
  } finally {
    await unlink(draft)
  }
  const made = await readKey(path)
  if (made === undefined) throw new SessionKeyError(`${path}: gone as soon as it was written`)
  return made
}

async function readKey(path: string): Promise<string | undefined> {
  try {
    const key = (await readFile(path, 'utf8')).trim()
    if (key.length < KEY_BYTES) {
      throw new SessionKeyError(
        `${path}: expected a session key of at least ${KEY_BYTES} characters; delete the file to have one made`,
      )
    }
    return key
  } catch (thrown) {
    if (isNodeError(thrown, 'ENOENT')) return undefined
    throw thrown
  }
}
