import { describe, expect, it } from 'vitest'
import type { Upstream } from '../../../src/upstream/upstream.ts'
import { CANCEL_GRACE_MS } from '../../../src/upstream/session/unanswered.ts'
import { MAX_UNDELIVERED } from '../../../src/upstream/session/undelivered.ts'
import { manualClock } from '../../support/manual-clock.ts'
import {
  initialize,
  INITIALIZE,
  legacy,
  recordingLog,
  type Said,
  send,
  startEndpoint,
} from './harness.ts'

const note = (text: string) =>
  `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"${text}"}}`
const question = (id: string) => `{"jsonrpc":"2.0","id":${id},"method":"roots/list"}`

/** What the child has received, parsed. */
async function received(upstream: Upstream, session: string): Promise<Said[]> {
  const { answer } = await legacy(upstream, session, ['received', 'test/received']).over
  return answer.result.received.map((line) => JSON.parse(line) as Said)
}

/** A session whose child says things by itself, and tells on stderr what it hears from the client side. */
async function startTalkative() {
  const { log, lines: logged } = recordingLog()
  const { upstream } = startEndpoint({ log })
  const session = await initialize(upstream)
  const stderr = () => logged.map(({ fields }) => (fields['stderr'] as string | undefined) ?? '')
  return {
    upstream,
    session,
    heard: () => stderr().flatMap((line) => line.split('heard ')[1] ?? []),
    /** Makes the child write these lines while no call is under way. */
    say: async (lines: readonly string[]) => {
      const before = stderr().filter((line) => line === 'said').length
      const body = { jsonrpc: '2.0', method: 'notifications/say', params: { lines } }
      await send(upstream, { session, body }).over
      await expect.poll(() => stderr().filter((line) => line === 'said').length).toBe(before + 1)
    },
  }
}

const texts = (events: readonly Said[]) => events.map(({ params }) => params?.data).filter(Boolean)

describe('initialize', () => {
  it('begins a session with a process of its own and an id of visible ASCII', async () => {
    const { upstream } = startEndpoint()
    const first = await send(upstream, { body: INITIALIZE }).over
    expect([first.status, first.headers['content-type']]).toEqual([200, 'application/json'])
    expect(first.json).toMatchObject({ id: 'init', result: { protocolVersion: '2025-11-25' } })
    const one = first.headers['mcp-session-id'] as string
    const other = await initialize(upstream)
    expect(one).toMatch(/^[\x21-\x7e]{32,}$/)
    expect(other).not.toBe(one)
    const pids = [one, other].map((it) => legacy(upstream, it, [1, 'test/pid']).over)
    const [a, b] = (await Promise.all(pids)).map(({ json }) => json.result.pid)
    expect(a).not.toBe(b)
  })

  it('sends the client’s own bytes, as one line', async () => {
    const { upstream } = startEndpoint()
    const session = await initialize(upstream)
    const body =
      '{ "jsonrpc":"2.0",\n "id": 1.0, "method":"test/received","params":{"n":12345678901234567890}}'
    const { json } = await send(upstream, { session, body }).over
    expect(json.result.received[1]).toBe(body.replace('\n', ' '))
    expect(json.result.received[0]).toBe(JSON.stringify(INITIALIZE))
  })
})

