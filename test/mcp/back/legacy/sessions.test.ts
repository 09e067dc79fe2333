// The sessions that a legacy back holds with its server: for whom, how many, how long, and what happens when one is lost.
import { describe, expect, it } from 'vitest'
import { startEverythingServer } from '../../../fixtures/everything-server/server.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { deadPort, until } from '../../../support/servers.ts'
import { ask, begin, textOf } from '../modern/view-of.ts'
import { ABLE, answerJson, backOf, callTool, resultOf, scripted, type Script } from './back-of.ts'

const LIST = 'tools/list'

describe('a session', () => {
  it('is begun with what the client is and can, once for all who ask at the same time', async () => {
    const server = await scripted(() => undefined)
    const { back } = await backOf([server.url])
    const capabilities = { ...ABLE, extensions: { 'x/y': {} } }
    const how = { capabilities, headers: ['X-Own', 'kept'] }
    await Promise.all(Array.from({ length: 10 }, () => ask(back, LIST, {}, how)))
    expect(server.of('initialize')).toHaveLength(1)
    expect(server.of('initialize')[0]).toMatchObject({
      params: {
        protocolVersion: '2025-11-25',
        capabilities: ABLE,
        clientInfo: { name: 'client', version: '1' },
      },
      headers: { 'x-own': 'kept', accept: 'application/json, text/event-stream' },
    })
    expect(server.of('initialize')[0]?.headers).not.toHaveProperty('mcp-protocol-version')
    expect(server.of('notifications/initialized')).toHaveLength(1)
    expect(server.of(LIST)).toHaveLength(10)
    expect(new Set(server.of(LIST).map(({ id }) => id)).size).toBe(10)
    for (const { headers } of [...server.of(LIST), ...server.of('notifications/initialized')]) {
      expect(headers).toMatchObject({
        'mcp-session-id': 'session-1',
        'mcp-protocol-version': '2025-11-25',
        'x-own': 'kept',
      })
    }
  })

  it('is never shared by callers, nor by clients of different names or capabilities', async () => {
    const server = await scripted(() => undefined)
    const { back } = await backOf([server.url])
    const asks = [
      { key: 'a' },
      { key: 'b' },
      { key: 'a', capabilities: { sampling: {} } },
      { key: 'a' },
      { key: 'b' },
    ]
    for (const how of asks) await ask(back, LIST, {}, how)
    expect(server.of(LIST).map(({ headers }) => headers['mcp-session-id'])).toEqual([
      'session-1',
      'session-2',
      'session-3',
      'session-1',
      'session-2',
    ])
  })

  it('uses the version that the server chose', async () => {
    const server = await scripted(() => undefined, { version: '2025-03-26' })
    const { back } = await backOf([server.url])
    await resultOf(back, LIST)
    expect(server.of(LIST)[0]?.headers).toMatchObject({ 'mcp-protocol-version': '2025-03-26' })
  })

  it('stays with the endpoint that gave it', async () => {
    const a = await scripted(() => undefined)
    const b = await scripted(() => undefined)
    const { back } = await backOf([a.url, b.url])
    for (let count = 0; count < 6; count++) await resultOf(back, LIST)
    expect([a.of(LIST).length, b.of(LIST).length]).toEqual(expect.arrayContaining([0, 6]))
  })

  it('without an id is used with every endpoint, and never ended', async () => {
    const a = await scripted(() => undefined, { isStateless: true })
    const b = await scripted(() => undefined, { isStateless: true })
    const { back } = await backOf([a.url, b.url])
    for (let count = 0; count < 6; count++) await resultOf(back, LIST)
    expect([a.of(LIST).length, b.of(LIST).length]).toEqual([3, 3])
    expect(a.of(LIST)[0]?.headers).not.toHaveProperty('mcp-session-id')
    await back.close()
    expect([...a.of('DELETE'), ...b.of('DELETE')]).toEqual([])
  })

  it('is ended at the server when the back closes', async () => {
    const server = await startEverythingServer()
    const { back } = await backOf([server.url])
    await Promise.all(['a', 'b', 'c'].map((key) => resultOf(back, LIST, {}, { key })))
    expect(server.sessionCount()).toBe(3)
    await back.close()
    expect(server.sessionCount()).toBe(0)
    const { failures } = await ask(back, LIST)
    expect(failures).toMatchObject([{ code: 'GW_DRAINING' }])
    await server.close()
  })
})

