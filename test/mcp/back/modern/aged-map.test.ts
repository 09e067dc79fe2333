import { describe, expect, it } from 'vitest'
import { AgedMap } from '../../../../src/mcp/back/modern/aged-map.ts'
import { manualClock } from '../../../support/manual-clock.ts'

const LIMITS = { maxEntries: 3, maxAgeMs: 1_000 }

describe('an aged map', () => {
  it('forgets what is older than its limit, however often it was asked for', () => {
    const clock = manualClock()
    const map = new AgedMap<string, number>(LIMITS, clock)
    map.set('a', 1)
    clock.advance(600)
    expect(map.get('a')).toBe(1)
    clock.advance(399)
    expect(map.get('a')).toBe(1)
    clock.advance(1)
    expect(map.get('a')).toBeUndefined()
    expect(map.size).toBe(0)
  })

  it('counts the age from the last time it was set', () => {
    const clock = manualClock()
    const map = new AgedMap<string, number>(LIMITS, clock)
    map.set('a', 1)
    clock.advance(900)
    map.set('a', 2)
    clock.advance(900)
    expect(map.get('a')).toBe(2)
  })

  it('forgets what was used longest ago when it is full', () => {
    const map = new AgedMap<string, number>(LIMITS, manualClock())
    for (const key of ['a', 'b', 'c']) map.set(key, 1)
    map.get('a')
    map.set('d', 1)
    expect(['a', 'b', 'c', 'd'].map((key) => map.get(key))).toEqual([1, undefined, 1, 1])
    expect(map.size).toBe(3)
  })
})