describe('a legacy request', () => {
  it.each([
    ['POST', { body: { jsonrpc: '2.0', id: 1, method: 'tools/list' } }],
    ['GET', { method: 'GET' }],
    ['DELETE', { method: 'DELETE' }],
  ] as const)('without a session id is refused: %s', async (_method, outgoing) => {
    const { upstream } = startEndpoint()
    const { error, sent } = await send(upstream, outgoing).over
    expect([error?.code, sent]).toEqual(['GW_SESSION_REQUIRED', false])
  })

  it.each([
    ['POST', { body: { jsonrpc: '2.0', id: 1, method: 'tools/list' } }],
    ['GET', { method: 'GET' }],
    ['DELETE', { method: 'DELETE' }],
  ] as const)('of an unknown session is answered 404: %s', async (_method, outgoing) => {
    const { upstream } = startEndpoint()
    const { error } = await send(upstream, { ...outgoing, session: 'unknown' }).over
    expect(error?.row.status).toBe(404)
  })

  it.each([
    ['POST', 'application/json', true],
    ['POST', 'text/event-stream', true],
    ['POST', 'application/json, text/event-stream;q=0', true],
    ['POST', 'application/*;q=0.5, TEXT/Event-Stream', false],
    ['POST', '*/*', false],
    ['GET', 'application/json', true],
    ['GET', 'text/event-stream', false],
  ] as const)('%s with Accept: %s is not acceptable: %s', async (method, accept, isRefused) => {
    const { upstream } = startEndpoint()
    const session = await initialize(upstream)
    const body = method === 'POST' ? { body: { jsonrpc: '2.0', id: 1, method: 'test/echo' } } : {}
    const call = send(upstream, { method, session, accept, ...body })
    await legacy(upstream, session, [2, 'test/echo']).over
    expect(call.error?.code).toBe(isRefused ? 'GW_NOT_ACCEPTABLE' : undefined)
    expect(call.status).toBe(isRefused ? 0 : 200)
  })

  it('with an id that is in use is refused', async () => {
    const { upstream } = startEndpoint()
    const session = await initialize(upstream)
    const held = legacy(upstream, session, [1, 'test/hold', { name: 'h' }])
    const { error } = await legacy(upstream, session, [1, 'test/echo']).over
    expect(error?.code).toBe('GW_INVALID_MESSAGE')
    expect((await legacy(upstream, session, ['1', 'test/echo']).over).json.id).toBe('1')
    await legacy(upstream, session, [2, 'test/release', { names: ['h'] }]).over
    expect((await held.over).json.id).toBe(1)
  })
})

describe('notifications and responses', () => {
  it('are answered 202 without a body and reach the child', async () => {
    const { upstream } = startEndpoint()
    const session = await initialize(upstream)
    const bodies = [
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 's1', result: { roots: [] } },
    ]
    for (const body of bodies) {
      const answer = await send(upstream, { session, body }).over
      expect([answer.status, answer.text, answer.isEnded]).toEqual([202, '', true])
    }
    expect(await received(upstream, session)).toEqual([INITIALIZE, ...bodies, expect.anything()])
  })
})

