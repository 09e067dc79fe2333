// A modern server that needs something from a legacy client in the middle of a call: `input_required` becomes requests.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../../src/wire/index.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { until } from '../../../support/servers.ts'
import type { EventStreamReader } from '../event-reader.ts'
import { ScriptedView, textResult } from '../scripted-view.ts'
import { startFronts } from '../start-fronts.ts'
import { openRawSession } from './raw-session.ts'

const ELICIT = {
  method: 'elicitation/create',
  params: { message: 'who?', requestedSchema: { type: 'object', properties: {} } },
}
const SAMPLE = { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } }
const ROOTS = { method: 'roots/list' }

const asking = (inputRequests: object | undefined, requestState?: string): JsonObject => ({
  resultType: 'input_required',
  ...(inputRequests !== undefined && { inputRequests }),
  ...(requestState !== undefined && { requestState }),
})

/** Asks this in each round and then answers with the parameters of the last one. */
const viewAsking = (...rounds: readonly JsonObject[]): ScriptedView => {
  const view: ScriptedView = new ScriptedView({
    'tools/call': ({ request }) =>
      rounds[view.of('tools/call').length - 1] ?? { params: request.params },
    'prompts/get': () => rounds[0],
  })
  return view
}

const ask = async (events: EventStreamReader) =>
  (await events.message()) as { id: number; method: string; params: Record<string, unknown> }

describe('what a server asks', () => {
  it('comes as requests of their own on the stream of the call; the answers go back with the same call', async () => {
    const state = 'opaque \u{1f600} "state"\\u0000 é'
    const view = viewAsking(asking({ a: ELICIT, b: SAMPLE, __proto__x: ROOTS }, state))
    const { url } = await startFronts({ view })
    const session = await openRawSession(url)
    const events = await session.stream('tools/call', { name: 'x', arguments: { n: 1 } }, 1)
    const asked = [await ask(events), await ask(events), await ask(events)]
    expect(asked.map(({ method }) => method)).toEqual([ELICIT.method, SAMPLE.method, ROOTS.method])
    expect(asked.map(({ params }) => params)).toEqual([ELICIT.params, SAMPLE.params, undefined])
    expect(new Set(asked.map(({ id }) => id)).size).toBe(3)
    // Out of order, with an answer to nothing in between, and one of the right digits but of another type.
    expect((await session.reply(asked[2]?.id, { roots: [{ uri: 'file:///r' }] })).status).toBe(202)
    expect((await session.reply(4_711, { roots: [] })).status).toBe(202)
    expect((await session.reply(String(asked[0]?.id), { action: 'cancel' })).status).toBe(202)
    await session.reply(asked[0]?.id, { action: 'decline' })
    expect(view.of('tools/call').length).toBe(1)
    await session.reply(asked[1]?.id, { role: 'assistant' })
    expect(await events.rest()).toMatchObject([{ id: 1, result: { params: { name: 'x' } } }])
    expect(view.of('tools/call')[1]?.request.params).toEqual({
      name: 'x',
      arguments: { n: 1 },
      inputResponses: {
        a: { action: 'decline' },
        b: { role: 'assistant' },
        __proto__x: { roots: [{ uri: 'file:///r' }] },
      },
      requestState: state,
    })
  })

  it('may be asked in several rounds, each with its own answers and state', async () => {
    const view = viewAsking(asking({ a: ROOTS }, 'one'), asking({ b: ROOTS }))
    const { url } = await startFronts({ view })
    const session = await openRawSession(url)
    const events = await session.stream('tools/call', { name: 'x' })
    for (const roots of [[1], [2]]) await session.reply((await ask(events)).id, { roots })
    await events.rest()
    expect(view.of('tools/call').map(({ request }) => request.params)).toEqual([
      { name: 'x' },
      { name: 'x', inputResponses: { a: { roots: [1] } }, requestState: 'one' },
      { name: 'x', inputResponses: { b: { roots: [2] } } },
    ])
  })

  it('by URL gets an id that the legacy era needs', async () => {
    const params = { mode: 'url', message: 'visit', url: 'https://example.com/' }
    const view = viewAsking(asking({ a: { method: 'elicitation/create', params } }))
    const { url } = await startFronts({ view })
    const session = await openRawSession(url)
    const asked = await ask(await session.stream('tools/call', { name: 'x' }))
    expect(asked.params).toEqual({
      ...params,
      elicitationId: expect.stringMatching(/.+/) as string,
    })
  })

  it('with nothing but a state is a call again, after a pause', async () => {
    const clock = manualClock()
    const view = viewAsking(asking(undefined, 'later'), asking({}, 'later still'))
    const { url } = await startFronts({ view, clock })
    const session = await openRawSession(url)
    const answer = session.ask('tools/call', { name: 'x' })
    for (const round of [1, 2]) {
      await until(() => view.of('tools/call').length === round, `round ${round}`)
      // The sweep of sessions, the wait for an answer, and the pause.
      await until(() => clock.pending === 3, 'the pause')
      clock.advance(249)
      expect(view.of('tools/call').length).toBe(round)
      clock.advance(1)
    }
    expect(await answer).toMatchObject({ result: { params: { requestState: 'later still' } } })
  })
})

