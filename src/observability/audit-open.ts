// Opens the audit file: a plain file that others cannot change or read, made when it is missing. Anything else is refused with
// the mend, because an audit that is not written, or that everybody can change, proves nothing.
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'

/** Non-blocking, or a pipe that nobody reads would hold up the start; it is refused afterwards. */
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK
const NEW_FILE_MODE = 0o600
/** Everything but the owner's rights and reading by the group, which is how a collector gets at it. */
const FORBIDDEN_MODE = 0o027
const MODE_BITS = 0o777

export const NEWLINE = 0x0a

const NOT_PERMITTED = 'not permitted; give the file and its folder to the user of the gateway'
const NO_FILE = 'expected a plain file, got something else of that name; choose another path'

const MENDS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such folder; make it, or correct the path',
  ENOTDIR: 'a part of the path is a file; correct the path',
  EISDIR: 'expected a file, got a folder; write the path of a file in it',
  EACCES: NOT_PERMITTED,
  EPERM: NOT_PERMITTED,
  EROFS: 'the file system is read-only; choose a folder that can be written',
  ENXIO: NO_FILE,
}

/** The file cannot be used. The message names it and the mend. */
class AuditFileError extends Error {
  override readonly name = 'AuditFileError'
  readonly code = 'AUDIT_FILE'
}

/**
 * For reading and appending; what is there ends with a whole line afterwards.
 *
 * @throws AuditFileError
 */
export async function openForLines(path: string): Promise<FileHandle> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, FLAGS, NEW_FILE_MODE)
    await check(handle, path)
    return handle
  } catch (thrown) {
    await handle?.close()
    if (thrown instanceof AuditFileError) throw thrown
    const { code = 'unknown cause' } = thrown as NodeJS.ErrnoException
    const why = MENDS[code] ?? 'it cannot be opened; see the cause, or choose another path'
    throw new AuditFileError(`${path}: ${code}: ${why}`, { cause: thrown })
  }
}

async function check(handle: FileHandle, path: string): Promise<void> {
  const stats = await handle.stat()
  if (!stats.isFile()) throw new AuditFileError(`${path}: ${NO_FILE}`)
  const mode = stats.mode & MODE_BITS
  // Windows has access lists instead, which are not looked at.
  if (process.platform !== 'win32' && (mode & FORBIDDEN_MODE) !== 0) {
    const expected = 'a file that only its owner can write, and at most its group read'
    const got = `mode 0${mode.toString(8)}`
    throw new AuditFileError(`${path}: expected ${expected}, got ${got}; run: chmod 600 FILE`)
  }
  if (stats.size === 0) return
  // What a full disk or a lost process has cut off must not swallow the line that comes next.
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, stats.size - 1)
  if (buffer[0] !== NEWLINE) await handle.write('\n')
}
