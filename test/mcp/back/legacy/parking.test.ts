// Questions of a legacy server in the middle of a call: how they reach the client, which answers reach the server, and what
// is told to whom when no answer comes.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../../src/wire/index.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { until } from '../../../support/servers.ts'
import { ask, begin, textOf } from '../modern/view-of.ts'
import { allAnswered, asking, CALL, FORM, HOW, ROOTS, SAMPLE, YES } from './asking.ts'
import {
  ABLE,
  answerJson,
  backOf,
  callTool,
  done,
  openStream,
  questionsOf,
  resultOf,
  retryOf,
  scripted,
} from './back-of.ts'

describe('questions', () => {
  it('that come together are asked together, each under a key of its own', async () => {
    const server = await asking([[FORM, SAMPLE, ROOTS, FORM]])
    const { back } = await backOf([server.url])
    const asked = await resultOf(back, 'tools/call', CALL, HOW)
    expect(asked).toMatchObject({ resultType: 'input_required', requestState: expect.any(String) })
    expect(Object.values(questionsOf(asked))).toEqual([FORM, SAMPLE, ROOTS, FORM])
    const retry = retryOf(
      CALL,
      asked,
      allAnswered(asked, YES, { role: 'assistant' }, { roots: [] }),
    )
    expect(textOf(await resultOf(back, 'tools/call', retry, HOW))).toBe('all answered')
    expect(server.of('tools/call')).toHaveLength(1)
    expect(server.of(undefined).map(({ message }) => message)).toEqual([
      { jsonrpc: '2.0', id: 100, result: YES },
      { jsonrpc: '2.0', id: 101, result: { role: 'assistant' } },
      { jsonrpc: '2.0', id: 102, result: { roots: [] } },
      { jsonrpc: '2.0', id: 103, result: YES },
    ])
  })

  it('of further rounds are asked in further results', async () => {
    const server = await asking([[FORM], [SAMPLE], [ROOTS]])
    const { back } = await backOf([server.url])
    let params: JsonObject = CALL
    const states = new Set<unknown>()
    for (const expected of [FORM, SAMPLE, ROOTS]) {
      const asked = await resultOf(back, 'tools/call', params, HOW)
      expect(Object.values(questionsOf(asked))).toEqual([expected])
      states.add(asked['requestState'])
      params = retryOf(CALL, asked, allAnswered(asked, YES))
    }
    expect(textOf(await resultOf(back, 'tools/call', params, HOW))).toBe('all answered')
    expect(states.size).toBe(3)
    expect(back.held).toMatchObject({ parkedCalls: 0 })
  })

  it('that a retry leaves open are asked again, without those it has answered', async () => {
    const server = await asking([[FORM, SAMPLE]])
    const { back } = await backOf([server.url])
    const asked = await resultOf(back, 'tools/call', CALL, HOW)
    const [form = '', sample = ''] = Object.keys(questionsOf(asked))
    const none = retryOf(CALL, asked, { other: YES, [form]: 'no result' })
    const again = await resultOf(back, 'tools/call', none, HOW)
    expect(Object.keys(questionsOf(again))).toEqual([form, sample])
    expect(server.of(undefined)).toEqual([])
    const half = await resultOf(back, 'tools/call', retryOf(CALL, again, { [form]: YES }), HOW)
    expect(Object.keys(questionsOf(half))).toEqual([sample])
    const retry = retryOf(CALL, half, { [form]: YES, [sample]: { role: 'assistant' } })
    expect(textOf(await resultOf(back, 'tools/call', retry, HOW))).toBe('all answered')
    expect(server.of(undefined).map(({ id }) => id)).toEqual([100, 101])
  })

  it('are asked without what the modern era does not have', async () => {
    const url = { mode: 'url', message: 'Visit', url: 'https://a.example/' }
    const server = await asking([
      [{ ...FORM, params: { ...url, elicitationId: 'e', _meta: { progressToken: 1 } } }],
    ])
    const { back } = await backOf([server.url])
    const asked = await resultOf(back, 'tools/call', CALL, HOW)
    expect(Object.values(questionsOf(asked))).toEqual([
      { method: 'elicitation/create', params: url },
    ])
  })

  it.each([
    ['sampling', SAMPLE, { elicitation: {} }],
    ['a URL', { ...FORM, params: { mode: 'url', message: '', url: 'a:' } }, { elicitation: {} }],
    ['roots', ROOTS, { sampling: {} }],
    ['anything else', { method: 'x/y' }, ABLE],
  ])('for %s are refused for a client that cannot answer', async (_, question, capabilities) => {
    const server = await asking([[question]])
    const { back } = await backOf([server.url])
    await callTool(back, 'ask', {}, { capabilities })
    expect(server.of(undefined)).toMatchObject([{ message: { id: 100, error: { code: -32_601 } } }])
  })

  it('for a sign of life are answered at once', async () => {
    const server = await asking([[{ method: 'ping' }]])
    const { back } = await backOf([server.url])
    expect(textOf(await callTool(back, 'ask', {}, HOW))).toBe('all answered')
    expect(server.of(undefined)).toMatchObject([{ message: { id: 100, result: {} } }])
  })

  it('are refused in a request whose result cannot ask', async () => {
    const server = await scripted(({ method, id }, response) => {
      if (method !== 'tools/list') return undefined
      const write = openStream(response)
      write({ id: 7, ...FORM })
      write({ id, result: { tools: [] } })
      response.end()
      return true
    })
    const { back } = await backOf([server.url])
    expect(await resultOf(back, 'tools/list', {}, HOW)).toMatchObject({ tools: [] })
    await until(() => server.of(undefined).length === 1, 'the server to be told')
    expect(server.of(undefined)).toMatchObject([{ message: { id: 7, error: { code: -32_601 } } }])
  })

  it('that the server takes back are not asked', async () => {
    const taken = { method: 'notifications/cancelled', params: { requestId: 100 } }
    const server = await asking([[FORM, SAMPLE]])
    const { back } = await backOf([server.url])
    const asked = begin(back, 'tools/call', CALL, HOW)
    await until(() => server.of('tools/call').length === 1, 'the call')
    server.write(taken)
    const { results } = await asked.done
    expect(Object.values(questionsOf(results[0]))).toEqual([SAMPLE])
  })

  it('beyond what a client is to be asked at once are refused', async () => {
    const server = await asking([Array.from({ length: 40 }, () => FORM)])
    const { back } = await backOf([server.url])
    const asked = await resultOf(back, 'tools/call', CALL, HOW)
    expect(Object.keys(questionsOf(asked))).toHaveLength(32)
    await until(() => server.of(undefined).length === 8, 'eight refusals')
    expect(server.of(undefined).every(({ message }) => 'error' in message)).toBe(true)
  })
})

