import { describe, expect, it, onTestFinished } from 'vitest'
import { LEGACY_VERSIONS } from '../../../src/wire/index.ts'
import { startSseServer } from '../../fixtures/sse-server/sse-server.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { startHttpServer, until } from '../../support/servers.ts'
import { startHttpUpstream } from '../http-upstream.ts'
import { INITIALIZE, initialize, legacy, modern, recordingLog, send } from '../stdio/harness.ts'
import { ENDPOINT_EVENT_TIMEOUT_MS } from '../../../src/upstream/legacy-sse/connection.ts'
import { endpointEvent, event, openStream, startScriptedSse } from './scripted-sse.ts'

const start = (url: string, ...rest: [options?: object, context?: object]) =>
  startHttpUpstream(url, { protocol: 'http_sse', ...rest[0] }, rest[1])

const callTool = (name: string, args: object = {}, _meta: object = {}) =>
  ['tools/call', { name, arguments: args, _meta }] as const

async function startReal() {
  const server = await startSseServer()
  onTestFinished(() => server.close())
  const upstream = start(server.url)
  return { server, upstream, session: await initialize(upstream) }
}

describe('a session', () => {
  it('is begun by initialize, on an event stream of its own', async () => {
    const { server, upstream, session } = await startReal()
    const other = await initialize(upstream)
    expect(session).toMatch(/^[\x21-\x7e]{32,}$/)
    expect(other).not.toBe(session)
    expect(server.sessionCount()).toBe(2)
    const { json } = await legacy(upstream, session, [1, ...callTool('echo', { text: 'grüß' })])
      .over
    expect(json).toMatchObject({ id: 1, result: { content: [{ text: 'grüß' }] } })
  })

  it('runs calls side by side and tells their answers apart by id', async () => {
    const { upstream, session } = await startReal()
    const slow = legacy(upstream, session, [1, ...callTool('slow', { steps: 1, stepMs: 200 })])
    const ids = ['1', 2, 'x']
    const calls = ids.map((id) =>
      legacy(upstream, session, [id, ...callTool('echo', { text: `${id}` })]),
    )
    const answers = await Promise.all(calls.map(({ over }) => over))
    expect(answers.map(({ json }) => json.id)).toEqual(ids)
    expect(slow.isOver).toBe(false)
    expect((await slow.over).json.id).toBe(1)
  })

  it('brings progress to the call that its token names', async () => {
    const { upstream, session } = await startReal()
    const call = (id: number, token: string) =>
      legacy(upstream, session, [id, ...callTool('slow', { steps: 2 }, { progressToken: token })])
    const [a, b] = await Promise.all([call(1, 'a').over, call(2, 'b').over])
    const tokens = ({ events }: typeof a) => events.map(({ params }) => params?.progressToken)
    expect([tokens(a), tokens(b)]).toEqual([
      ['a', 'a', undefined],
      ['b', 'b', undefined],
    ])
  })

  it('carries a question of the server to the client, and the answer back', async () => {
    const { upstream, session } = await startReal()
    const call = legacy(upstream, session, [1, ...callTool('ask', { kind: 'roots' })])
    await until(() => call.events.length === 1, 'the question')
    const [question] = call.events
    expect(question?.method).toBe('roots/list')
    const result = { roots: [{ uri: 'file:///r' }] }
    const body = { jsonrpc: '2.0', id: question?.id, result }
    expect((await send(upstream, { session, body }).over).status).toBe(202)
    expect((await call.over).text).toContain('file:///r')
  })

  it('passes a cancellation on', async () => {
    const { server, upstream, session } = await startReal()
    legacy(upstream, session, [1, ...callTool('slow', { steps: 100, stepMs: 100 })])
    await until(() => server.tally.started === 1, 'the call')
    const params = { requestId: 1 }
    const body = { jsonrpc: '2.0', method: 'notifications/cancelled', params }
    expect((await send(upstream, { session, body }).over).status).toBe(202)
    await until(() => server.tally.cancelled === 1, 'the cancellation')
  })

  it('ends with DELETE, and its stream with it', async () => {
    const { server, upstream, session } = await startReal()
    expect((await send(upstream, { method: 'DELETE', session }).over).status).toBe(200)
    await until(() => server.sessionCount() === 0, 'the stream to end')
    const { error } = await legacy(upstream, session, [1, 'ping']).over
    expect(error?.code).toBe('GW_SESSION_NOT_FOUND')
  })

  it('ends when its stream is lost: calls fail, the next use is answered 404', async () => {
    const { server, upstream, session } = await startReal()
    const call = legacy(upstream, session, [1, ...callTool('slow', { steps: 50, stepMs: 100 })])
    const stream = send(upstream, { method: 'GET', session })
    await until(() => server.tally.started === 1, 'the call')
    server.dropStreams()
    const { error, sent } = await call.over
    expect([error?.code, sent]).toEqual(['GW_UPSTREAM_BROKEN', true])
    expect((await stream.over).isEnded).toBe(true)
    const next = await legacy(upstream, session, [2, 'ping']).over
    expect(next.error?.row.status).toBe(404)
    expect(await initialize(upstream)).toBeTypeOf('string')
  })

  it('ends when it was idle for too long, and when it has lived its time', async () => {
    const clock = manualClock()
    const server = await startScriptedSse()
    const httpSse = { idleTimeoutMs: 10_000, maxLifetimeMs: 60_000, maxMessageBytes: 10_000 }
    const upstream = start(server.url, { httpSse }, { clock })
    const idle = await initialize(upstream)
    clock.advance(11_000)
    expect((await legacy(upstream, idle, [1, 'ping']).over).error?.row.status).toBe(404)
    await until(() => server.streams.size === 0, 'the stream to end')

    const old = await initialize(upstream)
    const call = legacy(upstream, old, [1, 'test/never'])
    const stream = send(upstream, { method: 'GET', session: old })
    await until(() => server.posted.length === 3, 'the call')
    clock.advance(4_000)
    expect(call.isOver).toBe(false)
    clock.advance(60_000)
    await call.over
    expect([call.failure, stream.isEnded]).toEqual(['GW_UPSTREAM_TIMEOUT', true])
    expect((await legacy(upstream, old, [2, 'ping']).over).error?.row.status).toBe(404)
  })

  it('is not kept for a client that left before it heard of it', async () => {
    const server = await startScriptedSse({ onGet: (response) => openStream(response, ': hi\n') })
    const upstream = start(server.url)
    const call = send(upstream, { body: INITIALIZE })
    await until(() => server.streams.size === 1, 'the stream')
    call.call?.abort()
    await until(() => server.streams.size === 0, 'the stream to end')
    expect([call.isOver, server.posted]).toEqual([false, []])
  })
})

