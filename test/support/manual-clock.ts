// A clock turned by hand: nothing happens until `advance`.
import type { Clock, Timer } from '../../src/core/index.ts'

export interface ManualClock extends Clock {
  /** Moves time forward and runs what is due on the way, in order. */
  advance(byMs: number): void
  /** Timers that are still set. */
  readonly pending: number
}

interface Entry {
  dueMs: number
  readonly periodMs: number | undefined
  readonly onTime: () => void
}

export function manualClock(startMs = 1_000_000): ManualClock {
  let nowMs = startMs
  const entries = new Set<Entry>()
  const add = (delayMs: number, periodMs: number | undefined, onTime: () => void): Timer => {
    const entry: Entry = { dueMs: nowMs + delayMs, periodMs, onTime }
    entries.add(entry)
    return { cancel: () => entries.delete(entry) }
  }
  const nextDue = (untilMs: number): Entry | undefined =>
    [...entries].filter((it) => it.dueMs <= untilMs).toSorted((a, b) => a.dueMs - b.dueMs)[0]
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs - startMs,
    after: (delayMs, onTime) => add(delayMs, undefined, onTime),
    every: (periodMs, onTime) => add(periodMs, periodMs, onTime),
    advance(byMs) {
      const untilMs = nowMs + byMs
      for (let entry = nextDue(untilMs); entry !== undefined; entry = nextDue(untilMs)) {
        nowMs = entry.dueMs
        if (entry.periodMs === undefined) entries.delete(entry)
        else entry.dueMs += entry.periodMs
        entry.onTime()
      }
      nowMs = untilMs
    },
    get pending() {
      return entries.size
    },
  }
}