describe('a server that begins no session', () => {
  it.each([
    ['with an error', { status: 200, message: { error: { code: -32_022, message: 'no' } } }],
    [
      'with a status',
      { status: 400, message: { error: { code: -32_000, message: 'no' }, id: null } },
    ],
    [
      'with another version',
      { status: 200, message: { result: { protocolVersion: '1999-01-01' } } },
    ],
  ])('%s is told apart from one that fails', async (_, { status, message }) => {
    const server = await scripted(({ method, id }, response) =>
      method === 'initialize' ? answerJson(response, { id, ...message }, status) : undefined,
    )
    const { back, doubts } = await backOf([server.url])
    const { failures } = await ask(back, 'tools/call', { name: 'x' })
    expect(failures).toMatchObject([{ code: 'GW_UPSTREAM_INITIALIZE' }])
    expect(doubts).toHaveLength(1)
    expect(back.held.sessions).toBe(0)
    expect(server.of('tools/call')).toEqual([])
  })

  it('because it cannot be reached fails the call with that', async () => {
    const { back, doubts } = await backOf([`http://127.0.0.1:${await deadPort()}/mcp`])
    const { failures } = await ask(back, 'tools/call', { name: 'x' })
    expect(failures).toMatchObject([{ code: 'GW_UPSTREAM_UNREACHABLE' }])
    expect([doubts.length, back.held.sessions]).toEqual([0, 0])
  })

  it('is asked again by the next call', async () => {
    let refusals = 1
    const server = await scripted(({ method }, response) => {
      if (method !== 'initialize' || refusals-- === 0) return undefined
      response.writeHead(500).end()
      return true
    })
    const { back } = await backOf([server.url])
    expect((await ask(back, LIST)).failures).toHaveLength(1)
    expect((await ask(back, LIST)).results).toHaveLength(1)
  })
})

describe('a lost session', () => {
  /** Forgets its first session once it was used. */
  async function forgetful(refusal: { readonly status: number; readonly body: object }) {
    let isForgotten = false
    const server = await scripted(({ method, headers }, response) => {
      const isFirst = headers['mcp-session-id'] === 'session-1'
      if (!isForgotten || !isFirst || method === undefined) return undefined
      return answerJson(response, refusal.body, refusal.status)
    })
    const { back } = await backOf([server.url])
    await resultOf(back, LIST)
    isForgotten = true
    return { server, back }
  }

  const NOT_FOUND = { status: 404, body: { error: { code: -32_001, message: 'gone' }, id: null } }
  const BAD_REQUEST = {
    status: 400,
    body: { error: { code: -32_000, message: 'what?' }, id: null },
  }

  it.each([
    [LIST, NOT_FOUND],
    ['resources/read', NOT_FOUND],
    ['completion/complete', NOT_FOUND],
    [LIST, BAD_REQUEST],
  ])('is begun again for %s, which is sent once more', async (method, refusal) => {
    const { server, back } = await forgetful(refusal)
    expect((await ask(back, method)).results).toHaveLength(1)
    expect(server.of('initialize')).toHaveLength(2)
    expect(server.of(method).at(-1)?.headers['mcp-session-id']).toBe('session-2')
  })

  it.each([
    ['tools/call', NOT_FOUND, 'GW_UPSTREAM_SESSION_LOST'],
    ['prompts/get', NOT_FOUND, 'GW_UPSTREAM_SESSION_LOST'],
    ['tools/call', BAD_REQUEST, 'GW_UPSTREAM_STATUS'],
  ])(
    'fails %s, which is never sent again; the next call has a new one',
    async (method, refusal, code) => {
      const { server, back } = await forgetful(refusal)
      expect((await ask(back, method, { name: 'x' })).failures).toMatchObject([{ code }])
      expect(server.of(method)).toHaveLength(1)
      expect((await ask(back, method, { name: 'x' })).results).toHaveLength(1)
      expect(server.of(method)).toHaveLength(2)
      expect(server.of('initialize')).toHaveLength(2)
    },
  )

  it('is not begun without end by a server that loses them all', async () => {
    const server = await scripted(({ method }, response) =>
      method === LIST ? answerJson(response, NOT_FOUND.body, 404) : undefined,
    )
    const { back } = await backOf([server.url])
    expect((await ask(back, LIST)).failures).toMatchObject([{ code: 'GW_UPSTREAM_SESSION_LOST' }])
    expect(server.of(LIST)).toHaveLength(2)
  })

  it('whose endpoint is gone is replaced at another, for a call that never left', async () => {
    // No connection is kept that could be found broken only once the call is on its way.
    const once: Script = (_, response) => void response.setHeader('connection', 'close')
    const [a, b] = [await scripted(once), await scripted(once)]
    const { back } = await backOf([a.url, b.url])
    await resultOf(back, LIST)
    const [holder, other] = a.of(LIST).length > 0 ? [a, b] : [b, a]
    await holder.kill()
    expect(textOf(await callTool(back, 'x'))).toBe('done')
    expect(other.of('tools/call')).toHaveLength(1)
  })
})

