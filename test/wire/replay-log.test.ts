import { describe, expect, it } from 'vitest'
import { ReplayLog } from '../../src/wire/index.ts'

const text = (bytes: number): Buffer => Buffer.alloc(bytes, 'x')
const jsonOf = (log: ReplayLog, id: string, nowMs = 0): string[] | undefined =>
  log.after(id, nowMs)?.events.map(({ json }) => json.toString())

describe('a stream that is resumed', () => {
  it('gets what came after the event, and nothing of other streams', () => {
    const log = new ReplayLog({ maxBytes: 10_000, maxAgeMs: 1_000 })
    const first = log.record('a', Buffer.from('a1'), 0)
    log.record('b', Buffer.from('b1'), 0)
    const second = log.record('a', Buffer.from('a2'), 0)
    log.record('b', Buffer.from('b2'), 0)
    log.record('a', Buffer.from('a3'), 0)
    expect(jsonOf(log, first)).toEqual(['a2', 'a3'])
    expect(jsonOf(log, second)).toEqual(['a3'])
    expect(log.after(second, 0)).toMatchObject({ stream: 'a', missed: 0 })
  })

  it('continues from each replayed event by that event’s own id', () => {
    const log = new ReplayLog({ maxBytes: 10_000, maxAgeMs: 1_000 })
    const start = log.prime('a', 0)
    const ids = ['1', '2', '3'].map((json) => log.record('a', Buffer.from(json), 0))
    expect(log.after(start, 0)?.events.map(({ id }) => id)).toEqual(ids)
    expect(new Set([start, log.prime('a', 0), ...ids]).size).toBe(5)
  })

  it('may be resumed from an id without a message behind it', () => {
    const log = new ReplayLog({ maxBytes: 10_000, maxAgeMs: 1_000 })
    const start = log.prime('a', 0)
    expect(jsonOf(log, start)).toEqual([])
    log.record('a', Buffer.from('a1'), 0)
    const later = log.prime('a', 0)
    expect(jsonOf(log, start)).toEqual(['a1'])
    expect(jsonOf(log, later)).toEqual([])
  })

  it('takes any text as the name of a stream', () => {
    const log = new ReplayLog({ maxBytes: 10_000, maxAgeMs: 1_000 })
    for (const name of ['', '-', '1-2', '3.1-get', 'é']) {
      const id = log.prime(name, 0)
      log.record(name, Buffer.from('m'), 0)
      expect(log.after(id, 0), name).toMatchObject({ stream: name, events: [{}], missed: 0 })
    }
  })

  it.each(['', 'x', '-a', '2-a', '1-b', '-1-a', '1e0-a', '1.-a', ' 1-a', '99999999999999999999-a'])(
    'does not exist for the id %j, which was never given',
    (id) => {
      const log = new ReplayLog({ maxBytes: 10_000, maxAgeMs: 1_000 })
      log.record('a', Buffer.from('a1'), 0)
      expect(log.after(id, 0)).toBeUndefined()
    },
  )
})

describe('what falls out', () => {
  it('is the oldest over all streams once there are too many bytes, and it is counted', () => {
    const log = new ReplayLog({ maxBytes: 4_000, maxAgeMs: 1_000 })
    const start = log.prime('a', 0)
    log.record('a', text(1_000), 0)
    log.record('a', text(1_000), 0)
    const other = log.prime('b', 0)
    log.record('b', text(1_000), 0)
    expect(log.after(start, 0)?.missed).toBe(0)
    const last = log.record('b', text(1_000), 0)
    expect(log.after(start, 0)).toMatchObject({ missed: 1, events: [{ id: '2-a' }] })
    expect(log.after(other, 0)).toMatchObject({ missed: 0, events: [{ id: '1-b' }, { id: last }] })
    expect(log.bytes).toBeLessThanOrEqual(4_000)
  })

  it('is what is too old, counted from the event the client saw last', () => {
    const log = new ReplayLog({ maxBytes: 10_000, maxAgeMs: 1_000 })
    const ids = [0, 400, 800, 1_200].map((atMs) => log.record('a', text(1), atMs))
    expect(log.after(ids[0] as string, 1_300)).toMatchObject({ missed: 0, events: [{}, {}, {}] })
    expect(log.after(ids[0] as string, 1_500)).toMatchObject({ missed: 1, events: [{}, {}] })
    expect(log.after(ids[1] as string, 1_500)).toMatchObject({ missed: 0, events: [{}, {}] })
    expect(log.after(ids[0] as string, 9_000)).toMatchObject({ missed: 3, events: [] })
  })

  it('is at once a message larger than the whole log', () => {
    const log = new ReplayLog({ maxBytes: 1_000, maxAgeMs: 1_000 })
    const start = log.prime('a', 0)
    log.record('a', text(2_000), 0)
    expect(log.after(start, 0)).toMatchObject({ missed: 1, events: [] })
    expect(log.bytes).toBe(0)
  })

  it('never lets the log hold more than its limit, whatever comes', () => {
    const log = new ReplayLog({ maxBytes: 50_000, maxAgeMs: 500 })
    for (let at = 0; at < 5_000; at++) {
      log.record(`s${at % 7}`, text((at * 37) % 900), at)
      expect(log.bytes).toBeLessThanOrEqual(50_000)
    }
    log.expire(10_000)
    expect(log.bytes).toBe(0)
  })
})

describe('a closed stream', () => {
  it('can be resumed until it is too old, and is then forgotten', () => {
    const forgotten: string[] = []
    const log = new ReplayLog({ maxBytes: 10_000, maxAgeMs: 1_000 }, (name) => forgotten.push(name))
    const start = log.prime('a', 0)
    const open = log.prime('b', 0)
    log.record('a', Buffer.from('a1'), 0)
    log.close('a')
    log.close('a')
    log.expire(900)
    expect(jsonOf(log, start, 900)).toEqual(['a1'])
    log.expire(1_500)
    expect(log.after(start, 1_500)).toBeUndefined()
    expect(log.after(open, 1_500)).toBeDefined()
    expect(forgotten).toEqual(['a'])
  })

  it('is forgotten early when too many others were closed after it', () => {
    const forgotten: string[] = []
    const log = new ReplayLog({ maxBytes: 10_000, maxAgeMs: 1_000 }, (name) => forgotten.push(name))
    for (let at = 0; at < 300; at++) {
      log.prime(`s${at}`, 0)
      log.close(`s${at}`)
    }
    expect(forgotten.slice(0, 2)).toEqual(['s0', 's1'])
    expect(forgotten.length).toBe(300 - 256)
  })
})