describe('what is sent to the server', () => {
  it('is the client’s own bytes and fields, without those of the other transport', async () => {
    const server = await startScriptedSse()
    const upstream = start(`${server.url}?key=1`)
    const session = await initialize(upstream)
    const body =
      '{ "jsonrpc":"2.0",\n "method":"notifications/x","params":{"n":12345678901234567890}}'
    expect((await send(upstream, { session, body }).over).status).toBe(202)
    expect(server.posted.map(({ path }) => path)).toEqual(['/post?s=1', '/post?s=1'])
    expect(server.posted[1]?.headers).toMatchObject({ 'content-type': 'application/json' })
    expect(server.posted[1]?.headers['mcp-session-id']).toBeUndefined()
    expect(Number(server.posted[1]?.headers['content-length'])).toBe(body.length)
    expect(server.opened[0]).toMatchObject({ accept: 'text/event-stream' })
  })

  it.each([
    [404, 'GW_UPSTREAM_BROKEN'],
    [500, 'GW_UPSTREAM_BROKEN'],
    [503, 'GW_UPSTREAM_OVERLOADED'],
    [307, 'GW_UPSTREAM_REDIRECT'],
    [401, 'GW_UPSTREAM_AUTH'],
  ])('and refused with %i fails the call and the notification: %s', async (status, code) => {
    const server = await startScriptedSse({
      onPost: ({ message }, response) =>
        response.writeHead(message.method === 'initialize' ? 202 : status).end('no'),
    })
    const upstream = start(server.url)
    const session = await initialize(upstream)
    const { error, sent } = await legacy(upstream, session, [1, 'tools/list']).over
    expect([error?.code, sent]).toEqual([code, true])
    const notification = { jsonrpc: '2.0', method: 'notifications/x' }
    expect((await send(upstream, { session, body: notification }).over).error?.code).toBe(code)
    // The session goes on.
    expect(server.streams.size).toBe(1)
  })

  it('and refused ends the session that it was to begin', async () => {
    const server = await startScriptedSse({
      onPost: (_posted, response) => response.writeHead(400).end('no'),
    })
    const { error } = await send(start(server.url), { body: INITIALIZE }).over
    expect(error?.code).toBe('GW_UPSTREAM_BROKEN')
    await until(() => server.streams.size === 0, 'the stream to end')
  })

  it('finds its answer even when that comes before the POST is over', async () => {
    const server = await startScriptedSse({
      onPost: ({ message: { id, method } }, response) => {
        if (method === 'initialize') response.writeHead(202).end()
        else server.say(event({ jsonrpc: '2.0', id, result: { early: true } }))
      },
    })
    const upstream = start(server.url)
    const session = await initialize(upstream)
    const { json } = await legacy(upstream, session, [1, 'tools/list']).over
    expect(json.result).toEqual({ early: true })
  })
})

