// Many waits on one timer: none ends early, none much too late, and no timer stays behind.
import { describe, expect, it } from 'vitest'
import { Deadlines } from '../../src/listener/deadlines.ts'
import { manualClock, type ManualClock } from '../support/manual-clock.ts'

const TIMEOUT_MS = 800

function watchAll(): { clock: ManualClock; waits: Deadlines<string>; expired: string[] } {
  const clock = manualClock()
  const expired: string[] = []
  const onExpired = (item: string): void => void expired.push(item)
  return { clock, expired, waits: new Deadlines({ clock, timeoutMs: TIMEOUT_MS, onExpired }) }
}

describe('a wait', () => {
  it.each([0, 1, 50, 99])(
    'begun %i ms after a tick ends after the timeout, not before',
    (offsetMs) => {
      const { clock, waits, expired } = watchAll()
      waits.watch('other')
      clock.advance(offsetMs)
      waits.watch('item')
      clock.advance(TIMEOUT_MS - 1)
      expect(expired).not.toContain('item')
      clock.advance(1 + TIMEOUT_MS / 4)
      expect(expired).toContain('item')
    },
  )

  it('that is watched again begins anew', () => {
    const { clock, waits, expired } = watchAll()
    for (let round = 0; round < 5; round += 1) {
      waits.watch('item')
      clock.advance(TIMEOUT_MS - 1)
    }
    expect(expired).toEqual([])
  })

  it('that is over in time is forgotten', () => {
    const { clock, waits, expired } = watchAll()
    waits.watch('item')
    waits.unwatch('item')
    clock.advance(10 * TIMEOUT_MS)
    expect(expired).toEqual([])
  })

  it('ends once', () => {
    const { clock, waits, expired } = watchAll()
    waits.watch('item')
    clock.advance(10 * TIMEOUT_MS)
    expect(expired).toEqual(['item'])
  })
})

describe('the timer', () => {
  it('runs only while something waits', () => {
    const { clock, waits } = watchAll()
    expect(clock.pending).toBe(0)
    waits.watch('one')
    waits.watch('two')
    expect(clock.pending).toBe(1)
    clock.advance(10 * TIMEOUT_MS)
    expect(clock.pending).toBe(0)
    waits.watch('three')
    expect(clock.pending).toBe(1)
    waits.stop()
    expect(clock.pending).toBe(0)
  })
})
