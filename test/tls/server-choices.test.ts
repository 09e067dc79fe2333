// The choices behind a listener's TLS that no handshake of one runtime can show all sides of: groups it lacks, certificates
// that old Node mixes up, ticket keys over time, and how much of failed handshakes is told.
import { readFileSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Credential } from '../../src/tls/credential.ts'
import { DerError, derMembers, readDer } from '../../src/tls/der.ts'
import { FailureLog } from '../../src/tls/index.ts'
import { chooseGroups } from '../../src/tls/groups.ts'
import { isBeyondNode, planContexts } from '../../src/tls/server-contexts.ts'
import { TicketKeys } from '../../src/tls/tickets.ts'
import { manualClock } from '../support/manual-clock.ts'
import { testAuthority, type TestKeyType } from '../support/pki.ts'

describe('groups', () => {
  const lacksHybrids = (group: string): boolean => !group.includes('MLKEM')

  it('that the runtime lacks are left out, in the order of the others', () => {
    expect(chooseGroups(['P-256', 'X25519MLKEM768', 'X25519'], lacksHybrids)).toEqual({
      groups: ['P-256', 'X25519'],
      missing: ['X25519MLKEM768'],
    })
    expect(chooseGroups(undefined, lacksHybrids).groups).toEqual(['X25519', 'P-256', 'P-384'])
  })
})

describe('certificates for several names', () => {
  const credential = (key: TestKeyType, subjectAltName: string): Credential => {
    const { certFile } = testAuthority().issue({ key, subjectAltName })
    const leaf = new X509Certificate(readFileSync(certFile))
    return { files: [], chain: [leaf], keyType: key, context: { cert: '', key: '' }, expiring: [] }
  }
  const planOf = (...credentials: readonly (readonly [TestKeyType, string])[]) =>
    planContexts(credentials.map((each) => credential(...each)))

  it.each([
    ['22.19.0', true],
    ['24.0.0', false],
    ['26.1.0', false],
  ])('of two kinds are beyond Node %s: %s', (version, expected) => {
    expect(isBeyondNode(planOf(['ec', 'DNS:a'], ['rsa', 'DNS:b']), version)).toBe(expected)
  })

  it('are within Node 22 when they are of one kind, or for the same names', () => {
    expect(isBeyondNode(planOf(['ec', 'DNS:a'], ['ec', 'DNS:b']), '22.19.0')).toBe(false)
    expect(isBeyondNode(planOf(['ec', 'DNS:a'], ['rsa', 'DNS:a']), '22.19.0')).toBe(false)
  })

  it('have one of each kind for a name, the first of each', () => {
    const [first, second, third] = [
      credential('ec', 'DNS:a,DNS:b'),
      credential('ec', 'DNS:b'),
      credential('rsa', 'DNS:b,DNS:c'),
    ]
    const { fallback, byHost } = planContexts([first, second, third])
    expect(fallback).toEqual([first])
    expect(Object.fromEntries(byHost)).toEqual({ a: [first], b: [first, third], c: [third] })
  })
})

describe('ticket keys', () => {
  const trust = Buffer.from('who is let in')
  const hourMs = 3_600_000

  it('are the same in every process with the secret, until the turn', () => {
    const [one, other] = [0, 1].map(() => new TicketKeys({ secret: 'x', rotationMs: hourMs }))
    const startMs = 1_000 * hourMs
    const key = one!.keyAt(startMs, trust)
    expect(key).toHaveLength(48)
    expect(other!.keyAt(startMs + hourMs - 1, trust)).toEqual(key)
    expect(other!.keyAt(startMs + hourMs, trust)).not.toEqual(key)
    expect(one!.untilNextMs(startMs + 1)).toBe(hourMs - 1)
  })

  it('are random without a secret, the same for a turn, and then gone', () => {
    const keys = new TicketKeys({ secret: undefined, rotationMs: hourMs })
    const first = keys.keyAt(0, trust)
    expect(keys.keyAt(hourMs - 1, trust)).toEqual(first)
    expect(keys.keyAt(hourMs, trust)).not.toEqual(first)
    expect(keys.keyAt(0, trust)).not.toEqual(first)
  })

  it('are others for another secret, another trust, and without a secret in another process', () => {
    const of = (secret: string | undefined, who = trust): Buffer =>
      new TicketKeys({ secret, rotationMs: hourMs }).keyAt(0, who)
    const keys = [of('x'), of('y'), of('x', Buffer.from('others')), of(undefined), of(undefined)]
    expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(keys.length)
  })
})

describe('the log of failures', () => {
  it('admits each cause once per peer and period, and counts the rest', () => {
    const clock = manualClock()
    const log = new FailureLog({ clock, periodMs: 1_000 })
    expect(log.admit('a', 'x')).toEqual({ untold: 0 })
    expect(log.admit('a', 'x')).toBeUndefined()
    expect(log.admit('a', 'y')).toEqual({ untold: 1 })
    expect(log.admit('b', 'x')).toEqual({ untold: 0 })
    clock.advance(1_000)
    expect(log.admit('a', 'x')).toEqual({ untold: 0 })
  })

  it('admits only so many in a period, whoever comes', () => {
    const clock = manualClock()
    const log = new FailureLog({ clock, periodMs: 1_000, maxPerPeriod: 3 })
    const admitted = Array.from({ length: 10 }, (_, at) => log.admit('a', String(at)))
    expect(admitted.filter((it) => it !== undefined)).toHaveLength(3)
    clock.advance(1_000)
    expect(log.admit('a', 'x')).toEqual({ untold: 7 })
  })
})

describe('DER', () => {
  it.each(['', '30', '3080', '3005020100', '30850000000001', '1f0100', '308401'])(
    'that is cut off or not definite is an error: %s',
    (hex) => {
      expect(() => derMembers(readDer(Buffer.from(hex, 'hex')))).toThrow(DerError)
    },
  )

  it('is read at every length of a length', () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_536]) {
      const size = length.toString(16)
      const bytes = Buffer.from(size.length % 2 === 0 ? size : `0${size}`, 'hex')
      const head = length < 128 ? [length] : [0x80 + bytes.length, ...bytes]
      const { content } = readDer(Buffer.from([0x04, ...head, ...Buffer.alloc(length, 7)]))
      expect(content).toEqual(Buffer.alloc(length, 7))
    }
  })
})