describe('a message of the child that names no call', () => {
  it('goes to the only call under way, which becomes an event stream', async () => {
    const { upstream } = startEndpoint()
    const session = await initialize(upstream)
    const stream = send(upstream, { method: 'GET', session })
    const lines = [note('a'), question('"q"'), note('b')]
    const answer = await legacy(upstream, session, [1, 'test/say', { lines }]).over
    expect(answer.headers['content-type']).toBe('text/event-stream')
    expect(answer.rawEvents.slice(0, 3)).toEqual(lines)
    expect(answer.answer).toMatchObject({ id: 1, result: { said: 3 } })
    expect(stream.events).toEqual([])
  })

  it('goes to the GET stream when several calls are under way', async () => {
    const { upstream } = startEndpoint()
    const session = await initialize(upstream)
    const stream = send(upstream, { method: 'GET', session })
    legacy(upstream, session, [1, 'test/never'])
    const answer = await legacy(upstream, session, [2, 'test/say', { lines: [note('a')] }]).over
    expect(answer.json.result.said).toBe(1)
    expect(texts(stream.events)).toEqual(['a'])
  })

  it('goes to the youngest of several calls when there is no GET stream', async () => {
    const { upstream } = startEndpoint()
    const session = await initialize(upstream)
    const elder = legacy(upstream, session, [1, 'test/never'])
    const answer = await legacy(upstream, session, [2, 'test/say', { lines: [note('a')] }]).over
    expect(texts(answer.events)).toEqual(['a'])
    expect(elder.status).toBe(0)
  })

  it('waits for the GET stream when no call is under way', async () => {
    const { upstream, session, say } = await startTalkative()
    await say([note('a'), note('b')])
    const stream = send(upstream, { method: 'GET', session })
    await expect.poll(() => texts(stream.events)).toEqual(['a', 'b'])
  })

  it('is dropped, oldest first, when too many wait; a request among them is answered', async () => {
    const { upstream, session, say, heard } = await startTalkative()
    const extra = Array.from({ length: MAX_UNDELIVERED }, (_, at) => note(`n${at}`))
    await say([question('"first"'), note('second'), ...extra])
    await expect.poll(() => heard().length).toBe(1)
    expect(JSON.parse(heard()[0] ?? '')).toMatchObject({ id: 'first', error: { code: -32_603 } })
    const stream = send(upstream, { method: 'GET', session })
    await expect.poll(() => stream.events.length).toBe(MAX_UNDELIVERED)
    expect(texts(stream.events)[0]).toBe('n0')
  })

  it('is progress of the call that its token names', async () => {
    const { upstream } = startEndpoint()
    const session = await initialize(upstream)
    const stream = send(upstream, { method: 'GET', session })
    const token = { _meta: { progressToken: 7 } }
    const first = legacy(upstream, session, [1, 'test/hold', { name: 'h', ...token }])
    const progress = (of: string) =>
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${of},"progress":1}}`
    const lines = [progress('7'), progress('"7"')]
    await legacy(upstream, session, [2, 'test/say', { lines }]).over
    expect(first.events.map(({ params }) => params.progressToken)).toEqual([7])
    expect(stream.events.map(({ params }) => params.progressToken)).toEqual(['7'])
  })
})

describe('the GET stream', () => {
  it('opens at once, and a second one is refused', async () => {
    const { upstream } = startEndpoint()
    const session = await initialize(upstream)
    const stream = send(upstream, { method: 'GET', session })
    await expect.poll(() => stream.status).toBe(200)
    expect(stream.headers['content-type']).toBe('text/event-stream')
    expect((await send(upstream, { method: 'GET', session }).over).error?.row.status).toBe(409)
    stream.call?.abort()
    const next = send(upstream, { method: 'GET', session })
    await expect.poll(() => next.status).toBe(200)
  })

  it('ends with its session', async () => {
    const { upstream } = startEndpoint()
    const session = await initialize(upstream)
    const stream = send(upstream, { method: 'GET', session })
    await expect.poll(() => stream.status).toBe(200)
    expect((await send(upstream, { method: 'DELETE', session }).over).status).toBe(200)
    expect((await stream.over).isEnded).toBe(true)
  })
})

describe('a client that leaves', () => {
  it('does not cancel its call, whose progress and answer are dropped', async () => {
    const { upstream } = startEndpoint()
    const session = await initialize(upstream)
    const stream = send(upstream, { method: 'GET', session })
    const params = { name: 'h', _meta: { progressToken: 'p' } }
    const call = legacy(upstream, session, [1, 'test/hold', params])
    await received(upstream, session)
    call.call?.abort()
    const progress = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}`
    const saying = legacy(upstream, session, [2, 'test/say', { lines: [progress] }])
    expect((await saying.over).headers['content-type']).toBe('application/json')
    await legacy(upstream, session, [3, 'test/release', { names: ['h'] }]).over
    const seen = (await received(upstream, session)).map(({ method }) => method)
    expect(seen).not.toContain('notifications/cancelled')
    expect([call.isOver, stream.events]).toEqual([false, []])
  })

  it('before it hears of its session leaves no process behind', async () => {
    const { upstream, count } = startEndpoint({ script: ['--hang'] })
    const call = send(upstream, { body: INITIALIZE })
    await expect.poll(() => count('children')).toEqual({ all: 1 })
    call.call?.abort()
    await expect.poll(() => count('children')).toEqual({ all: 0 })
    expect(await count('child_exits_total')).toEqual({ abandoned: 1 })
  })
})

