// Why an engine did not give a key, in a sentence with the mend, from the few words that OpenSSL and libp11 have for it.
import { isNodeError } from '../core/index.ts'
import type { MaterialProblem } from './material.ts'

export interface EngineRefusal extends Pick<MaterialProblem, 'of' | 'expected' | 'got' | 'mend'> {
  /** The token has counted it. */
  readonly isWrongPin: boolean
}

type Cause = readonly [told: RegExp, refusal: EngineRefusal]

const NAME_THE_ENGINE =
  'name the engine’s library (Debian: libengine-pkcs11-openssl); the PKCS#11 module of the HSM goes into PKCS11_MODULE_PATH'

/** By OpenSSL's reasons, which are texts of the libraries and hold nothing of the configuration. The first that fits. */
const CAUSES: readonly Cause[] = [
  [
    /PIN locked/i,
    inToken('a token that is open', 'one that locked itself', 'unlock it with the SO PIN'),
  ],
  [
    /PIN (?:incorrect|invalid)|invalid pin|PIN has invalid length/i,
    {
      ...inToken('the PIN of the token', 'another one', 'correct the PIN'),
      isWrongPin: true,
    },
  ],
  [
    /PIN expired|pin not initialized|PIN was entered|UI routines/i,
    inToken('a token with a PIN that holds', 'one without it', 'set its PIN anew'),
  ],
  [
    /object not found/i,
    inToken(
      'a private key in this token',
      'no such key, or no such token',
      'compare with: pkcs11-tool --list-token-slots, and --list-objects --type privkey --login',
    ),
  ],
  [
    /key values mismatch/i,
    inToken(
      'the private key of the certificate',
      'the key of another certificate',
      'name the certificate and the key of one pair',
    ),
  ],
  [
    /Unable to load PKCS#11 module/i,
    library(
      'a PKCS#11 module that can be loaded',
      'none',
      'set PKCS11_MODULE_PATH to the library of the HSM, or remove it to use those that p11-kit knows',
    ),
  ],
  [
    /pkcs11 engine::invalid parameter/i,
    library(
      'a PKCS#11 module that finds its tokens',
      'one that fails',
      'see the settings of the module and their rights, like SOFTHSM2_CONF and the folder that it names',
    ),
  ],
  [
    /DSO|no such engine|bind to the requested symbol/i,
    library('an OpenSSL engine', 'a file that OpenSSL does not load as one', NAME_THE_ENGINE),
  ],
]

function inToken(expected: string, got: string, mend: string): EngineRefusal {
  return { of: 'key-identifier', expected, got, mend, isWrongPin: false }
}

function library(expected: string, got: string, mend: string): EngineRefusal {
  return { of: 'key-engine', expected, got, mend, isWrongPin: false }
}

const NO_ENGINES = library(
  'a Node that loads OpenSSL engines',
  'one that does not',
  'start Node without --permission; a Node with OpenSSL 4 has no engines',
)

const NO_PLACE_FOR_PIN = library(
  'a folder for the file that hands the PIN over',
  'none that can be written to',
  'let the gateway write to /dev/shm, or to the folder for temporary files',
)

/** Reasons are short; what is longer is not one. */
const MAX_REASON_CHARS = 100

export function refusalOf(thrown: unknown): EngineRefusal {
  if (isNodeError(thrown, 'ERR_CRYPTO_CUSTOM_ENGINE_NOT_SUPPORTED')) return NO_ENGINES
  if (thrown instanceof Error && 'syscall' in thrown) return NO_PLACE_FOR_PIN
  const told = reasonsOf(thrown)
  const known = CAUSES.find(([pattern]) => pattern.test(told))
  if (known !== undefined) return known[1]
  const [first = ''] = told.split('\n')
  const reason = /::([\w #-]+)$/.exec(first)?.[1]?.slice(0, MAX_REASON_CHARS) ?? 'no reason'
  return inToken('a private key', `a refusal of the engine: ${reason}`, 'see what it has on stderr')
}

function reasonsOf(thrown: unknown): string {
  const { message, opensslErrorStack = [] } = thrown as Error & {
    readonly opensslErrorStack?: readonly string[]
  }
  return [message, ...opensslErrorStack].join('\n')
}
