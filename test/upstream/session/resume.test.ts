import { describe, expect, it } from 'vitest'
import { DEFAULT_HTTP_SSE, type ReplayOptions } from '../../../src/upstream/options.ts'
import { RETRY_MS } from '../../../src/upstream/session/session-stream.ts'
import { RESUMABLE_AFTER_MS } from '../../../src/upstream/session/session.ts'
import { manualClock, type ManualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/servers.ts'
import { startHttpUpstream } from '../http-upstream.ts'
import { event, startScriptedSse } from '../legacy-sse/scripted-sse.ts'
import { initialize, legacy, recordingLog, send, type Recorder } from '../stdio/harness.ts'

interface Setup {
  readonly version?: string
  readonly capabilities?: object
  readonly replay?: ReplayOptions
  readonly clock?: ManualClock
}

/** A session with a server that says what the test wants. */
async function startSession(setup: Setup = {}) {
  const { version = '2025-11-25', capabilities = {}, replay, clock } = setup
  const initializeResult = { protocolVersion: version, capabilities }
  const server = await startScriptedSse({ initializeResult })
  const { log, lines } = recordingLog()
  const httpSse = { ...DEFAULT_HTTP_SSE, ...(replay && { replay }) }
  const options = { protocol: 'http_sse', httpSse, responseTimeoutMs: 60_000 } as const
  const upstream = startHttpUpstream(server.url, options, { log, ...(clock && { clock }) })
  const session = await initialize(upstream)
  return {
    server,
    upstream,
    session,
    lines,
    get: (lastEventId?: string) => send(upstream, { method: 'GET', session, lastEventId }),
    /** A call that the server has. */
    ask: async (id: number | string): Promise<Recorder> => {
      const before = server.posted.length
      const params = { _meta: { progressToken: id } }
      const call = legacy(upstream, session, [id, 'tools/call', params])
      await until(() => server.posted.length > before, 'the call')
      return call
    },
    progress: (token: number | string, message: string) => {
      const params = { progressToken: token, progress: 1, message }
      server.say(event({ jsonrpc: '2.0', method: 'notifications/progress', params }))
    },
    note: (data: string) => server.say(event(note(data))),
    answer: (id: number | string, text = 'done') =>
      server.say(event({ jsonrpc: '2.0', id, result: { text } })),
    /** Resolves when everything said before has been heard: behind it something that is noise, and told in the log. */
    settled: async () => {
      const noise = () => lines.filter(({ text }) => text.includes('not JSON-RPC')).length
      const before = noise()
      server.say('data: {}\n\n')
      await until(() => noise() > before, 'the noise')
    },
  }
}

const note = (data: string) => ({
  jsonrpc: '2.0',
  method: 'notifications/message',
  params: { level: 'info', data },
})

const PRIMING = new RegExp(`^id: \\S+\\nretry: ${RETRY_MS}\\ndata: \\n\\n$`)
const messages = ({ events }: Recorder) =>
  events.map(({ params, result }) => params?.message ?? params?.data ?? result?.text)

describe('an event stream', () => {
  it('begins with an id to come back with, for clients of 2025-11-25', async () => {
    const { get, ask, progress } = await startSession()
    const stream = get()
    await until(() => stream.text !== '', 'the priming event')
    expect(stream.text).toMatch(PRIMING)
    const call = await ask(1)
    progress(1, 'a')
    await until(() => call.events.length === 1, 'progress')
    expect(call.text.split('event: message')[0]).toMatch(
      /^id: \S+\nretry: 1000\ndata: \n\nid: \S+\n$/,
    )
    const ids = [...stream.eventIds, ...call.eventIds]
    expect(new Set(ids).size).toBe(3)
  })

  it('has ids alone for older clients, which would take an empty event for a broken one', async () => {
    const { get, ask, progress } = await startSession({ version: '2025-06-18' })
    const stream = get()
    await until(() => stream.status === 200, 'the stream')
    const call = await ask(1)
    progress(1, 'a')
    await until(() => call.events.length === 1, 'progress')
    expect([stream.text, call.text]).toEqual([
      '',
      expect.stringMatching(/^id: \S+\nevent: message\n/),
    ])
  })

  it('is begun for a call that takes long, so that its answer can be come back for', async () => {
    const clock = manualClock()
    const { ask, get, answer } = await startSession({ clock })
    const call = await ask(1)
    clock.advance(RESUMABLE_AFTER_MS - 1)
    expect(call.status).toBe(0)
    clock.advance(1)
    expect([call.status, call.text]).toEqual([200, expect.stringMatching(/^id: \S+\nretry/)])
    call.call?.abort()
    answer(1)
    const resumed = await get(call.eventIds[0]).over
    expect(messages(resumed)).toEqual(['done'])
  })

  it('is not begun for a call that is answered at once', async () => {
    const { ask, answer } = await startSession()
    const call = await ask(1)
    answer(1)
    expect((await call.over).headers['content-type']).toBe('application/json')
  })
})

describe('a client that lost the stream of its call', () => {
  it('gets what it missed, then the rest as it comes, and the end', async () => {
    const { ask, progress, get, answer, settled } = await startSession()
    const call = await ask(1)
    progress(1, 'a')
    await until(() => call.events.length === 1, 'progress')
    call.call?.abort()
    progress(1, 'b')
    progress(1, 'c')
    await settled()
    const resumed = get(call.eventIds.at(-1))
    await until(() => resumed.events.length === 2, 'what was missed')
    expect(resumed.isOver).toBe(false)
    progress(1, 'd')
    answer(1)
    expect((await resumed.over).isEnded).toBe(true)
    expect(messages(resumed)).toEqual(['b', 'c', 'd', 'done'])
    expect(call.events).toHaveLength(1)
  })

  it('gets the answer that came meanwhile, as often as it asks', async () => {
    const { ask, progress, get, answer, settled } = await startSession()
    const call = await ask('x')
    progress('x', 'a')
    await until(() => call.events.length === 1, 'progress')
    call.call?.abort()
    answer('x', 'late')
    await settled()
    for (let turn = 0; turn < 2; turn++) {
      const resumed = await get(call.eventIds.at(-1)).over
      expect([messages(resumed), resumed.isEnded]).toEqual([['late'], true])
    }
    const last = await get(call.eventIds[0]).over
    expect(messages(last)).toEqual(['a', 'late'])
    expect((await get(last.eventIds.at(-1)).over).events).toEqual([])
  })

  it('takes it over from the connection that it lost, which nobody has noticed yet', async () => {
    const { ask, progress, get, answer } = await startSession()
    const call = await ask(1)
    progress(1, 'a')
    progress(1, 'b')
    await until(() => call.events.length === 2, 'progress')
    const resumed = get(call.eventIds[1])
    await until(() => resumed.events.length === 1, 'what was missed')
    expect(call.isEnded).toBe(true)
    answer(1)
    expect(messages(await resumed.over)).toEqual(['b', 'done'])
    expect(messages(call)).toEqual(['a', 'b'])
  })

  it('may lose it again', async () => {
    const { ask, progress, get, answer, settled } = await startSession()
    let reader = await ask(1)
    const ids: string[] = []
    for (const text of ['a', 'b', 'c']) {
      progress(1, text)
      await settled()
      if (ids.length > 0) reader = get(ids.at(-1))
      await until(() => messages(reader).includes(text), text)
      ids.push(reader.eventIds.at(-1) as string)
      reader.call?.abort()
    }
    answer(1)
    expect(messages(await get(ids[0]).over)).toEqual(['b', 'c', 'done'])
    expect(messages(await get(ids[2]).over)).toEqual(['done'])
  })

  it('hears a question of the server that came meanwhile, and can answer it', async () => {
    const { ask, progress, get, server, session, upstream, settled } = await startSession()
    const call = await ask(1)
    progress(1, 'a')
    await until(() => call.events.length === 1, 'progress')
    call.call?.abort()
    server.say(event({ jsonrpc: '2.0', id: 'q', method: 'roots/list' }))
    await settled()
    const resumed = get(call.eventIds.at(-1))
    await until(() => resumed.events.length === 1, 'the question')
    expect(resumed.events[0]?.method).toBe('roots/list')
    const body = { jsonrpc: '2.0', id: 'q', result: { roots: [] } }
    expect((await send(upstream, { session, body }).over).status).toBe(202)
    expect(server.posted.at(-1)?.message).toEqual(body)
  })

  it('is told when the call failed: the error is the answer', async () => {
    const { ask, progress, get, server, upstream, session } = await startSession()
    const [lost, read] = [await ask(1), await ask(2)]
    progress(1, 'a')
    progress(2, 'a')
    await until(() => read.events.length === 1, 'progress')
    lost.call?.abort()
    for (const stream of server.streams) stream.destroy()
    expect((await read.over).events.at(-1)).toMatchObject({
      id: 2,
      error: { code: -32_603, data: { code: 'GW_UPSTREAM_BROKEN' } },
    })
    // The session is gone with the server's stream.
    expect((await get(lost.eventIds.at(-1)).over).error?.row.status).toBe(404)
    expect((await send(upstream, { method: 'DELETE', session }).over).error?.row.status).toBe(404)
  })
})

describe('a client that lost the stream of its session', () => {
  it('gets what it did not read, in order, and then what comes', async () => {
    const { get, note: say, settled } = await startSession()
    const stream = get()
    await until(() => stream.status === 200, 'the stream')
    for (const text of ['a', 'b']) say(text)
    await until(() => stream.events.length === 2, 'messages')
    stream.call?.abort()
    say('c')
    await settled()
    // The connection broke before "b" was read.
    const resumed = get(stream.eventIds[1])
    await until(() => resumed.events.length === 2, 'what was missed')
    say('d')
    await until(() => resumed.events.length === 3, 'the next')
    expect(messages(resumed)).toEqual(['b', 'c', 'd'])
    expect(resumed.isOver).toBe(false)
  })

  it('that opens it anew gets what nobody has been sent', async () => {
    const { get, note: say, settled } = await startSession()
    const stream = get()
    say('a')
    await until(() => stream.events.length === 1, 'a message')
    stream.call?.abort()
    say('b')
    await settled()
    const fresh = get()
    await until(() => fresh.events.length === 1, 'what waited')
    expect(messages(fresh)).toEqual(['b'])
  })

  it('takes it over, while one that brings no id is refused', async () => {
    const { get, note: say } = await startSession()
    const stream = get()
    await until(() => stream.eventIds.length === 1, 'the priming event')
    expect((await get().over).error?.code).toBe('GW_STREAM_CONFLICT')
    const resumed = get(stream.eventIds[0])
    await until(() => resumed.status === 200, 'the stream')
    expect((await stream.over).isEnded).toBe(true)
    say('a')
    await until(() => resumed.events.length === 1, 'a message')
  })
})

describe('what is kept', () => {
  const small: ReplayOptions = { maxBytes: 2_000, maxAgeMs: 60_000 }

  it('is bounded by bytes: a client is told how much it missed', async () => {
    const { ask, progress, get, answer, settled, lines } = await startSession({ replay: small })
    const call = await ask(1)
    progress(1, 'a')
    await until(() => call.events.length === 1, 'progress')
    call.call?.abort()
    for (let step = 0; step < 20; step++) progress(1, `step ${step}`)
    answer(1)
    await settled()
    const resumed = await get(call.eventIds.at(-1)).over
    const [, missed] = /^: (\d+) messages are no longer kept\n/.exec(resumed.text) ?? []
    expect(resumed.events).toHaveLength(21 - Number(missed))
    expect(Number(missed)).toBeGreaterThan(5)
    expect(messages(resumed).slice(-2)).toEqual(['step 19', 'done'])
    const told = lines.filter(({ text }) => text.includes('no longer kept'))
    expect(told.map(({ fields }) => fields['count'])).toEqual([Number(missed)])
  })

  it('gives an error in place of an answer that fell out', async () => {
    const { ask, progress, get, answer, settled } = await startSession({ replay: small })
    const call = await ask('big')
    progress('big', 'a')
    await until(() => call.events.length === 1, 'progress')
    call.call?.abort()
    answer('big', 'x'.repeat(3_000))
    await settled()
    const resumed = await get(call.eventIds.at(-1)).over
    expect(resumed.events).toMatchObject([
      { id: 'big', error: { data: { code: 'GW_EVENT_NOT_FOUND' } } },
    ])
  })

  it('names the lists that may have changed when messages of the session fell out', async () => {
    const capabilities = {
      tools: { listChanged: true },
      prompts: {},
      resources: { listChanged: true },
    }
    const { get, note: say } = await startSession({ replay: small, capabilities })
    const stream = get()
    for (let count = 0; count < 30; count++) say(`note ${count}`)
    await until(() => stream.events.length === 30, 'messages')
    const resumed = get(stream.eventIds[0])
    await until(() => messages(resumed).includes('note 29'), 'the last')
    expect(resumed.events.slice(0, 3).map(({ method }) => method)).toEqual([
      'notifications/tools/list_changed',
      'notifications/resources/list_changed',
      'notifications/message',
    ])
  })

  it('is bounded by age, and a stream that is forgotten cannot be resumed', async () => {
    const clock = manualClock()
    const { ask, progress, get, answer, settled } = await startSession({ replay: small, clock })
    const call = await ask(1)
    progress(1, 'a')
    await until(() => call.events.length === 1, 'progress')
    call.call?.abort()
    answer(1)
    await settled()
    clock.advance(small.maxAgeMs)
    expect(messages(await get(call.eventIds.at(-1)).over)).toEqual(['done'])
    clock.advance(2_000)
    const { error, sent } = await get(call.eventIds.at(-1)).over
    expect([error?.code, error?.row.status, sent]).toEqual(['GW_EVENT_NOT_FOUND', 400, false])
  })

  it('belongs to its session: an id of another brings nothing of it', async () => {
    const { get, note: say, upstream } = await startSession()
    const stream = get()
    say('of the first')
    await until(() => stream.events.length === 1, 'a message')
    const other = await initialize(upstream)
    const foreign = await send(upstream, {
      method: 'GET',
      session: other,
      lastEventId: stream.eventIds[0],
    }).over
    expect(foreign.error?.code).toBe('GW_EVENT_NOT_FOUND')
  })

  it.each(['', 'x', '1-get', '99-1', '-', `${'9'.repeat(99)}-get`])(
    'has no event %j that was never sent',
    async (lastEventId) => {
      const { get } = await startSession()
      expect((await get(lastEventId).over).error?.code).toBe('GW_EVENT_NOT_FOUND')
    },
  )
})