describe('a cancellation that the client posts', () => {
  const cancel = (upstream: Upstream, session: string, requestId: unknown) =>
    send(upstream, {
      session,
      body: { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } },
    }).over

  it('reaches the child, and the call’s stream ends in good order when no answer comes', async () => {
    const clock = manualClock()
    const { upstream } = startEndpoint({ clock })
    const session = await initialize(upstream)
    const call = legacy(upstream, session, [1, 'test/never'])
    await received(upstream, session)
    expect((await cancel(upstream, session, 1)).status).toBe(202)
    const seen = await received(upstream, session)
    expect(seen.map(({ params }) => params?.requestId)).toContain(1)
    clock.advance(CANCEL_GRACE_MS - 1)
    expect(call.isOver).toBe(false)
    clock.advance(1)
    expect(call).toMatchObject({ isEnded: true, status: 200, events: [] })
    expect((await legacy(upstream, session, [1, 'test/echo']).over).json.id).toBe(1)
  })

  it('lets an answer pass that comes all the same', async () => {
    const { upstream } = startEndpoint()
    const session = await initialize(upstream)
    const call = legacy(upstream, session, ['c', 'test/hold', { name: 'h' }])
    await received(upstream, session)
    await cancel(upstream, session, 'c')
    await legacy(upstream, session, [2, 'test/release', { names: ['h'] }]).over
    expect((await call.over).json).toMatchObject({ id: 'c', result: { name: 'h' } })
  })
})

describe('a request of the server', () => {
  it('stops the clock of its call until the client has answered it', async () => {
    const clock = manualClock()
    const { upstream } = startEndpoint({ clock, responseTimeoutMs: 1_000 })
    const session = await initialize(upstream)
    const lines = [question('"q"')]
    const call = legacy(upstream, session, [1, 'test/say', { lines, silent: true }])
    await expect.poll(() => call.events.length).toBe(1)
    clock.advance(60_000)
    expect(call.isOver).toBe(false)
    await send(upstream, { session, body: { jsonrpc: '2.0', id: 'q', result: { roots: [] } } }).over
    clock.advance(999)
    expect(call.isOver).toBe(false)
    clock.advance(1)
    expect([call.failure, call.isOver]).toEqual(['GW_UPSTREAM_TIMEOUT', true])
  })
})

describe('a batch', () => {
  it('reaches the child message by message, and its answers come on one stream', async () => {
    const { upstream } = startEndpoint()
    const session = await initialize(upstream)
    const body = `[
      {"jsonrpc":"2.0","id":1,"method":"test/echo","params":{"n":1.0}},
      {"jsonrpc":"2.0","method":"notifications/custom"},
      {"jsonrpc":"2.0","id":"1","method":"test/echo"}
    ]`
    const answer = await send(upstream, { session, body }).over
    expect(answer.events.map(({ id }) => id)).toEqual([1, '1'])
    const { json } = await legacy(upstream, session, [2, 'test/received']).over
    expect(json.result.received.slice(1, 4)).toEqual([
      '{"jsonrpc":"2.0","id":1,"method":"test/echo","params":{"n":1.0}}',
      '{"jsonrpc":"2.0","method":"notifications/custom"}',
      '{"jsonrpc":"2.0","id":"1","method":"test/echo"}',
    ])
  })

  it('without a request is answered 202', async () => {
    const { upstream } = startEndpoint()
    const session = await initialize(upstream)
    const body = [{ jsonrpc: '2.0', method: 'notifications/custom' }]
    expect((await send(upstream, { session, body }).over).status).toBe(202)
  })

  it('that the child answers with a batch is answered all the same', async () => {
    const { upstream } = startEndpoint()
    const session = await initialize(upstream)
    const lines = [`[${note('a')}, {"jsonrpc":"2.0","id":$ID,"result":{"n":1.0}}]`]
    const answer = await legacy(upstream, session, [1, 'test/say', { lines, silent: true }]).over
    expect(answer.rawEvents).toEqual([note('a'), '{"jsonrpc":"2.0","id":1,"result":{"n":1.0}}'])
  })
})