describe('a question that has no answer', () => {
  const endOf = async (events: EventStreamReader): Promise<unknown> => (await events.rest()).at(-1)

  it('ends a tool call with a result that says why', async () => {
    const view = viewAsking(asking({ a: ELICIT, b: ROOTS }))
    const { url } = await startFronts({ view })
    const session = await openRawSession(url)
    const events = await session.stream('tools/call', { name: 'x' }, 'q')
    const [first, second] = [await ask(events), await ask(events)]
    const error = { code: -1, message: 'User rejected' }
    await session.post({ jsonrpc: '2.0', id: first.id, error })
    const [withdrawn, last] = await events.rest()
    expect(withdrawn).toMatchObject({
      method: 'notifications/cancelled',
      params: { requestId: second.id },
    })
    expect(last).toMatchObject({ id: 'q', result: { isError: true } })
    expect(JSON.stringify(last)).toContain('User rejected')
    expect((await session.reply(second.id, { roots: [] })).status).toBe(202)
    expect(view.of('tools/call').length).toBe(1)
  })

  it('ends any other call with an error', async () => {
    const view = viewAsking(asking({ a: ROOTS }))
    const { url } = await startFronts({ view })
    const session = await openRawSession(url)
    const events = await session.stream('prompts/get', { name: 'x' }, 'q')
    await session.post({
      jsonrpc: '2.0',
      id: (await ask(events)).id,
      error: { code: 1, message: 'no' },
    })
    expect(await endOf(events)).toMatchObject({ id: 'q', error: { code: -32_603 } })
  })

  it.each([
    ['sampling', SAMPLE, { elicitation: {} }],
    ['forms', ELICIT, { sampling: {} }],
    ['URLs', { method: 'elicitation/create', params: { mode: 'url' } }, { elicitation: {} }],
    ['sampling with tools', { ...SAMPLE, params: { tools: [] } }, { sampling: {} }],
    ['roots', ROOTS, {}],
    ['something else', { method: 'tools/list' }, { sampling: {}, elicitation: {}, roots: {} }],
  ])('is not asked of a client that has not declared it: %s', async (_, entry, capabilities) => {
    const view = viewAsking(asking({ a: entry }))
    const { url } = await startFronts({ view })
    const session = await openRawSession(url, { capabilities })
    const { result } = await session.ask('tools/call', { name: 'x' })
    expect(result).toMatchObject({ isError: true, content: [{ type: 'text' }] })
    expect(JSON.stringify(result)).toContain(entry.method)
  })

  it('is given up after a while', async () => {
    const clock = manualClock()
    const view = viewAsking(asking({ a: ROOTS }))
    const { url } = await startFronts({ view, clock, options: { answerTimeoutMs: 30_000 } })
    const session = await openRawSession(url)
    const events = await session.stream('tools/call', { name: 'x' }, 'q')
    const { id } = await ask(events)
    clock.advance(29_000)
    clock.advance(2_000)
    const [withdrawn, last] = await events.rest()
    expect(withdrawn).toMatchObject({
      method: 'notifications/cancelled',
      params: { requestId: id },
    })
    expect(last).toMatchObject({ id: 'q', result: { isError: true } })
    expect(JSON.stringify(last)).toContain('roots/list within 30 seconds')
  })

  it('is not asked for ever', async () => {
    const view = viewAsking(...Array.from({ length: 20 }, () => asking({ a: ROOTS })))
    const { url } = await startFronts({ view })
    const session = await openRawSession(url)
    const events = await session.stream('tools/call', { name: 'x' }, 'q')
    for (let round = 0; round < 8; round++)
      await session.reply((await ask(events)).id, { roots: [] })
    expect(await endOf(events)).toMatchObject({ id: 'q', result: { isError: true } })
    expect(view.of('tools/call').length).toBe(9)
  })

  it('is withdrawn when the client cancels the call', async () => {
    const view = viewAsking(asking({ a: ROOTS }))
    const { url } = await startFronts({ view })
    const session = await openRawSession(url)
    const events = await session.stream('tools/call', { name: 'x' }, 'q')
    const { id } = await ask(events)
    await session.post({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 'q' },
    })
    expect(await events.rest()).toMatchObject([
      { method: 'notifications/cancelled', params: { requestId: id } },
    ])
    await session.reply(id, { roots: [] })
    expect(view.of('tools/call').length).toBe(1)
  })
})

it('questions and answers of several sessions with the same ids are told apart', async () => {
  const view = new ScriptedView({
    'tools/call': ({ request: { params } }) =>
      params['inputResponses'] === undefined
        ? asking({ a: ROOTS }, String(params['name']))
        : textResult(
            `${JSON.stringify(params['inputResponses'])} ${String(params['requestState'])}`,
          ),
  })
  const { url } = await startFronts({ view })
  const run = async (
    session: Awaited<ReturnType<typeof openRawSession>>,
    id: number,
    who: string,
  ) => {
    const events = await session.stream('tools/call', { name: who }, id)
    const asked = await ask(events)
    await session.reply(asked.id, { roots: [who] })
    expect(await events.rest()).toEqual([
      { jsonrpc: '2.0', id, result: textResult(`{"a":{"roots":["${who}"]}} ${who}`) },
    ])
  }
  const sessions = await Promise.all([1, 2, 3, 4].map(() => openRawSession(url)))
  const runs = sessions.flatMap((session, at) =>
    [1, 2, 3, 4, 5].map((id) => run(session, id, `s${at}c${id}`)),
  )
  await Promise.all(runs)
})