describe('a parked call', () => {
  /** Time passes until the questions that have come are asked. */
  async function parkedWith(options: Parameters<typeof backOf>[1] = {}) {
    const clock = manualClock()
    const server = await asking([[FORM]])
    const { back } = await backOf([server.url], { clock, ...options })
    const asked = begin(back, 'tools/call', CALL, HOW)
    await until(() => {
      clock.advance(30)
      return asked.heard.results.length + asked.heard.failures.length > 0
    }, 'the client to be asked')
    return { clock, server, back, ...asked.heard }
  }

  it('is given up after its time, which the server is told', async () => {
    const { clock, server, back, results } = await parkedWith()
    const retry = retryOf(CALL, results[0], allAnswered(results[0], YES))
    clock.advance(599_000)
    expect(back.held.parkedCalls).toBe(1)
    clock.advance(80_000)
    expect(back.held.parkedCalls).toBe(0)
    await until(() => server.of('notifications/cancelled').length === 1, 'the cancellation')
    const [call] = server.of('tools/call')
    expect(server.of('notifications/cancelled')[0]?.params).toMatchObject({ requestId: call?.id })
    expect(server.of(undefined)).toMatchObject([{ message: { id: 100, error: { code: -32_603 } } }])
    await until(() => server.streams[0]?.destroyed === true, 'its stream to be left')
    const { errors } = await ask(back, 'tools/call', retry, HOW)
    expect(errors).toMatchObject([{ data: { reason: 'invalid_request_state' } }])
  })

  it('is not gone on with by a state that is too old, even before it is given up', async () => {
    const { clock, server, back, results } = await parkedWith()
    const retry = retryOf(CALL, results[0], allAnswered(results[0], YES))
    clock.advance(600_001)
    expect(back.held.parkedCalls).toBe(1)
    const { errors } = await ask(back, 'tools/call', retry, HOW)
    expect(errors).toMatchObject([{ data: { reason: 'invalid_request_state' } }])
    expect(server.of(undefined)).toEqual([])
  })

  it.each([{ maxParkedCalls: 0 }, { maxParkedCallsPerCaller: 0 }])(
    'beyond the limit is cancelled: %j',
    async (options) => {
      const { server, back, failures } = await parkedWith({ options })
      expect(failures).toMatchObject([{ code: 'GW_UPSTREAM_OVERLOADED' }])
      expect(back.held.parkedCalls).toBe(0)
      await until(() => server.of('notifications/cancelled').length === 1, 'the cancellation')
      expect(server.of(undefined)).toMatchObject([{ message: { error: {} } }])
    },
  )

  it('whose server answers all the same has its answer waiting for the retry', async () => {
    const { server, back, results } = await parkedWith({})
    const [call] = server.of('tools/call')
    server.write(done(call?.id ?? 0, 'without an answer'))
    server.streams[0]?.end()
    await until(() => server.streams[0]?.closed === true, 'the stream to end')
    const retry = retryOf(CALL, results[0], allAnswered(results[0], YES))
    expect(textOf(await resultOf(back, 'tools/call', retry, HOW))).toBe('without an answer')
    expect(back.held.parkedCalls).toBe(0)
  })

  it('waits for longer than its server may be silent otherwise', async () => {
    const server = await asking([[FORM]], ({ method, params }, response) => {
      if (method !== 'tools/call' || params?.['name'] !== 'silent') return undefined
      openStream(response)
      return true
    })
    const { back } = await backOf([server.url], { endpoint: { idleTimeoutMs: 150 } })
    const asked = await resultOf(back, 'tools/call', CALL, HOW)
    // Each of these fails for its server's silence, which takes as long.
    for (let count = 0; count < 3; count++) {
      const { failures } = await ask(back, 'tools/call', { name: 'silent' }, HOW)
      expect(failures).toMatchObject([{ code: 'GW_UPSTREAM_TIMEOUT' }])
    }
    const retry = retryOf(CALL, asked, allAnswered(asked, YES))
    expect(textOf(await resultOf(back, 'tools/call', retry, HOW))).toBe('all answered')
  })

  it('whose server goes away fails with the retry', async () => {
    const { server, back, results } = await parkedWith({})
    server.streams[0]?.destroy()
    const retry = retryOf(CALL, results[0], allAnswered(results[0], YES))
    const { failures } = await ask(back, 'tools/call', retry, HOW)
    expect(failures).toMatchObject([{ code: 'GW_UPSTREAM_BROKEN' }])
  })

  it('that is resumed can be cancelled', async () => {
    const server = await asking([[FORM]], ({ verb, method }, response) => {
      if (verb !== 'POST' || method !== undefined) return undefined
      response.writeHead(202).end()
      return true
    })
    const { back } = await backOf([server.url])
    const asked = await resultOf(back, 'tools/call', CALL, HOW)
    const { call } = begin(back, 'tools/call', retryOf(CALL, asked, allAnswered(asked, YES)), HOW)
    await until(() => server.of(undefined).length === 1, 'the answer')
    call.cancel()
    await until(() => server.streams[0]?.destroyed === true, 'its stream to be left')
    await until(() => server.of('notifications/cancelled').length > 0, 'the cancellation')
    const [{ id } = { id: 0 }] = server.of('tools/call')
    expect(server.of('notifications/cancelled')).toMatchObject([{ params: { requestId: id } }])
  })

  it('whose answers the server does not take fails, and is cancelled', async () => {
    const server = await asking([[FORM]], ({ verb, method }, response) =>
      verb === 'POST' && method === undefined ? answerJson(response, {}, 500) : undefined,
    )
    const { back } = await backOf([server.url])
    const asked = await resultOf(back, 'tools/call', CALL, HOW)
    const retry = retryOf(CALL, asked, allAnswered(asked, YES))
    const { failures } = await ask(back, 'tools/call', retry, HOW)
    expect(failures).toMatchObject([{ code: 'GW_UPSTREAM_STATUS', data: { status: 500 } }])
    await until(() => server.of('notifications/cancelled').length === 1, 'the cancellation')
  })

  it('hears progress and logs with the token and the level of the retry', async () => {
    const clock = manualClock()
    const server = await asking([[FORM], [SAMPLE]])
    const { back } = await backOf([server.url], { clock })
    const first = begin(back, 'tools/call', { ...CALL, _meta: { progressToken: 'first' } }, HOW)
    await until(() => {
      clock.advance(30)
      return first.heard.results.length > 0
    }, 'the question')
    const [asked] = first.heard.results
    const progressToken = server.of('tools/call')[0]?.id
    const report = (progress: number): void => {
      server.write({ method: 'notifications/progress', params: { progressToken, progress } })
      server.write({ method: 'notifications/message', params: { level: 'info', data: progress } })
    }
    report(1)
    // A further question shows that what came before it has been read.
    server.write({ id: 555, ...ROOTS })
    let again: JsonObject | undefined
    await until(async () => {
      again = await resultOf(back, 'tools/call', retryOf(CALL, asked, {}), HOW)
      return Object.keys(questionsOf(again)).length === 2
    }, 'the further question')
    const retry = {
      ...retryOf(CALL, again, allAnswered(again, YES)),
      _meta: { progressToken: 'second' },
    }
    const { heard } = begin(back, 'tools/call', retry, { ...HOW, logLevel: 'info' })
    report(2)
    await until(() => heard.notifications.length === 2, 'the notifications')
    expect(heard.notifications).toMatchObject([
      { method: 'notifications/progress', params: { progressToken: 'second', progress: 2 } },
      { method: 'notifications/message', params: { data: 2 } },
    ])
    expect(first.heard.notifications).toEqual([])
  })

  it('fails when the back closes, and its session is ended', async () => {
    const server = await asking([[FORM]])
    const { back } = await backOf([server.url])
    await resultOf(back, 'tools/call', CALL, HOW)
    await back.close()
    expect(back.held).toEqual({ sessions: 0, parkedCalls: 0, subscriptions: 0 })
    expect(server.of('notifications/cancelled')).toHaveLength(1)
    expect(server.of('DELETE')).toHaveLength(1)
  })
})