describe('room for sessions', () => {
  /** Answers calls when it is let to. */
  async function holding() {
    const held: (() => void)[] = []
    const server = await scripted(({ method, id }, response) => {
      if (method !== 'tools/call') return undefined
      held.push(() => answerJson(response, { id, result: {} }))
      return true
    })
    return { ...server, held, answerAll: () => held.splice(0).forEach((answer) => answer()) }
  }

  it('is made by ending the one of the same caller that was idle longest', async () => {
    const clock = manualClock()
    const server = await holding()
    const options = { maxSessionsPerCaller: 2 }
    const { back } = await backOf([server.url], { clock, options })
    const as = (name: string) => ({ key: 'a', capabilities: { sampling: { [name]: {} } } })
    await ask(back, LIST, {}, { key: 'b' })
    for (const name of ['one', 'two', 'one', 'three', 'one']) {
      const asked = begin(back, LIST, {}, as(name))
      await until(() => {
        clock.advance(1)
        return asked.heard.results.length > 0
      }, name)
    }
    expect(back.held.sessions).toBe(3)
    await until(() => server.of('DELETE').length === 1, 'the end of a session')
    expect(server.of('DELETE')[0]?.headers['mcp-session-id']).toBe('session-3')
    expect(server.of('initialize')).toHaveLength(4)
  })

  it.each([
    [{ maxSessionsPerCaller: 1 }, 'a'],
    [{ maxSessions: 1 }, 'b'],
  ])('is refused when all are in use: %j', async (options, key) => {
    const server = await holding()
    const { back } = await backOf([server.url], { options })
    const first = begin(back, 'tools/call', { name: 'x' }, { key: 'a' })
    await until(() => server.held.length === 1, 'the call')
    const how = { key, capabilities: { sampling: {} } }
    expect((await ask(back, LIST, {}, how)).failures).toMatchObject([
      { code: 'GW_UPSTREAM_OVERLOADED' },
    ])
    server.answerAll()
    expect((await first.done).results).toHaveLength(1)
    expect((await ask(back, LIST, {}, how)).results).toHaveLength(1)
    expect(back.held.sessions).toBe(1)
  })

  it('is given back by sessions that are idle too long, but not by those in use', async () => {
    const clock = manualClock()
    const server = await holding()
    const { back } = await backOf([server.url], { clock })
    await ask(back, LIST, {}, { key: 'idle' })
    const busy = begin(back, 'tools/call', { name: 'x' }, { key: 'busy' })
    await until(() => server.held.length === 1, 'the call')
    clock.advance(299_000)
    expect(back.held.sessions).toBe(2)
    clock.advance(1_500)
    expect(back.held.sessions).toBe(1)
    await until(() => server.of('DELETE').length === 1, 'its end')
    expect(server.of('DELETE')[0]?.headers['mcp-session-id']).toBe('session-1')
    server.answerAll()
    expect((await busy.done).results).toHaveLength(1)
  })

  it('is given back by sessions that are too old, once their calls are over', async () => {
    const clock = manualClock()
    const server = await holding()
    const { back } = await backOf([server.url], { clock })
    const old = begin(back, 'tools/call', { name: 'x' })
    await until(() => server.held.length === 1, 'the call')
    clock.advance(14_500_000)
    await ask(back, LIST)
    expect(server.of(LIST)[0]?.headers['mcp-session-id']).toBe('session-2')
    expect([back.held.sessions, server.of('DELETE').length]).toEqual([2, 0])
    server.answerAll()
    expect((await old.done).results).toHaveLength(1)
    await until(() => server.of('DELETE').length === 1, 'its end')
    expect(back.held.sessions).toBe(1)
    await back.close()
    expect(clock.pending).toBe(0)
  })
})
