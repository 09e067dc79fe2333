// What is measured about connections themselves: the handshakes, and the memory of those that are idle.
import type { Row } from '../row.ts'
import type { TargetName } from '../target/target.ts'
import type { CertificateKey, Handshake } from './handshake.ts'

export interface HandshakeCell extends Row {
  /** Undefined: a connection without TLS. */
  readonly handshake: Handshake | undefined
}

export interface HandshakePlan {
  readonly cells: readonly HandshakeCell[]
  readonly inFlight: number
  /** Before anything is measured, so that every target runs compiled code. */
  readonly firstWarmUpMs: number
  readonly warmUpMs: number
  readonly measureMs: number
}

export interface MemoryCell extends Row {
  readonly protocol: 'http' | 'https'
}

export interface MemoryPlan {
  readonly cells: readonly MemoryCell[]
  /** Opened and closed again first, one after the other, so that what is made once is there. */
  readonly warmUpCount: number
  /** Idle connections at the first look. */
  readonly firstCount: number
  /** How many more there are at the second. */
  readonly moreCount: number
  /** From the last opened connection to the look. */
  readonly settleMs: number
}

/** What the ratios of handshakes and idle connections are relative to: it does nothing but this, and in C. */
export const TLS_YARDSTICK: TargetName = 'nginx'

const COMPARED: readonly TargetName[] = ['node-proxy', 'nginx', 'sallyport']
/** nginx of Debian 12 runs on OpenSSL 3.0, which has no hybrid groups. */
const WITH_HYBRID: readonly TargetName[] = ['node-proxy', 'sallyport']

function handshakeCell(handshake: Handshake, rounds: number): HandshakeCell {
  const { version, key, group, isResumed } = handshake
  const isHybrid = group === 'X25519MLKEM768'
  return {
    key: `tls-${version}-${key}-${isResumed ? 'resumed' : 'full'}${isHybrid ? '-hybrid' : ''}`,
    handshake,
    rounds,
    targets: isHybrid ? WITH_HYBRID : COMPARED,
  }
}

function handshakeCells(version: Handshake['version'], rounds: number): HandshakeCell[] {
  const keys: readonly CertificateKey[] = ['p256', 'rsa2048']
  return keys.flatMap((key) =>
    [false, true].map((isResumed) =>
      handshakeCell({ version, key, group: 'X25519', isResumed }, rounds),
    ),
  )
}

const ROUNDS = 5
const MEMORY_ROUNDS = 3
const QUICK_ROUNDS = 3

export function fullHandshakes(): HandshakePlan {
  const hybrid = { version: '1.3', key: 'p256', group: 'X25519MLKEM768' } as const
  return {
    cells: [
      ...handshakeCells('1.3', ROUNDS),
      handshakeCell({ ...hybrid, isResumed: false }, ROUNDS),
      handshakeCell({ ...hybrid, isResumed: true }, ROUNDS),
      ...handshakeCells('1.2', ROUNDS),
      { key: 'tls-none', handshake: undefined, rounds: ROUNDS, targets: COMPARED },
    ],
    inFlight: 16,
    firstWarmUpMs: 2_000,
    warmUpMs: 100,
    measureMs: 500,
  }
}

export function quickHandshakes(): HandshakePlan {
  return {
    cells: handshakeCells('1.3', QUICK_ROUNDS),
    inFlight: 16,
    firstWarmUpMs: 800,
    warmUpMs: 50,
    measureMs: 200,
  }
}

export function fullMemory(): MemoryPlan {
  return {
    cells: [
      { key: 'memory-https', protocol: 'https', rounds: MEMORY_ROUNDS, targets: COMPARED },
      { key: 'memory-http', protocol: 'http', rounds: MEMORY_ROUNDS, targets: COMPARED },
    ],
    warmUpCount: 500,
    firstCount: 500,
    moreCount: 1_500,
    settleMs: 1_000,
  }
}

export function quickMemory(): MemoryPlan {
  return {
    cells: [{ key: 'memory-https', protocol: 'https', rounds: 1, targets: COMPARED }],
    warmUpCount: 500,
    firstCount: 300,
    moreCount: 700,
    settleMs: 400,
  }
}
