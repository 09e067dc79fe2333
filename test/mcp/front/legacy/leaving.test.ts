// When a view is told that a caller is gone: with the end of a session that was the caller's only one.
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../../src/core/index.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { until } from '../../../support/servers.ts'
import { DISCOVERED, ScriptedView } from '../scripted-view.ts'
import { startFronts } from '../start-fronts.ts'
import { openRawSession } from './raw-session.ts'

const INITIALIZE = JSON.stringify({
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a' } },
})
const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
}

/** Key of the caller of the session that was begun as number `at`. */
const keyOf = (view: ScriptedView, at: number): string | undefined =>
  view.of('server/discover')[at]?.request.caller.key

describe('a view is told that a caller is gone', () => {
  it('when its client has ended the session, after all that was under way in it', async () => {
    const view = new ScriptedView({ 'tools/call': () => undefined })
    const { url } = await startFronts({ view })
    const [leaving] = [await openRawSession(url), await openRawSession(url)]
    await leaving.get()
    const call = leaving.post({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'x' },
    })
    await until(() => view.of('tools/call').length === 1 && view.listens.length === 1, 'a call')
    expect(view.forgotten).toEqual([])
    await fetch(url, { method: 'DELETE', headers: leaving.headers })
    expect(view.forgotten).toEqual([{ key: keyOf(view, 0), underWay: 0 }])
    await (await call).text()
  })

  it('when the session was idle for too long', async () => {
    const clock = manualClock()
    const view = new ScriptedView()
    const options = { sessionIdleTimeoutMs: 60_000 }
    const { url } = await startFronts({ view, clock, options })
    await openRawSession(url)
    clock.advance(80_000)
    expect(view.forgotten).toMatchObject([{ key: keyOf(view, 0) }])
  })

  it('when another session has taken the place of its own', async () => {
    const view = new ScriptedView()
    const { url } = await startFronts({ view, options: { maxSessions: 1 } })
    await openRawSession(url)
    await openRawSession(url)
    expect(view.forgotten).toMatchObject([{ key: keyOf(view, 0) }])
  })

  it.each([
    ['the server refused', () => Promise.reject(new GatewayError('GW_UPSTREAM_UNREACHABLE', 'no'))],
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- it is the server's answer
    ['the server answered with an error', () => Promise.reject({ code: -32_603, message: 'no' })],
  ])('when no session began, since %s', async (_, discover) => {
    const view = new ScriptedView({ 'server/discover': discover })
    const { url } = await startFronts({ view })
    await (await fetch(url, { method: 'POST', headers: HEADERS, body: INITIALIZE })).text()
    expect(view.forgotten).toMatchObject([{ key: keyOf(view, 0) }])
  })

  it('when no session began, since there are too many', async () => {
    const view = new ScriptedView({ 'tools/call': () => undefined })
    const { url } = await startFronts({ view, options: { maxSessions: 1 } })
    const busy = await openRawSession(url)
    void busy.post({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'x' } })
    await until(() => view.of('tools/call').length === 1, 'the call')
    const refused = await fetch(url, { method: 'POST', headers: HEADERS, body: INITIALIZE })
    expect(refused.status).toBe(503)
    expect(view.forgotten).toMatchObject([{ key: keyOf(view, 1) }])
  })

  it('when its client has left before the session began', async () => {
    const view = new ScriptedView({ 'server/discover': () => undefined })
    const { url } = await startFronts({ view })
    const leave = new AbortController()
    const { signal } = leave
    const gone = fetch(url, { method: 'POST', headers: HEADERS, body: INITIALIZE, signal })
    await until(() => view.calls.length === 1, 'the question')
    leave.abort()
    await expect(gone).rejects.toThrow('aborted')
    await until(() => view.forgotten.length > 0, 'the end')
    expect(view.forgotten).toEqual([{ key: keyOf(view, 0), underWay: 0 }])
  })
})

it('a view is never told that a caller with an identity is gone, which may be calling elsewhere', async () => {
  const view = new ScriptedView({ 'server/discover': () => DISCOVERED })
  const { url, legacy } = await startFronts({ view })
  const session = await openRawSession(url, { caller: 'anna' })
  await fetch(url, { method: 'DELETE', headers: session.headers })
  await until(() => legacy.sessions === 0, 'the end of the session')
  expect(view.forgotten).toEqual([])
})
