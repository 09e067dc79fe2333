// Admission at accept: rate, burst, cap, and the bound on polite refusals.
import { describe, expect, it } from 'vitest'
import { ConnectionGate, MAX_WAITING_REFUSALS } from '../../src/listener/connection-gate.ts'
import { manualClock } from '../support/manual-clock.ts'

const NO_CAP = 1_000_000

describe('the accept rate', () => {
  it('takes the burst at once and then as many as are refilled', () => {
    const clock = manualClock()
    const limits = { acceptRatePerSecond: 10, acceptBurst: 3, maxConnections: NO_CAP }
    const gate = new ConnectionGate(limits, clock)
    const kinds = (count: number): string[] =>
      Array.from({ length: count }, () => gate.admit().kind)
    expect(kinds(4)).toEqual(['admit', 'admit', 'admit', 'refuse'])
    clock.advance(99)
    expect(kinds(1)).toEqual(['refuse'])
    clock.advance(1)
    expect(kinds(2)).toEqual(['admit', 'refuse'])
  })

  it('saves up no more than the burst', () => {
    const clock = manualClock()
    const limits = { acceptRatePerSecond: 1_000, acceptBurst: 2, maxConnections: NO_CAP }
    const gate = new ConnectionGate(limits, clock)
    clock.advance(3_600_000)
    expect([gate.admit(), gate.admit(), gate.admit()].map(({ kind }) => kind)).toEqual([
      'admit',
      'admit',
      'refuse',
    ])
  })
})

describe('the connection cap', () => {
  it('holds whatever the rate, costs no token, and is freed by a release', () => {
    const limits = { acceptRatePerSecond: 1, acceptBurst: 2, maxConnections: 1 }
    const gate = new ConnectionGate(limits, manualClock())
    const first = gate.admit()
    expect(gate.admit()).toEqual({ kind: 'refuse', reason: 'max_connections' })
    gate.release(first)
    expect(gate.admit()).toEqual({ kind: 'admit' })
  })
})

describe('refusals', () => {
  it('are polite up to a number that wait, dropped beyond it, and polite again afterwards', () => {
    const limits = { acceptRatePerSecond: 1, acceptBurst: 1, maxConnections: NO_CAP }
    const gate = new ConnectionGate(limits, manualClock())
    gate.admit()
    const refused = Array.from({ length: MAX_WAITING_REFUSALS }, () => gate.admit())
    expect(new Set(refused.map(({ kind }) => kind))).toEqual(new Set(['refuse']))
    expect(gate.admit()).toEqual({ kind: 'drop', reason: 'accept_rate' })
    for (const verdict of refused.slice(0, 1)) gate.release(verdict)
    expect([gate.admit().kind, gate.admit().kind]).toEqual(['refuse', 'drop'])
  })
})
