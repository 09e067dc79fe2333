// The event streams of a legacy session: the standing one, and resuming any of them.
import { describe, expect, it } from 'vitest'
import { manualClock } from '../../../support/manual-clock.ts'
import { until } from '../../../support/servers.ts'
import { readEvents } from '../event-reader.ts'
import { progress, ScriptedView, textResult, type ScriptedCall } from '../scripted-view.ts'
import { startFronts, type TestFrontsOptions } from '../start-fronts.ts'
import { openRawSession } from './raw-session.ts'

const CHANGE = { method: 'notifications/tools/list_changed' }

/** A session with one call under way, of which the client has seen the first progress. */
async function startCalling(test: Omit<TestFrontsOptions, 'view'> = {}) {
  const view = new ScriptedView({
    'tools/call': ({ sink }) => {
      sink.onNotification(progress(1, 1))
      return undefined
    },
  })
  const fronts = await startFronts({ view, ...test })
  const session = await openRawSession(fronts.url, { caller: 'anna' })
  const events = await session.stream('tools/call', { name: 'x' }, 'q')
  const primed = await events.next()
  const seen = await events.next()
  const [{ sink }] = view.of('tools/call') as [ScriptedCall]
  const leave = async (): Promise<void> => {
    await events.leave()
    await until(() => fronts.overs.at(-1)?.outcome === 'client-gone', 'the end of the exchange')
  }
  return { ...fronts, view, session, events, sink, leave, primedId: primed?.id, seenId: seen?.id }
}

describe('a call whose stream was lost', () => {
  it('is resumed: what came meanwhile is replayed, the rest follows, and the stream ends with the call', async () => {
    const { session, sink, leave, seenId, view, underWay } = await startCalling()
    await leave()
    expect(view.of('tools/call')[0]?.cancelled).toBe(false)
    sink.onNotification(progress(1, 2))
    sink.onNotification(progress(1, 3))
    const resumed = readEvents(await session.get(seenId))
    expect([await resumed.message(), await resumed.message()]).toEqual([
      { jsonrpc: '2.0', ...progress(1, 2) },
      { jsonrpc: '2.0', ...progress(1, 3) },
    ])
    sink.onNotification(progress(1, 4))
    sink.onResult({ resultType: 'complete', ...textResult('done') })
    expect(await resumed.rest()).toEqual([
      { jsonrpc: '2.0', ...progress(1, 4) },
      { jsonrpc: '2.0', id: 'q', result: textResult('done') },
    ])
    await until(() => underWay() === 0, 'the end of all')
  })

  it('is resumed after it was answered, from the very beginning as well', async () => {
    const { session, sink, leave, primedId } = await startCalling()
    await leave()
    sink.onResult({ resultType: 'complete', ...textResult('done') })
    const resumed = readEvents(await session.get(primedId))
    expect(await resumed.rest()).toMatchObject([
      progress(1, 1),
      { id: 'q', result: textResult('done') },
    ])
  })

  it('is resumed twice, each time from where the client is', async () => {
    const { session, sink, leave, seenId } = await startCalling()
    await leave()
    const first = readEvents(await session.get(seenId))
    const primed = await first.next()
    expect(primed).toMatchObject({ data: '', id: expect.stringMatching(/./) as string })
    sink.onNotification(progress(1, 2))
    await first.message()
    await first.leave()
    sink.onResult({ resultType: 'complete' })
    expect(await readEvents(await session.get(primed?.id)).rest()).toMatchObject([
      progress(1, 2),
      { id: 'q' },
    ])
  })

  it('may be resumed while the old connection still seems open, which then ends', async () => {
    const { session, sink, events, seenId } = await startCalling()
    const resumed = readEvents(await session.get(seenId))
    expect(await events.rest()).toEqual([])
    sink.onResult({ resultType: 'complete' })
    expect(await resumed.rest()).toMatchObject([{ id: 'q' }])
  })

  it('has nothing more to come once all of it was read: the client is told not to come back', async () => {
    const { session, sink, events } = await startCalling()
    sink.onResult({ resultType: 'complete' })
    const last = await events.next()
    expect(last?.data).toContain('"id":"q"')
    const answer = await session.get(last?.id)
    expect([answer.status, await answer.text()]).toEqual([204, ''])
  })

  it('is not resumed by another caller, nor by an id that never was', async () => {
    const { session, url, leave, seenId } = await startCalling()
    await leave()
    const headers = { ...session.headers, 'test-caller': 'bert', 'last-event-id': seenId ?? '' }
    expect((await fetch(url, { headers })).status).toBe(404)
    const other = await openRawSession(url, { caller: 'anna' })
    for (const id of [seenId, '7-nowhere', 'x', '99-post1']) {
      const answer = await other.get(id)
      expect(answer.status, id).toBe(400)
      expect(await answer.json()).toMatchObject({ error: { data: { code: 'GW_EVENT_NOT_FOUND' } } })
    }
  })

  it('that nobody resumes is given up in the end, and resuming it in time prevents that', async () => {
    const clock = manualClock()
    const { session, leave, seenId, view, overs } = await startCalling({
      clock,
      abandonedCallTimeoutMs: 5_000,
    })
    const [call] = view.of('tools/call')
    await leave()
    clock.advance(4_000)
    const resumed = readEvents(await session.get(seenId))
    await resumed.next()
    clock.advance(9_000)
    expect(call?.cancelled).toBe(false)
    const before = overs.length
    await resumed.leave()
    await until(() => overs.length > before, 'the end of the exchange')
    clock.advance(4_000)
    expect(call?.cancelled).toBe(false)
    clock.advance(2_000)
    expect(call?.cancelled).toBe(true)
  })

  it('that lost messages for good says how many, and that the answer is among them', async () => {
    const { session, sink, leave, seenId } = await startCalling({
      options: { replay: { maxBytes: 2_000, maxAgeMs: 60_000 } },
    })
    await leave()
    for (const count of [2, 3]) sink.onNotification(progress(1, count))
    sink.onResult({ resultType: 'complete', ...textResult('x'.repeat(4_000)) })
    const [notice, lost, ...more] = await readEvents(await session.get(seenId)).rest()
    expect(notice).toMatchObject({ method: 'notifications/message', params: { level: 'warning' } })
    expect(JSON.stringify(notice)).toContain('3 messages')
    expect(lost).toMatchObject({ id: 'q', error: { code: -32_603 } })
    expect(more).toEqual([])
  })

  it('that lost messages for good still gets what is left', async () => {
    const { session, sink, leave, seenId } = await startCalling({
      options: { replay: { maxBytes: 1_000, maxAgeMs: 60_000 } },
    })
    await session.ask('logging/setLevel', { level: 'critical' })
    await leave()
    for (let count = 2; count < 30; count++) sink.onNotification(progress(1, count))
    sink.onResult({ resultType: 'complete' })
    const [notice, ...left] = await readEvents(await session.get(seenId)).rest()
    expect(notice).toMatchObject({ params: { level: 'critical' } })
    expect(left.length).toBeGreaterThan(0)
    expect(left.length).toBeLessThan(10)
    expect(left.at(-1)).toMatchObject({ id: 'q', result: {} })
  })
})

