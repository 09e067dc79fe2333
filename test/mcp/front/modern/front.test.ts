import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../../src/core/index.ts'
import { META } from '../../../../src/wire/index.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { modernRequest } from '../../../support/mcp-messages.ts'
import { until } from '../../../support/servers.ts'
import { readEvents } from '../event-reader.ts'
import { progress, ScriptedView, textResult } from '../scripted-view.ts'
import { startFronts } from '../start-fronts.ts'

const call = (name: string, more: object = {}, id: string | number = 1) =>
  modernRequest('tools/call', { name, ...more }, id)

describe('a request', () => {
  it('reaches the view without its envelope, which says who the caller is', async () => {
    const view = new ScriptedView({ 'tools/call': () => textResult('hi') })
    const { url } = await startFronts({ view })
    const request = call('greet', { arguments: { a: 1 }, _meta: { progressToken: 't', x: 1 } })
    const body = JSON.parse(request.body) as { params: { _meta: Record<string, unknown> } }
    body.params._meta[META.logLevel] = 'notice'
    body.params._meta[META.clientInfo] = { name: 'c', version: '2' }
    body.params._meta[META.clientCapabilities] = { sampling: {} }
    const headers = { ...request.headers, 'test-caller': 'anna', 'x-seen': 'yes' }
    await fetch(url, { ...request, headers, body: JSON.stringify(body) })
    expect(view.calls.map(({ request: seen }) => seen)).toEqual([
      {
        method: 'tools/call',
        params: { name: 'greet', arguments: { a: 1 }, _meta: { progressToken: 't', x: 1 } },
        logLevel: 'notice',
        headers: ['x-seen', 'yes'],
        caller: {
          key: 'anna',
          clientInfo: { name: 'c', version: '2' },
          capabilities: { sampling: {} },
        },
      },
    ])
  })

  it.each([
    ['a string', 'one'],
    ['zero', 0],
    ['a number', 7],
  ])('is answered as JSON under its own id, %s', async (_, id) => {
    const { url, overs } = await startFronts({
      view: new ScriptedView({ 'tools/call': () => textResult('hi') }),
    })
    const answer = await fetch(url, call('greet', {}, id))
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(answer.headers.get('mcp-session-id')).toBeNull()
    expect(await answer.json()).toEqual({
      jsonrpc: '2.0',
      id,
      result: { resultType: 'complete', ...textResult('hi') },
    })
    expect(overs).toEqual([{ outcome: 'answered', code: undefined }])
  })

  it('keeps every digit of its numbers, those of the id included', async () => {
    const view = new ScriptedView({
      'tools/call': ({ request }) => ({ got: request.params['arguments'] }),
    })
    const { url } = await startFronts({ view })
    const request = call('greet', { arguments: { n: 'N' } }, 'ID')
    const body = request.body
      .replace('"N"', '12345678901234567890.10')
      .replace('"ID"', '9007199254740993')
    const text = await (await fetch(url, { ...request, body })).text()
    expect(text).toContain('"id":9007199254740993')
    expect(text).toContain('"n":12345678901234567890.10')
  })

  it('is answered as an event stream once something comes before the result', async () => {
    const view = new ScriptedView({
      'tools/call': ({ sink }) => {
        sink.onNotification(progress('t', 1))
        sink.onNotification({
          method: 'notifications/message',
          params: { level: 'info', data: 'x' },
        })
        return textResult('done')
      },
    })
    const { url, overs, streams } = await startFronts({ view })
    const answer = await fetch(url, call('slow', {}, 'q'))
    expect(answer.status).toBe(200)
    expect(answer.headers.get('x-accel-buffering')).toBe('no')
    expect(answer.headers.get('cache-control')).toBe('no-cache, no-transform')
    const text = await answer.text()
    expect(text).not.toContain('id:')
    expect(
      text
        .match(/^event: message\ndata: (.*)\n$/gm)
        ?.map((event) => JSON.parse(event.slice(21)) as object),
    ).toEqual([
      { jsonrpc: '2.0', ...progress('t', 1) },
      { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } },
      { jsonrpc: '2.0', id: 'q', result: { resultType: 'complete', ...textResult('done') } },
    ])
    await until(() => overs.length === 1, 'the end')
    expect(streams()).toBe(0)
  })

  it('that wants input is answered with what the view said, and its retry carries the answers', async () => {
    const asked = {
      resultType: 'input_required',
      inputRequests: { a: { method: 'roots/list' } },
      requestState: 's',
    }
    const view = new ScriptedView({ 'tools/call': () => asked })
    const { url } = await startFronts({ view })
    const first = (await (await fetch(url, call('ask'))).json()) as { result: unknown }
    expect(first.result).toEqual(asked)
    const more = { inputResponses: { a: { roots: [] } }, requestState: 's' }
    await (await fetch(url, call('ask', more, 2))).text()
    expect(view.calls[1]?.request.params).toEqual({ name: 'ask', ...more })
  })
})

