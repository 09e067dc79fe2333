// Whose a session is, how many there may be, and when it ends.
import { describe, expect, it } from 'vitest'
import { manualClock } from '../../../support/manual-clock.ts'
import { until } from '../../../support/servers.ts'
import { readEvents } from '../event-reader.ts'
import { progress, ScriptedView } from '../scripted-view.ts'
import { startFronts } from '../start-fronts.ts'
import { openRawSession, type RawSession } from './raw-session.ts'

const statusOf = async (
  session: RawSession,
  change: Record<string, string> = {},
  path = '/mcp',
) => {
  const answer = await fetch(session.url.replace('/mcp', path), {
    method: 'POST',
    headers: { ...session.headers, ...change },
    body: JSON.stringify({ jsonrpc: '2.0', id: 'q', method: 'ping' }),
  })
  const { id, error } = (await answer.json()) as { id: unknown; error?: { data: { code: string } } }
  expect(id).toBe('q')
  return error === undefined ? answer.status : `${answer.status} ${error.data.code}`
}
const NOT_FOUND = '404 GW_SESSION_NOT_FOUND'

describe('a session', () => {
  it('belongs to its caller on its route, and exists for nobody else', async () => {
    const { url } = await startFronts({ view: new ScriptedView() })
    const session = await openRawSession(url, { caller: 'anna' })
    expect(await statusOf(session)).toBe(200)
    expect(await statusOf(session, { 'test-caller': 'bert' })).toBe(NOT_FOUND)
    expect(await statusOf(session, {}, '/other')).toBe(NOT_FOUND)
    const [first, ...others] = session.id
    const forged = [first === 'A' ? 'B' : 'A', ...others].join('')
    expect(await statusOf(session, { 'mcp-session-id': forged })).toBe(NOT_FOUND)
    const stolen = { ...session.headers, 'test-caller': 'bert' }
    expect((await fetch(url, { headers: stolen })).status).toBe(404)
    expect((await fetch(url, { method: 'DELETE', headers: stolen })).status).toBe(404)
    expect(await statusOf(session)).toBe(200)
  })

  it('ends when its client says so, with all that is under way in it', async () => {
    const view = new ScriptedView({
      'tools/call': ({ sink }) => {
        sink.onNotification(progress(1, 1))
        return undefined
      },
    })
    const { url, legacy, underWay, streams } = await startFronts({ view })
    const session = await openRawSession(url)
    const standing = readEvents(await session.get())
    const events = await session.stream('tools/call', { name: 'x' })
    await until(() => view.listens.length === 1, 'the subscription')
    await events.message()
    const answer = await fetch(url, { method: 'DELETE', headers: session.headers })
    expect([answer.status, await answer.text()]).toEqual([200, ''])
    expect(await events.rest()).toMatchObject([
      { id: 1, error: { data: { code: 'GW_SESSION_NOT_FOUND' } } },
    ])
    expect(await standing.rest()).toEqual([])
    expect(view.of('tools/call')[0]?.cancelled).toBe(true)
    expect(view.listens[0]?.cancelled).toBe(true)
    expect(await statusOf(session)).toBe(NOT_FOUND)
    expect((await fetch(url, { method: 'DELETE', headers: session.headers })).status).toBe(404)
    expect(legacy.sessions).toBe(0)
    expect([underWay(), streams()]).toEqual([0, 0])
  })

  it('ends when it was idle for too long, but not while a call or a stream is open', async () => {
    const clock = manualClock()
    const view = new ScriptedView({ 'tools/call': () => undefined })
    const { url, legacy } = await startFronts({
      view,
      clock,
      options: { sessionIdleTimeoutMs: 60_000 },
    })
    const [idle, calling, reading] = [
      await openRawSession(url),
      await openRawSession(url),
      await openRawSession(url),
    ]
    const call = calling.post({ jsonrpc: '2.0', id: 1, method: 'tools/call' })
    const standing = readEvents(await reading.get())
    await until(() => view.of('tools/call').length === 1, 'the call')
    clock.advance(50_000)
    expect(legacy.sessions).toBe(3)
    clock.advance(30_000)
    expect(legacy.sessions).toBe(2)
    expect(await statusOf(idle)).toBe(NOT_FOUND)
    view.of('tools/call')[0]?.sink.onResult({ resultType: 'complete' })
    await (await call).text()
    await standing.leave()
    clock.advance(50_000)
    expect(legacy.sessions).toBe(2)
    await until(() => {
      clock.advance(10_000)
      return legacy.sessions === 0
    }, 'the end of the others')
    // Nothing of any session is left behind, a lingering subscription included.
    clock.advance(60_000)
    expect(clock.pending).toBe(0)
  })
})

it('stopping ends calls that are under way, with an answer', async () => {
  const view = new ScriptedView({ 'tools/call': () => undefined })
  const { url, legacy } = await startFronts({ view })
  const session = await openRawSession(url)
  const answer = session.post({ jsonrpc: '2.0', id: 'q', method: 'tools/call' })
  await until(() => view.of('tools/call').length === 1, 'the call')
  legacy.drain()
  expect(view.of('tools/call')[0]?.cancelled).toBe(false)
  legacy.close()
  expect((await answer).status).toBe(503)
  expect(await (await answer).json()).toMatchObject({ id: 'q' })
  expect(view.of('tools/call')[0]?.cancelled).toBe(true)
  expect(legacy.sessions).toBe(0)
})

describe('the number of sessions', () => {
  it('is limited: the one that was idle longest makes room', async () => {
    const clock = manualClock()
    const { url, legacy } = await startFronts({
      view: new ScriptedView(),
      clock,
      options: { maxSessions: 2 },
    })
    const first = await openRawSession(url)
    clock.advance(1_000)
    const second = await openRawSession(url)
    clock.advance(1_000)
    expect(await statusOf(first)).toBe(200)
    clock.advance(1_000)
    const third = await openRawSession(url)
    expect(legacy.sessions).toBe(2)
    expect(await statusOf(second)).toBe(NOT_FOUND)
    expect(await statusOf(first)).toBe(200)
    expect(await statusOf(third)).toBe(200)
  })

  it('is refused beyond the limit when all are busy', async () => {
    const view = new ScriptedView({ 'tools/call': () => undefined })
    const { url } = await startFronts({ view, options: { maxSessions: 1 } })
    const session = await openRawSession(url)
    void session.post({ jsonrpc: '2.0', id: 1, method: 'tools/call' })
    await until(() => view.of('tools/call').length === 1, 'the call')
    const { headers } = session
    const { 'mcp-session-id': _, ...fields } = headers as Record<string, string>
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 0,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25' },
    })
    const answer = await fetch(url, { method: 'POST', headers: fields, body })
    expect(answer.status).toBe(503)
    expect(await answer.json()).toMatchObject({
      id: 0,
      error: { data: { code: 'GW_TOO_MANY_SESSIONS' } },
    })
    expect(await statusOf(session)).toBe(200)
  })
})
