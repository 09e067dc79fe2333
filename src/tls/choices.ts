// Whether versions, suites and groups, each right in itself, leave anything to agree on in a handshake. The same for both
// sides of a connection.
import { isHybrid } from './groups.ts'
import { hasSuiteBelow12 } from './suites.ts'
import { isDeprecated, type TlsVersion } from './versions.ts'

export interface TlsChoices {
  readonly minVersion: TlsVersion
  readonly maxVersion: TlsVersion
  readonly cipherSuites?: readonly string[] | undefined
  readonly curvePreferences?: readonly string[] | undefined
}

type ChoiceKey = 'cipher_suites' | 'curve_preferences'

/** Settings with which nobody could connect. */
export interface ImpossibleChoice {
  readonly key: ChoiceKey
  readonly expected: string
  readonly got: string
  readonly mend: string
}

/** Settings with which some of what they promise cannot be had. */
export interface NarrowChoice {
  readonly key: ChoiceKey
  /** Without the key. */
  readonly message: string
}

const OLD_SUITE = 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA or TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA'

export function impossibleChoices(choices: TlsChoices): readonly ImpossibleChoice[] {
  const { maxVersion } = choices
  const found: ImpossibleChoice[] = []
  if (isDeprecated(maxVersion) && lacksOldSuites(choices)) {
    found.push({
      key: 'cipher_suites',
      expected: `at least one suite of TLS ${maxVersion}, as max_version is "${maxVersion}"`,
      got: 'suites of TLS 1.2 only',
      mend: `add ${OLD_SUITE}, or set max_version to "1.2" or above`,
    })
  }
  if (maxVersion < '1.3' && hasHybridsAlone(choices)) {
    found.push({
      key: 'curve_preferences',
      expected: `at least one group of TLS ${maxVersion}, as max_version is "${maxVersion}"`,
      got: 'groups of TLS 1.3 only',
      mend: 'add X25519 or P-256, or set max_version to "1.3"',
    })
  }
  return found
}

export function narrowChoices(choices: TlsChoices): readonly NarrowChoice[] {
  const { minVersion, maxVersion } = choices
  const found: NarrowChoice[] = []
  if (isDeprecated(minVersion) && !isDeprecated(maxVersion) && lacksOldSuites(choices)) {
    const message = `none is of TLS 1.1 or 1.0, so that TLS ${minVersion} cannot be had in spite of min_version: add ${OLD_SUITE}, or raise min_version`
    found.push({ key: 'cipher_suites', message })
  }
  if (minVersion < '1.3' && maxVersion === '1.3' && hasHybridsAlone(choices)) {
    const message = `all are of TLS 1.3, so that TLS ${minVersion} cannot be had in spite of min_version: add X25519 or P-256, or set min_version to "1.3"`
    found.push({ key: 'curve_preferences', message })
  }
  return found
}

/** The defaults follow min_version. */
function lacksOldSuites({ cipherSuites }: TlsChoices): boolean {
  return cipherSuites !== undefined && !hasSuiteBelow12(cipherSuites)
}

function hasHybridsAlone({ curvePreferences }: TlsChoices): boolean {
  return curvePreferences !== undefined && curvePreferences.every(isHybrid)
}
