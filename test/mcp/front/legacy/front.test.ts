// What the gateway answers itself for a legacy client, and how its requests reach a view of the modern era.
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../../src/core/index.ts'
import { META } from '../../../../src/wire/index.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { until } from '../../../support/servers.ts'
import { DISCOVERED, progress, ScriptedView, textResult } from '../scripted-view.ts'
import { startFronts } from '../start-fronts.ts'
import { openRawSession } from './raw-session.ts'

describe('initialize', () => {
  it('is answered with what the server says of itself in the modern way', async () => {
    const view = new ScriptedView()
    const { url, legacy } = await startFronts({ view })
    const { id, initialized } = await openRawSession(url, { version: '2025-06-18' })
    expect(initialized).toEqual({
      protocolVersion: '2025-06-18',
      capabilities: {
        tools: { listChanged: true },
        prompts: {},
        resources: { subscribe: true, listChanged: true },
        logging: {},
      },
      serverInfo: { name: 'scripted', version: '1' },
      instructions: 'be kind',
    })
    expect(id).toMatch(/^[\x21-\x7e]+$/)
    expect(legacy.owns(id)).toBe(true)
    expect(legacy.owns(`${id}x`)).toBe(false)
    expect(view.calls[0]?.request).toMatchObject({
      method: 'server/discover',
      caller: {
        key: expect.stringMatching(/^alone /) as string,
        clientInfo: { name: 'raw', version: '3' },
        capabilities: { sampling: {}, elicitation: { form: {}, url: {} }, roots: {} },
      },
    })
  })

  it.each([
    ['2024-11-05', '2024-11-05'],
    ['2025-03-26', '2025-03-26'],
    ['2025-11-25', '2025-11-25'],
    ['1999-01-01', '2025-11-25'],
    ['2026-07-28', '2025-11-25'],
  ])('for version %s negotiates %s', async (asked, negotiated) => {
    const { url } = await startFronts({ view: new ScriptedView() })
    const { initialized } = await openRawSession(url, { version: asked })
    expect(initialized['protocolVersion']).toBe(negotiated)
  })

  it('fails as the server does, and begins no session', async () => {
    const failure = new GatewayError('GW_UPSTREAM_UNREACHABLE', 'nobody there')
    const view = new ScriptedView({ 'server/discover': () => Promise.reject(failure) })
    const { url, legacy } = await startFronts({ view })
    const body = {
      jsonrpc: '2.0',
      id: 0,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25' },
    }
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
    expect(answer.status).toBe(502)
    expect(answer.headers.get('mcp-session-id')).toBeNull()
    expect(await answer.json()).toMatchObject({ id: 0, error: { code: -32_603 } })
    expect(legacy.sessions).toBe(0)
  })
})

