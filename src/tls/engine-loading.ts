// Loads private keys through OpenSSL engines. What is told of a failure is up to engine-key.ts.
import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, extname, join } from 'node:path'
import { createSecureContext, type SecureContext } from 'node:tls'

/** What Node takes of a key in an engine. */
export interface EngineKey {
  readonly privateKeyEngine: string
  readonly privateKeyIdentifier: string
}

/**
 * The name by which OpenSSL knows an engine. By its path a process could load an engine once only, for one context
 * (nodejs/node#50851); by its name it stays loaded, and every context gets the same.
 */
export function engineId(engineFile: string): string {
  return basename(engineFile, extname(engineFile))
}

/** OpenSSL looks for engines in the folder that this names, else in one that is compiled into Node and holds none. */
const FOLDER_VARIABLE = 'OPENSSL_ENGINES'

/**
 * The variable is set for this moment alone: it is needed once, and is not for others.
 * @throws what OpenSSL and the engine say.
 */
export function loadEngineKey(
  engineFile: string,
  { cert, address, pin }: { readonly cert: string; readonly address: string; readonly pin: string },
): SecureContext {
  const before = process.env[FOLDER_VARIABLE]
  process.env[FOLDER_VARIABLE] = dirname(engineFile)
  try {
    return withPinFile(pin, (pinFile) =>
      createSecureContext({
        cert,
        privateKeyEngine: engineId(engineFile),
        privateKeyIdentifier: `${address}?pin-source=file:${pinFile}`,
        // How strong the certificate must be is judged elsewhere.
        ciphers: 'ALL:@SECLEVEL=0',
      }),
    )
  } finally {
    if (before === undefined) delete process.env[FOLDER_VARIABLE]
    else process.env[FOLDER_VARIABLE] = before
  }
}

/** In memory, where there is such a place. */
const MEMORY_FOLDER = '/dev/shm'
const OWN_DESCRIPTORS = process.platform === 'linux' ? '/proc/self/fd' : '/dev/fd'
const RANDOM_NAME_BYTES = 16

/**
 * On a failure libp11 prints the address of the key to stderr, with the PIN if that is part of it. So the PIN goes through a
 * file, which has no name any more before the PIN is written.
 */
function withPinFile<T>(pin: string, use: (path: string) => T): T {
  const folder = existsSync(MEMORY_FOLDER) ? MEMORY_FOLDER : tmpdir()
  const path = join(folder, `sallyport-${randomBytes(RANDOM_NAME_BYTES).toString('hex')}`)
  const descriptor = openSync(path, 'wx+', 0o600)
  try {
    unlinkSync(path)
    // At position 0, so that the descriptor still stands there where opening /dev/fd shares its position.
    writeSync(descriptor, pin, 0)
    return use(`${OWN_DESCRIPTORS}/${descriptor}`)
  } finally {
    closeSync(descriptor)
  }
}
