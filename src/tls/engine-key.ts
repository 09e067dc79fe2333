// A private key in a hardware security module (HSM): that its engine can be loaded, that the key is there, and that it is the
// certificate's; or what is wrong, never with the PIN.
import { createHash, type X509Certificate } from 'node:crypto'
import { accessSync, constants, statSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { type SecureContext, TLSSocket } from 'node:tls'
import { type EngineKey, engineId, loadEngineKey } from './engine-loading.ts'
import { type EngineRefusal, refusalOf } from './engine-refusal.ts'
import { describeReadFailure, failed, type MaterialProblem, type Reading } from './material.ts'

export interface EngineKeyPlace {
  /** The engine’s library, absolute. */
  readonly engineFile: string
  /** The key, without the PIN. */
  readonly address: string
  /** What names the token in it. */
  readonly token: string
  readonly pin: string
}

/** Each is one that somebody wrote down, and tokens lock themselves long before. */
const MAX_REFUSED = 100

/**
 * What OpenSSL remembers of engines for as long as the process lives, so this is not kept per listener either: the first
 * library of a name stays the one of that name, and a token counts wrong PINs wherever they come from.
 */
class EngineMemory {
  readonly #files = new Map<string, string>()
  readonly #refusedPins = new Set<string>()

  /** The library that has taken the name of this one. */
  loadedInstead(engineFile: string): string | undefined {
    const loaded = this.#files.get(engineId(engineFile))
    return loaded === engineFile ? undefined : loaded
  }

  loaded(engineFile: string): void {
    this.#files.set(engineId(engineFile), engineFile)
  }

  isRefused(place: EngineKeyPlace): boolean {
    return this.#refusedPins.has(pinKey(place))
  }

  refused(place: EngineKeyPlace): void {
    const [oldest] = this.#refusedPins
    if (this.#refusedPins.size >= MAX_REFUSED && oldest !== undefined) {
      this.#refusedPins.delete(oldest)
    }
    this.#refusedPins.add(pinKey(place))
  }
}

function pinKey({ engineFile, token, pin }: EngineKeyPlace): string {
  return createHash('sha256').update(`${engineFile}\n${token}\n${pin}`).digest('hex')
}

const memory = new EngineMemory()

/** Opens the key and checks that it is the certificate's. */
export function readEngineKey(
  place: EngineKeyPlace,
  { cert, leaf, certFile }: { cert: string; leaf: X509Certificate; certFile: string },
): Reading<EngineKey> {
  const { engineFile, address } = place
  const unfit = libraryProblem(engineFile)
  if (unfit !== undefined) return failed(unfit)
  // A token locks itself after a few wrong PINs, and a reload would try this one again and again.
  if (memory.isRefused(place)) return failed(problemOf(place, REFUSED_BEFORE))
  let secureContext: SecureContext
  try {
    secureContext = loadEngineKey(engineFile, { ...place, cert })
  } catch (thrown) {
    const refusal = refusalOf(thrown)
    if (refusal.of !== 'key-engine') memory.loaded(engineFile)
    if (refusal.isWrongPin) memory.refused(place)
    return failed(problemOf(place, refusal))
  }
  memory.loaded(engineFile)
  if (servedBy(secureContext) === leaf.fingerprint256) {
    // The token is open to this process from now on, so that others need no PIN.
    const privateKeyEngine = engineId(engineFile)
    return { ok: true, value: { privateKeyEngine, privateKeyIdentifier: address } }
  }
  return failed({
    of: 'key-identifier',
    file: address,
    expected: `the private key of the certificate in ${certFile}`,
    got: 'a key of another kind',
    mend: 'name the certificate and the key of one pair',
  })
}

const REFUSED_BEFORE: EngineRefusal = {
  of: 'key-identifier',
  expected: 'the PIN of the token',
  got: 'the one that was wrong before, which is not tried again as tokens lock themselves',
  mend: 'correct the PIN, or restart if the token has it now',
  isWrongPin: true,
}

function problemOf(
  { engineFile, address }: EngineKeyPlace,
  { of, expected, got, mend }: EngineRefusal,
): MaterialProblem {
  return { of, file: of === 'key-engine' ? engineFile : address, expected, got, mend }
}

/** What is wrong with the library before OpenSSL looks at it, whose words for it are few. */
function libraryProblem(engineFile: string): MaterialProblem | undefined {
  const what = { of: 'key-engine', file: engineFile, expected: 'an OpenSSL engine' } as const
  try {
    accessSync(engineFile, constants.R_OK)
    if (!statSync(engineFile).isFile()) {
      return { ...what, got: `a folder at ${engineFile}`, mend: 'name the library in it' }
    }
  } catch (thrown) {
    return { ...what, ...describeReadFailure(thrown, engineFile) }
  }
  const instead = memory.loadedInstead(engineFile)
  if (instead === undefined) return undefined
  return {
    ...what,
    expected: `the same library wherever an engine is called ${engineId(engineFile)}, as a process has one of a name`,
    got: `another than ${instead}, which is loaded`,
    mend: 'name the same file, and restart if it has moved',
  }
}

/**
 * Fingerprint of the certificate that a context serves. OpenSSL finds a key of the right kind that is another one; a key of
 * another kind it takes, beside the certificate, and then serves none.
 */
function servedBy(secureContext: SecureContext): string | undefined {
  const socket = new TLSSocket(new PassThrough(), { isServer: true, secureContext })
  try {
    const served = socket.getCertificate()
    return served !== null && 'fingerprint256' in served ? served.fingerprint256 : undefined
  } finally {
    socket.destroy()
  }
}