describe('the endpoint event', () => {
  it.each([
    ['a path', '/post?s=1', '/post?s=1'],
    ['a relative path', 'messages/?s=2', '/messages/?s=2'],
    ['a URL of the same origin', 'SELF/post', '/post'],
  ])('may name %s', async (_what, written, expected) => {
    const server = await startScriptedSse({
      onGet: (response) =>
        openStream(response, endpointEvent(written.replace('SELF', new URL(server.url).origin))),
    })
    await initialize(start(server.url))
    expect(server.posted[0]?.path).toBe(expected)
  })

  it.each([
    ['of another port', 'http://127.0.0.1:1/post'],
    ['of another host', 'http://localhost:PORT/post'],
    ['without a scheme', '//evil.example/post'],
    ['of another scheme', 'https://127.0.0.1:PORT/post'],
    ['that is none', 'http://'],
  ])('with a URL %s fails the session, and nothing is posted', async (_what, written) => {
    const server = await startScriptedSse({
      onGet: (response) =>
        openStream(response, endpointEvent(written.replace('PORT', String(server.port)))),
    })
    const { error, sent } = await send(start(server.url), { body: INITIALIZE }).over
    expect([error?.code, sent]).toEqual(['GW_UPSTREAM_BROKEN', false])
    expect(server.posted).toEqual([])
    await until(() => server.streams.size === 0, 'the stream to end')
  })

  it.each([
    ['another event first', 200, event({ jsonrpc: '2.0', method: 'x' }), 'GW_UPSTREAM_BROKEN'],
    ['no stream', 404, 'Not Found', 'GW_UPSTREAM_BROKEN'],
    ['a redirect', 302, '', 'GW_UPSTREAM_REDIRECT'],
    ['a demand for credentials', 401, '', 'GW_UPSTREAM_AUTH'],
  ])('in vain: %s', async (_what, status, text, code) => {
    const server = await startHttpServer((_request, response) => {
      response.writeHead(status, { 'content-type': 'text/event-stream' }).end(text)
    })
    const { error, sent } = await send(start(server.url), { body: INITIALIZE }).over
    expect([error?.code, sent]).toEqual([code, false])
  })

  it('is not waited for beyond a limit', async () => {
    const clock = manualClock()
    const server = await startScriptedSse({ onGet: (response) => openStream(response, ': hi\n\n') })
    const options = { connectTimeoutMs: 1_000, responseTimeoutMs: 3_600_000 }
    const upstream = start(server.url, options, { clock })
    const call = send(upstream, { body: INITIALIZE })
    await until(() => server.streams.size === 1, 'the stream')
    clock.advance(ENDPOINT_EVENT_TIMEOUT_MS + 999)
    expect(call.isOver).toBe(false)
    clock.advance(1)
    expect([call.error?.code, call.sent]).toEqual(['GW_UPSTREAM_TIMEOUT', false])
    await until(() => server.streams.size === 0, 'the stream to end')
  })
})

