// Many waits on one timer: none ends early, none much too late, and no timer stays behind.
import { describe, expect, it } from 'vitest'
import { Deadlines, Wait } from '../../src/core/index.ts'
import { manualClock, type ManualClock } from '../support/manual-clock.ts'

const TIMEOUT_MS = 800

function watchAll(): { clock: ManualClock; waits: Deadlines<string>; expired: string[] } {
  const clock = manualClock()
  const expired: string[] = []
  const onExpired = (item: string): void => void expired.push(item)
  return { clock, expired, waits: new Deadlines({ clock, timeoutMs: TIMEOUT_MS, onExpired }) }
}

describe('a wait', () => {
  it.each([0, 1, 50, 99])('begun %i ms after a tick ends after the timeout, not before', (ms) => {
    const { clock, waits, expired } = watchAll()
    waits.watch(new Wait('other'))
    clock.advance(ms)
    waits.watch(new Wait('item'))
    clock.advance(TIMEOUT_MS - 1)
    expect(expired).not.toContain('item')
    clock.advance(1 + TIMEOUT_MS / 4)
    expect(expired).toContain('item')
  })

  it('that is watched again begins anew', () => {
    const { clock, waits, expired } = watchAll()
    const wait = new Wait('item')
    for (let round = 0; round < 5; round += 1) {
      waits.watch(wait)
      clock.advance(TIMEOUT_MS - 1)
    }
    expect(expired).toEqual([])
  })

  it('ends once', () => {
    const { clock, waits, expired } = watchAll()
    waits.watch(new Wait('item'))
    clock.advance(10 * TIMEOUT_MS)
    expect(expired).toEqual(['item'])
  })

  it('that never began can be ended', () => {
    const { clock, waits, expired } = watchAll()
    waits.watch(new Wait('item'))
    waits.unwatch(new Wait('stranger'))
    clock.advance(10 * TIMEOUT_MS)
    expect(expired).toEqual(['item'])
  })

  it.each([
    [0, ['b', 'c']],
    [1, ['a', 'c']],
    [2, ['a', 'b']],
  ])('that is over in time is forgotten, whichever of three it is (%i)', (at, expected) => {
    const { clock, waits, expired } = watchAll()
    const all = ['a', 'b', 'c'].map((name) => new Wait(name))
    for (const wait of all) waits.watch(wait)
    for (const wait of all.slice(at, at + 1)) {
      waits.unwatch(wait)
      waits.unwatch(wait)
      expect([wait.before, wait.after]).toEqual([undefined, undefined])
    }
    clock.advance(10 * TIMEOUT_MS)
    expect(expired).toEqual(expected)
  })

  it('can begin anew when it has expired', () => {
    const clock = manualClock()
    let left = 3
    const waits = new Deadlines<string>({
      clock,
      timeoutMs: TIMEOUT_MS,
      onExpired: () => {
        left -= 1
        if (left > 0) waits.watch(wait)
      },
    })
    const wait = new Wait('item')
    waits.watch(wait)
    clock.advance(10 * TIMEOUT_MS)
    expect(left).toBe(0)
  })
})

describe('the timer', () => {
  it('runs only while something waits', () => {
    const { clock, waits, expired } = watchAll()
    expect(clock.pending).toBe(0)
    waits.watch(new Wait('one'))
    waits.watch(new Wait('two'))
    expect(clock.pending).toBe(1)
    clock.advance(10 * TIMEOUT_MS)
    expect(clock.pending).toBe(0)
    waits.watch(new Wait('three'))
    expect(clock.pending).toBe(1)
    waits.stop()
    expect(clock.pending).toBe(0)
    clock.advance(10 * TIMEOUT_MS)
    expect(expired).toEqual(['one', 'two'])
  })
})
