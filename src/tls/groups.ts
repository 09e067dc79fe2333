// The key exchange groups of TLS ("curves") by the names people write, and which of them this runtime has.
import { createSecureContext } from 'node:tls'

/** Names of the IANA registry, with the NIST curves as Go and browsers call them. */
export const GROUP_NAMES = [
  'X25519MLKEM768',
  'SecP256r1MLKEM768',
  'SecP384r1MLKEM1024',
  'X25519',
  'X448',
  'P-256',
  'P-384',
  'P-521',
] as const

/** Half of it is post-quantum. Hybrids are for TLS 1.3 only (draft-ietf-tls-ecdhe-mlkem). */
export function isHybrid(group: string): boolean {
  return group.includes('MLKEM')
}

/** A hybrid is no weaker than its classic half, and holds when a quantum computer breaks that one. */
const DEFAULT_GROUPS: readonly string[] = ['X25519MLKEM768', 'X25519', 'P-256', 'P-384']

export interface GroupChoice {
  /** What the runtime has, in the order of preference. */
  readonly groups: readonly string[]
  /** What it was asked for and lacks. */
  readonly missing: readonly string[]
}

/** Sorts the wanted groups into those that the runtime has and those it lacks. Undefined: the defaults. */
export function chooseGroups(
  wanted: readonly string[] = DEFAULT_GROUPS,
  isSupported: (group: string) => boolean = isSupportedGroup,
): GroupChoice {
  const groups = wanted.filter(isSupported)
  return { groups, missing: wanted.filter((group) => !groups.includes(group)) }
}

/** Asked of the runtime itself: naming a group that its OpenSSL does not know makes a whole list fail. */
function isSupportedGroup(group: string): boolean {
  try {
    createSecureContext({ ecdhCurve: group })
    return true
  } catch {
    return false
  }
}