describe('an error', () => {
  it.each([
    [-32_602, 200],
    [-32_601, 404],
    [-32_020, 400],
    [-32_021, 400],
    [-32_022, 400],
    [-32_603, 200],
    [7, 200],
  ])('of the server with code %i has the status %i', async (code, status) => {
    const error = { code, message: 'no', data: { why: 'because' } }
    const view = new ScriptedView({ 'tools/call': () => Promise.reject(error) })
    const { url, overs } = await startFronts({ view })
    const answer = await fetch(url, call('x', {}, 'q'))
    expect(answer.status).toBe(status)
    expect(await answer.json()).toEqual({ jsonrpc: '2.0', id: 'q', error })
    expect(overs).toEqual([{ outcome: 'answered', code: undefined }])
  })

  it('of the gateway has the status of its row', async () => {
    const failure = new GatewayError('GW_UPSTREAM_TIMEOUT', 'late')
    const view = new ScriptedView({ 'tools/call': () => Promise.reject(failure) })
    const { url, overs } = await startFronts({ view })
    const answer = await fetch(url, call('x', {}, 'q'))
    expect(answer.status).toBe(504)
    expect(await answer.json()).toMatchObject({
      id: 'q',
      error: { code: -32_603, data: { code: 'GW_UPSTREAM_TIMEOUT' } },
    })
    expect(overs).toEqual([{ outcome: 'failed', code: 'GW_UPSTREAM_TIMEOUT' }])
  })

  it('is the last event once a stream has begun', async () => {
    const view = new ScriptedView({
      'tools/call': ({ sink }) => {
        sink.onNotification(progress('t', 1))
        throw new GatewayError('GW_UPSTREAM_BROKEN', 'broken')
      },
    })
    const { url } = await startFronts({ view })
    const events = readEvents(await fetch(url, call('x', {}, 'q')))
    const [, last] = await events.rest()
    expect(last).toMatchObject({ id: 'q', error: { data: { code: 'GW_UPSTREAM_BROKEN' } } })
  })
})

describe('what is refused', () => {
  it.each([
    'initialize',
    'ping',
    'logging/setLevel',
    'resources/subscribe',
    'resources/unsubscribe',
  ])('%s, which the modern era does not have', async (method) => {
    const view = new ScriptedView({ [method]: () => ({}) })
    const { url } = await startFronts({ view })
    const answer = await fetch(url, modernRequest(method, { uri: undefined }, 'q'))
    expect(answer.status).toBe(404)
    expect(await answer.json()).toMatchObject({ id: 'q', error: { code: -32_601 } })
    expect(view.calls).toEqual([])
  })

  it('a version that nobody speaks, with those that somebody does', async () => {
    const { url } = await startFronts({ view: new ScriptedView() })
    const request = modernRequest('tools/list', {}, 'q')
    const headers = { ...request.headers, 'mcp-protocol-version': '2099-01-01' }
    const body = request.body.replace('2026-07-28', '2099-01-01')
    const answer = await fetch(url, { ...request, headers, body })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({
      id: 'q',
      error: { code: -32_022, data: { supported: ['2026-07-28'], requested: '2099-01-01' } },
    })
  })

  it.each([
    'application/json',
    'text/event-stream',
    'text/html',
    'application/json, text/event-stream;q=0',
  ])('a client that takes only %s', async (accept) => {
    const { url } = await startFronts({
      view: new ScriptedView({ 'tools/list': () => ({ tools: [] }) }),
    })
    const request = modernRequest('tools/list', {}, 'q')
    const answer = await fetch(url, { ...request, headers: { ...request.headers, accept } })
    expect(answer.status).toBe(406)
    expect(await answer.json()).toMatchObject({ id: 'q' })
  })

  it('a header that says something else than the argument it mirrors', async () => {
    const schema = {
      type: 'object',
      properties: { region: { type: 'string', 'x-mcp-header': 'Region' } },
    }
    const pages = [
      { tools: [{ name: 'another', inputSchema: {} }], nextCursor: 'more' },
      { tools: [{ name: 'greet', inputSchema: schema }] },
    ]
    const view = new ScriptedView({
      'tools/call': () => textResult('hi'),
      'tools/list': ({ request: { params } }) => pages[params['cursor'] === 'more' ? 1 : 0],
    })
    const { url } = await startFronts({ view })
    const send = async (tool: string, region?: string): Promise<unknown> => {
      const request = call(tool, { arguments: { region: 'north' } }, 'q')
      const headers = {
        ...request.headers,
        ...(region !== undefined && { 'mcp-param-region': region }),
      }
      const answer = await fetch(url, { ...request, headers })
      return [answer.status, ((await answer.json()) as { error?: { code: number } }).error?.code]
    }
    // Without the header nothing was acted on, so the schema is not asked for.
    expect(await send('greet')).toEqual([200, undefined])
    expect(view.calls).toHaveLength(1)
    expect(await send('greet', 'north')).toEqual([200, undefined])
    expect(await send('greet', '=?base64?bm9ydGg=?=')).toEqual([200, undefined])
    expect(await send('greet', 'south')).toEqual([400, -32_020])
    expect(await send('greet')).toEqual([400, -32_020])
    expect(await send('another', 'south')).toEqual([200, undefined])
    // Two pages, and four calls that were let through.
    expect(view.calls).toHaveLength(6)
  })
})