describe('a request of a session', () => {
  it('reaches the view with what the session knows, and without words of the modern era', async () => {
    const view = new ScriptedView({ 'tools/call': () => textResult('hi') })
    const { url } = await startFronts({ view })
    const session = await openRawSession(url, {
      caller: 'anna',
      capabilities: { roots: { listChanged: true }, tasks: {} },
    })
    await session.ask('tools/call', {
      name: 'greet',
      inputResponses: { forged: 1 },
      requestState: 'forged',
      _meta: {
        progressToken: 5,
        [META.logLevel]: 'debug',
        [META.clientCapabilities]: { sampling: {} },
      },
    })
    expect(view.of('tools/call')[0]?.request).toEqual({
      method: 'tools/call',
      params: { name: 'greet', _meta: { progressToken: 5 } },
      headers: ['x-seen', ''],
      logLevel: 'info',
      caller: {
        key: 'anna',
        clientInfo: { name: 'raw', version: '3' },
        capabilities: { roots: {} },
      },
    })
  })

  it('is answered as JSON without what only the modern era has', async () => {
    const tools = [{ name: 'a', inputSchema: { type: 'object' } }]
    const meta = { [META.serverInfo]: { name: 's' }, own: 1 }
    const view = new ScriptedView({
      'tools/list': () => ({ tools, ttlMs: 5, cacheScope: 'public', _meta: meta }),
    })
    const { url, overs } = await startFronts({ view })
    const session = await openRawSession(url)
    expect(await session.ask('tools/list', {}, 'q')).toEqual({
      jsonrpc: '2.0',
      id: 'q',
      result: { tools, _meta: { own: 1 } },
    })
    expect(overs.at(-1)).toEqual({ outcome: 'answered', code: undefined })
  })

  it('is answered with 200 for any error of the server', async () => {
    const view = new ScriptedView({
      'resources/read': () =>
        Promise.reject({
          code: -32_602,
          message: 'none',
          data: { uri: 'a:b' },
        }),
    })
    const { url } = await startFronts({ view })
    const session = await openRawSession(url)
    const unknown = await session.post({ jsonrpc: '2.0', id: 1, method: 'no/such' })
    expect(unknown.status).toBe(200)
    expect(await unknown.json()).toMatchObject({ id: 1, error: { code: -32_601 } })
    expect(await session.ask('resources/read', { uri: 'a:b' })).toMatchObject({
      error: { code: -32_002 },
    })
  })

  it('is answered with the status of the row for an error of the gateway', async () => {
    const failure = new GatewayError('GW_UPSTREAM_TIMEOUT', 'late')
    const { url } = await startFronts({
      view: new ScriptedView({ 'tools/list': () => Promise.reject(failure) }),
    })
    const session = await openRawSession(url)
    const answer = await session.post({ jsonrpc: '2.0', id: 'q', method: 'tools/list' })
    expect(answer.status).toBe(504)
    expect(await answer.json()).toMatchObject({
      id: 'q',
      error: { data: { code: 'GW_UPSTREAM_TIMEOUT' } },
    })
  })

  it('is answered on a stream with ids once something comes before the result', async () => {
    const view = new ScriptedView({
      'tools/call': ({ sink }) => {
        sink.onNotification(progress(5, 1))
        return textResult('done')
      },
    })
    const { url } = await startFronts({ view })
    const session = await openRawSession(url)
    const events = await session.stream('tools/call', { name: 'x' }, 'q')
    const primed = await events.next()
    expect(primed).toMatchObject({ event: undefined, data: '', retry: '1000' })
    expect(primed?.id).toMatch(/./)
    const first = await events.next()
    expect(first).toMatchObject({ event: 'message', id: expect.stringMatching(/./) as string })
    expect(JSON.parse(first?.data ?? '')).toEqual({ jsonrpc: '2.0', ...progress(5, 1) })
    expect(await events.rest()).toEqual([{ jsonrpc: '2.0', id: 'q', result: textResult('done') }])
  })

  it.each(['2025-03-26', '2025-06-18'])(
    'is answered on a stream without a priming event for %s',
    async (version) => {
      const view = new ScriptedView({
        'tools/call': ({ sink }) => {
          sink.onNotification(progress(5, 1))
          return textResult('done')
        },
      })
      const { url } = await startFronts({ view })
      const session = await openRawSession(url, { version })
      const events = await session.stream('tools/call', { name: 'x' })
      expect(await events.next()).toMatchObject({ event: 'message', retry: undefined })
    },
  )

  it.each(['server/discover', 'subscriptions/listen'])(
    'for %s finds no such method',
    async (method) => {
      const view = new ScriptedView()
      const { url } = await startFronts({ view })
      const session = await openRawSession(url)
      expect(await session.ask(method, { notifications: {} })).toMatchObject({
        error: { code: -32_601 },
      })
      expect(view.calls.length).toBe(1)
      expect(view.listens.length).toBe(0)
    },
  )

  it('may not use an id that is in use, and may use it again afterwards', async () => {
    const view = new ScriptedView({ 'tools/call': () => undefined })
    const { url } = await startFronts({ view })
    const session = await openRawSession(url)
    const other = await openRawSession(url)
    const first = session.ask('tools/call', { name: 'a' }, 1)
    await until(() => view.of('tools/call').length === 1, 'the call')
    const second = await session.post({ jsonrpc: '2.0', id: 1, method: 'ping' })
    expect(second.status).toBe(400)
    expect(await second.json()).toMatchObject({ id: 1, error: { code: -32_600 } })
    expect(await session.ask('ping', {}, '1')).toMatchObject({ id: '1', result: {} })
    expect(await other.ask('ping', {}, 1)).toMatchObject({ result: {} })
    view.of('tools/call')[0]?.sink.onResult({ resultType: 'complete' })
    expect(await first).toMatchObject({ id: 1 })
    expect(await session.ask('ping', {}, 1)).toMatchObject({ result: {} })
  })

  it('is one of at most 256 under way', async () => {
    const view = new ScriptedView({ 'tools/call': () => undefined })
    const { url } = await startFronts({ view })
    const session = await openRawSession(url)
    const leave = new AbortController()
    for (let id = 0; id < 256; id++) {
      session
        .post({ jsonrpc: '2.0', id, method: 'tools/call' }, leave.signal)
        .catch(() => undefined)
    }
    await until(() => view.of('tools/call').length === 256, 'the calls')
    const answer = await session.post({ jsonrpc: '2.0', id: 'x', method: 'ping' })
    expect(answer.status).toBe(429)
    expect(await answer.json()).toMatchObject({
      id: 'x',
      error: { data: { code: 'GW_TOO_MANY_CALLS' } },
    })
    leave.abort()
  })
})