describe('the event stream', () => {
  it('is read in any split, with comments, other events and messages of several lines', async () => {
    const server = await startScriptedSse()
    const upstream = start(server.url)
    const session = await initialize(upstream)
    const call = legacy(upstream, session, [7, 'tools/list'])
    await until(() => server.posted.length === 2, 'the call')
    const text =
      ': ping\r\n\r\nevent: ping\r\ndata: 1\r\n\r\ndata: {"jsonrpc":"2.0",\r\ndata: "id":7,"result":{"text":"grüß"}}\r\n\r\n'
    for (const byte of Buffer.from(text)) for (const it of server.streams) it.write(Buffer.of(byte))
    expect((await call.over).json.result.text).toBe('grüß')
  })

  it('may carry noise, which is told once', async () => {
    const { log, lines } = recordingLog()
    const server = await startScriptedSse()
    const upstream = start(server.url, {}, { log })
    const session = await initialize(upstream)
    const call = legacy(upstream, session, [1, 'tools/list'])
    await until(() => server.posted.length === 2, 'the call')
    server.say('data: hello\n\ndata: {}\n\n')
    server.say(event({ jsonrpc: '2.0', id: 1, result: {} }))
    await call.over
    const told = lines.filter(({ text }) => text.includes('not JSON-RPC'))
    expect(told.map(({ level }) => level)).toEqual(['warn', 'debug'])
  })

  it('ends the session at a message that is too long', async () => {
    const server = await startScriptedSse()
    const httpSse = { idleTimeoutMs: 60_000, maxLifetimeMs: 60_000, maxMessageBytes: 1_000 }
    const upstream = start(server.url, { httpSse })
    const session = await initialize(upstream)
    const tooLong = await legacy(upstream, session, [1, 'x', { x: 'x'.repeat(1_000) }]).over
    expect(tooLong.error?.code).toBe('GW_BODY_TOO_LARGE')
    const call = legacy(upstream, session, [2, 'tools/list'])
    await until(() => server.posted.length === 2, 'the call')
    server.say(event({ jsonrpc: '2.0', id: 2, result: { x: 'x'.repeat(1_000) } }))
    expect((await call.over).error?.message).toContain('more than 1000 bytes (max_message)')
    await until(() => server.streams.size === 0, 'the stream to end')
  })

  it('counts among max_streams', async () => {
    const server = await startScriptedSse()
    const upstream = start(server.url, { maxStreams: 1 })
    const session = await initialize(upstream)
    const { error, sent } = await send(upstream, { body: INITIALIZE }).over
    expect([error?.code, sent]).toEqual(['GW_UPSTREAM_OVERLOADED', false])
    await send(upstream, { method: 'DELETE', session }).over
    expect(await initialize(upstream)).toBeTypeOf('string')
  })
})

describe('a request that is none of this transport', () => {
  it('of the modern era is refused in a way that lets the client fall back', async () => {
    const server = await startScriptedSse()
    const { error, sent } = await modern(start(server.url), 1, 'server/discover').over
    expect(error?.code).toBe('GW_WRONG_ERA')
    expect(error?.data).toEqual({ supported: LEGACY_VERSIONS, requested: '2026-07-28' })
    expect([sent, server.opened]).toEqual([false, []])
  })

  it.each([
    ['POST', { body: { jsonrpc: '2.0', id: 1, method: 'tools/list' } }],
    ['GET', { method: 'GET' }],
    ['DELETE', { method: 'DELETE' }],
  ] as const)('%s without a session is refused', async (_method, outgoing) => {
    const server = await startScriptedSse()
    expect((await send(start(server.url), outgoing).over).error?.code).toBe('GW_SESSION_REQUIRED')
  })
})

describe('stopping', () => {
  it('lets calls finish and leaves no connection', async () => {
    const { server, upstream, session } = await startReal()
    const idle = await initialize(upstream)
    const stream = send(upstream, { method: 'GET', session: idle })
    const call = legacy(upstream, session, [1, ...callTool('slow', { steps: 3, stepMs: 50 })])
    await until(() => server.tally.started === 1, 'the call')
    await upstream.stop(10_000)
    expect((await call.over).text).toContain('done after 3 steps')
    expect(stream.isEnded).toBe(true)
    await until(() => server.sessionCount() === 0, 'the streams to end')
  })

  it('fails what is not over at the deadline, and what has not begun', async () => {
    const server = await startScriptedSse()
    const upstream = start(server.url)
    const session = await initialize(upstream)
    const call = legacy(upstream, session, [1, 'test/never'])
    await until(() => server.posted.length === 2, 'the call')
    await upstream.stop(50)
    expect(call.failure).toBe('GW_DRAINING')

    const silent = await startScriptedSse({ onGet: (response) => openStream(response, ': hi\n') })
    const other = start(silent.url)
    const waiting = send(other, { body: INITIALIZE })
    await until(() => silent.streams.size === 1, 'the stream')
    await other.stop(50)
    expect([waiting.error?.code, waiting.sent]).toEqual(['GW_DRAINING', false])
  })
})