it('a notification is accepted', async () => {
  const view = new ScriptedView()
  const { url, overs } = await startFronts({ view })
  const { headers } = modernRequest('notifications/cancelled')
  const body = JSON.stringify({
    jsonrpc: '2.0',
    method: 'notifications/cancelled',
    params: { requestId: 1 },
  })
  const answer = await fetch(url, { method: 'POST', headers, body })
  expect(answer.status).toBe(202)
  expect(await answer.text()).toBe('')
  expect(view.calls).toEqual([])
  expect(overs).toEqual([{ outcome: 'answered', code: undefined }])
})

describe('a client that leaves', () => {
  it.each([false, true])('cancels its call (stream begun: %s)', async (isStreaming) => {
    const view = new ScriptedView({
      'tools/call': ({ sink }) => {
        if (isStreaming) sink.onNotification(progress('t', 1))
        return undefined
      },
    })
    const { url, overs } = await startFronts({ view })
    const leave = new AbortController()
    const answer = fetch(url, { ...call('slow'), signal: leave.signal }).catch(() => undefined)
    if (isStreaming) await readEvents((await answer) as Response).next()
    await until(() => view.calls.length === 1, 'the call')
    expect(view.calls[0]?.cancelled).toBe(false)
    leave.abort()
    await until(() => view.calls[0]?.cancelled === true, 'the cancellation')
    expect(overs).toEqual([{ outcome: 'client-gone', code: undefined }])
  })

  it('without reading is cut off, and its call is cancelled, before it costs much memory', async () => {
    const data = 'x'.repeat(100_000)
    const view = new ScriptedView({ 'tools/call': () => undefined })
    const { port, overs } = await startFronts({ view })
    const { openRaw } = await import('../../../support/raw-http.ts')
    const connection = await openRaw({ port, paused: true })
    const { headers, body } = call('flood')
    const fields = Object.entries({ ...headers, host: 'localhost', 'content-length': body.length })
    connection.send(
      `POST /mcp HTTP/1.1\r\n${fields.map(([n, v]) => `${n}: ${v}\r\n`).join('')}\r\n${body}`,
    )
    await until(() => view.calls.length === 1, 'the call')
    const [flood] = view.calls
    let sent = 0
    await until(() => {
      flood?.sink.onNotification({ method: 'notifications/message', params: { data } })
      sent += data.length
      return flood?.cancelled === true
    }, 'the cut')
    expect(sent).toBeLessThan(20_000_000)
    expect(overs).toEqual([{ outcome: 'failed', code: 'GW_SLOW_READER' }])
  })
})

describe('silence', () => {
  it('begins the stream with a comment, and more follow', async () => {
    const clock = manualClock()
    const view = new ScriptedView({ 'tools/call': () => undefined })
    const { url } = await startFronts({ view, clock, keepAliveMs: 1_000 })
    const fetched = fetch(url, call('slow', {}, 'q'))
    await until(() => view.calls.length === 1 && clock.pending > 0, 'the call')
    clock.advance(1_200)
    const events = readEvents(await fetched)
    expect(await events.next()).toMatchObject({ data: undefined })
    clock.advance(1_000)
    expect(await events.next()).toMatchObject({ data: undefined })
    view.calls[0]?.sink.onResult({ resultType: 'complete' })
    expect(await events.message()).toMatchObject({ id: 'q', result: {} })
    expect(clock.pending).toBe(0)
  })
})

it('stopping ends calls that are under way, with an answer', async () => {
  const view = new ScriptedView({ 'tools/call': () => undefined })
  const { url, modern } = await startFronts({ view })
  const answer = fetch(url, call('slow', {}, 'q'))
  await until(() => view.calls.length === 1, 'the call')
  modern.drain()
  expect(view.calls[0]?.cancelled).toBe(false)
  modern.close()
  expect((await answer).status).toBe(503)
  expect(view.calls[0]?.cancelled).toBe(true)
})