describe('what the modern era does not have', () => {
  it('is answered by the gateway: ping, initialized, changed roots', async () => {
    const view = new ScriptedView()
    const { url } = await startFronts({ view })
    const session = await openRawSession(url)
    for (const method of ['notifications/initialized', 'notifications/roots/list_changed']) {
      const answer = await session.post({ jsonrpc: '2.0', method })
      expect([answer.status, await answer.text()]).toEqual([202, ''])
    }
    expect(await session.ask('ping', {}, 0)).toEqual({ jsonrpc: '2.0', id: 0, result: {} })
    expect(view.calls.length).toBe(1)
  })

  it('is remembered: the log level, which goes with every request from then on', async () => {
    const view = new ScriptedView({ 'tools/list': () => ({ tools: [] }) })
    const { url } = await startFronts({ view })
    const [one, two] = [await openRawSession(url), await openRawSession(url)]
    expect(await one.ask('logging/setLevel', { level: 'error' })).toMatchObject({ result: {} })
    expect(await one.ask('logging/setLevel', { level: 'loud' })).toMatchObject({
      error: { code: -32_602 },
    })
    await one.ask('tools/list')
    await two.ask('tools/list')
    expect(view.of('tools/list').map(({ request }) => request.logLevel)).toEqual(['error', 'info'])
  })

  it('is not asked of a server that has no logging', async () => {
    const view = new ScriptedView({
      'server/discover': () => ({ ...DISCOVERED, capabilities: { tools: {} } }),
      'tools/list': () => ({ tools: [] }),
    })
    const { url } = await startFronts({ view })
    await (await openRawSession(url)).ask('tools/list')
    expect(view.of('tools/list')[0]?.request.logLevel).toBeUndefined()
  })
})

describe('a cancellation', () => {
  it('reaches the view, and the stream ends without a response', async () => {
    const view = new ScriptedView({
      'tools/call': ({ sink }) => {
        sink.onNotification(progress(1, 1))
        return undefined
      },
    })
    const { url } = await startFronts({ view })
    const session = await openRawSession(url)
    const events = await session.stream('tools/call', { name: 'x' }, 'q')
    await events.message()
    const cancel = (requestId: unknown) =>
      session.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } })
    expect((await cancel('other')).status).toBe(202)
    expect(view.of('tools/call')[0]?.cancelled).toBe(false)
    expect((await cancel('q')).status).toBe(202)
    expect(await events.rest()).toEqual([])
    expect(view.of('tools/call')[0]?.cancelled).toBe(true)
    expect((await cancel('q')).status).toBe(202)
  })

  it('of a call that has said nothing yet ends its answer with an empty stream that nobody resumes', async () => {
    const view = new ScriptedView({ 'tools/call': () => undefined })
    const { url, overs } = await startFronts({ view })
    const session = await openRawSession(url)
    const answer = session.post({ jsonrpc: '2.0', id: 3, method: 'tools/call' })
    await until(() => view.of('tools/call').length === 1, 'the call')
    await session.post({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 3 },
    })
    const { status, headers } = await answer
    expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream'])
    expect(await (await answer).text()).toBe('')
    expect(overs.every(({ outcome }) => outcome === 'answered')).toBe(true)
  })
})

describe('a client that leaves', () => {
  it('does not cancel its call, which runs on for a while', async () => {
    const clock = manualClock()
    const view = new ScriptedView({ 'tools/call': () => undefined })
    const { url, overs } = await startFronts({ view, clock, abandonedCallTimeoutMs: 5_000 })
    const session = await openRawSession(url)
    const leave = new AbortController()
    session
      .post({ jsonrpc: '2.0', id: 1, method: 'tools/call' }, leave.signal)
      .catch(() => undefined)
    await until(() => view.of('tools/call').length === 1, 'the call')
    leave.abort()
    await until(() => overs.at(-1)?.outcome === 'client-gone', 'the end of the exchange')
    clock.advance(4_000)
    expect(view.of('tools/call')[0]?.cancelled).toBe(false)
    clock.advance(2_000)
    expect(view.of('tools/call')[0]?.cancelled).toBe(true)
  })
})

describe('what is refused', () => {
  it('a request without a session, and one in a version that is none', async () => {
    const { url } = await startFronts({ view: new ScriptedView() })
    const { headers } = await openRawSession(url)
    const send = async (fields: Record<string, string>) => {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 'q', method: 'ping' })
      const answer = await fetch(url, { method: 'POST', headers: fields, body })
      return [answer.status, ((await answer.json()) as { id: unknown }).id]
    }
    const { 'mcp-session-id': _, ...anonymous } = headers as Record<string, string>
    expect(await send(anonymous)).toEqual([400, 'q'])
    expect(await send({ ...headers, 'mcp-protocol-version': '2020-01-01' })).toEqual([400, 'q'])
    expect(await send({ ...headers, accept: 'application/json' })).toEqual([406, 'q'])
  })
})