describe('the standing stream', () => {
  it('carries changes, and those from before it was open', async () => {
    const view = new ScriptedView()
    const { url } = await startFronts({ view })
    const session = await openRawSession(url)
    await session.ask('resources/subscribe', { uri: 'a:b' })
    const updated = { method: 'notifications/resources/updated', params: { uri: 'a:b' } }
    view.listens[0]?.sink.onNotification(updated)
    const events = readEvents(await session.get())
    expect(await events.message()).toEqual({ jsonrpc: '2.0', ...updated })
    view.listens[0]?.sink.onNotification(CHANGE)
    const seen = await events.next()
    expect(JSON.parse(seen?.data ?? '')).toEqual({ jsonrpc: '2.0', ...CHANGE })
    await events.leave()
    view.listens[0]?.sink.onNotification(updated)
    const resumed = readEvents(await session.get(seen?.id))
    expect(await resumed.message()).toMatchObject(updated)
  })

  it('is not told again what it was told already', async () => {
    const view = new ScriptedView()
    const { url, overs } = await startFronts({ view })
    const session = await openRawSession(url)
    const first = readEvents(await session.get())
    await until(() => view.listens.length === 1, 'the subscription')
    view.listens[0]?.sink.onNotification(CHANGE)
    await first.message()
    await first.leave()
    await until(() => overs.at(-1)?.outcome === 'client-gone', 'the end of the exchange')
    view.listens[0]?.sink.onNotification({ method: 'notifications/prompts/list_changed' })
    const second = readEvents(await session.get())
    expect(await second.message()).toMatchObject({ method: 'notifications/prompts/list_changed' })
  })

  it('is one: the newest takes over, and the one before ends', async () => {
    const view = new ScriptedView()
    const { url } = await startFronts({ view })
    const session = await openRawSession(url)
    const first = readEvents(await session.get())
    const second = readEvents(await session.get())
    expect(await first.rest()).toEqual([])
    await until(() => view.listens.length === 1, 'the subscription')
    view.listens[0]?.sink.onNotification(CHANGE)
    expect(await second.message()).toMatchObject(CHANGE)
  })

  it('ends when the gateway drains, in good order, and no new one is opened', async () => {
    const { url, legacy } = await startFronts({ view: new ScriptedView() })
    const session = await openRawSession(url)
    const events = readEvents(await session.get())
    await events.next()
    legacy.drain()
    expect(await events.rest()).toEqual([])
    expect((await session.get()).status).toBe(503)
    expect(await session.ask('ping')).toMatchObject({ result: {} })
  })

  it('is not for clients that do not take event streams', async () => {
    const { url } = await startFronts({ view: new ScriptedView() })
    const { headers } = await openRawSession(url)
    const answer = await fetch(url, { headers: { ...headers, accept: 'application/json' } })
    expect(answer.status).toBe(406)
  })
})
