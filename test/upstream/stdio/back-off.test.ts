import { expect, it } from 'vitest'
import { BackOff, STABLE_AFTER_MS } from '../../../src/upstream/stdio/back-off.ts'
import { manualClock } from '../../support/manual-clock.ts'

it('waits twice as long after each failure in a row, up to half a minute', () => {
  const clock = manualClock()
  const backOff = new BackOff(clock, () => 1)
  expect(backOff.remainingMs).toBe(0)
  const waits: number[] = []
  for (let failure = 0; failure < 12; failure++) {
    backOff.fail()
    waits.push(backOff.remainingMs)
    clock.advance(backOff.remainingMs)
    expect(backOff.remainingMs).toBe(0)
  }
  expect(waits.slice(0, 4)).toEqual([100, 200, 400, 800])
  expect(waits.slice(-3)).toEqual([30_000, 30_000, 30_000])
})

it('leaves up to half of the wait to chance', () => {
  const backOff = new BackOff(manualClock(), () => 0)
  backOff.fail()
  expect(backOff.remainingMs).toBe(50)
})

it('begins anew when the last wait has been over for long', () => {
  const clock = manualClock()
  const backOff = new BackOff(clock, () => 1)
  for (let failure = 0; failure < 5; failure++) backOff.fail()
  clock.advance(backOff.remainingMs + STABLE_AFTER_MS)
  backOff.fail()
  expect(backOff.remainingMs).toBe(3_200)
  clock.advance(backOff.remainingMs + STABLE_AFTER_MS + 1)
  backOff.fail()
  expect(backOff.remainingMs).toBe(100)
})
