// The files that an ACME client leaves for the certificate authority (RFC 8555 §8.3). Nothing but such a file can be read
// here; which requests may ask for one is the caller's business.
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { isNodeError } from '../../core/index.ts'

export const ACME_CHALLENGE_PREFIX = '/.well-known/acme-challenge/'

/** A token is base64url (RFC 8555 §8.3): no dot and no slash, so it cannot lead out of the folder. */
const TOKEN = /^[\w-]{1,128}$/

/** A key authorization is a token, a dot and a thumbprint of 43 characters (RFC 8555 §8.1). */
const MAX_CHALLENGE_BYTES = 1_024

/** No link is followed out of the folder, and a pipe does not make the reader wait. */
const SAFE_READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** There is no such file, or it is not one to be served: a link, too long, not a file. */
const NOT_SERVED = ['ENOENT', 'ELOOP', 'EISDIR', 'ENXIO', 'ENOTDIR', 'ENAMETOOLONG']

/** Undefined: there is no such challenge. Rejects when the file is there and cannot be read. */
export async function readChallenge(folder: string, token: string): Promise<Buffer | undefined> {
  if (!TOKEN.test(token)) return undefined
  let file: FileHandle
  try {
    file = await open(join(folder, token), SAFE_READ)
  } catch (thrown) {
    if (NOT_SERVED.some((code) => isNodeError(thrown, code))) return undefined
    throw thrown
  }
  try {
    const found = await file.stat()
    if (!found.isFile() || found.size > MAX_CHALLENGE_BYTES) return undefined
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_CHALLENGE_BYTES), {
      position: 0,
    })
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
