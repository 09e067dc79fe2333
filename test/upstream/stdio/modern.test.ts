import { describe, expect, it } from 'vitest'
import { META } from '../../../src/wire/index.ts'
import { type EndpointSetup, ENVELOPE, modern, type Said, send, startEndpoint } from './harness.ts'

const startModern = (setup: EndpointSetup = {}) =>
  startEndpoint({ script: ['--era=modern'], ...setup })

/** A request as text, so that what it says exactly can be chosen. */
function raw(id: string, method: string, params: string, meta = ''): string {
  const envelope = JSON.stringify(ENVELOPE).slice(1, -1)
  return `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":{${params}"_meta":{${envelope}${meta}}}}`
}

/** The lines that the child has received, as text. */
async function received(
  upstream: ReturnType<typeof startModern>['upstream'],
): Promise<readonly string[]> {
  const { json } = await modern(upstream, 'received', 'test/received').over
  return json.result.received
}

describe('ids on the shared child', () => {
  it('may collide: fifty callers with the same id each get their own answer', async () => {
    const { upstream } = startModern()
    const names = Array.from({ length: 50 }, (_, at) => `call-${at}`)
    const calls = names.map((name) => modern(upstream, 1, 'test/hold', { name }))
    await modern(upstream, 1, 'test/release', { names: names.toReversed() }).over

    const answers = await Promise.all(calls.map(({ over }) => over))
    expect(answers.map(({ json }) => json.id)).toEqual(names.map(() => 1))
    expect(answers.map(({ json }) => json.result.name)).toEqual(names)
  })

  it.each(['1', '"1"', '-7', '1e2', '12345678901234567890', '"\\u00e9\\n"', '"é"'])(
    'come back as written: %s',
    async (id) => {
      const { upstream } = startModern()
      const { text } = await send(upstream, { era: 'modern', body: raw(id, 'test/echo', '') }).over
      expect(text).toContain(`"id":${id},`)
    },
  )

  it('are the only thing that changes on the way in and out', async () => {
    const { upstream } = startModern()
    const params =
      '"big":12345678901234567890,"float":1.0,"exp":1E+2,"unknown":{"id":9,"é":[null]},'
    const body = raw('"x"', 'test/echo', params)
    await send(upstream, { era: 'modern', body }).over
    const [discover, line] = await received(upstream)
    expect(JSON.parse(discover ?? '')).toMatchObject({ method: 'server/discover' })
    expect(line).toBe(body.replace('"id":"x"', '"id":2'))

    const answer = '{"n":12345678901234567890,"result":{"id":5,"f":1.0},"jsonrpc":"2.0","id":$ID}'
    const said = modern(upstream, 'y', 'test/say', { lines: [answer], silent: true })
    expect((await said.over).text).toBe(answer.replace('$ID', '"y"'))
  })

  it('are found in a request of several lines, which the child gets as one', async () => {
    const { upstream } = startModern()
    const body = JSON.stringify(JSON.parse(raw('3', 'test/echo', '"a":["\\n"],')), undefined, 2)
    const { json } = await send(upstream, { era: 'modern', body: body.replaceAll('\n', '\r\n') })
      .over
    expect(json).toMatchObject({ id: 3, result: { params: { a: ['\n'] } } })
  })
})

describe('a modern answer', () => {
  it('is one JSON object when the first message is the last', async () => {
    const { upstream } = startModern()
    const answer = await modern(upstream, 1, 'test/echo').over
    expect(answer.status).toBe(200)
    expect(answer.headers).toEqual({
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(answer.text)),
    })
  })

  it('is an event stream from the first progress on, with the caller’s own token', async () => {
    const { upstream } = startModern()
    const progress = (of: number) =>
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":$TOKEN,"progress":${of},"big":12345678901234567890}}`
    const say = (token: string | number) =>
      modern(upstream, 1, 'test/say', {
        _meta: { progressToken: token },
        lines: [progress(1), progress(2)],
      })
    const answers = await Promise.all([say('t').over, say(1).over, say('1').over])

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(answers[0]?.headers).toEqual({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    const tokens = answers.map(({ events }) =>
      events.slice(0, 2).map((it) => it.params.progressToken),
    )
    expect(tokens).toEqual([
      ['t', 't'],
      [1, 1],
      ['1', '1'],
    ])
    expect(answers[0]?.rawEvents[0]).toBe(progress(1).replace('$TOKEN', '"t"'))
    expect(answers.map(({ answer }) => answer.result.said)).toEqual([2, 2, 2])
  })

  it.each([
    [-32_601, 404],
    [-32_020, 400],
    [-32_021, 400],
    [-32_022, 400],
    [-32_602, 200],
    [-32_603, 200],
    [1, 200],
  ])('with error %d has status %d', async (code, status) => {
    const { upstream } = startModern()
    const answer = await modern(upstream, 1, 'test/fail', { code, data: { x: 1 } }).over
    expect(answer.status).toBe(status)
    expect(answer.json).toMatchObject({ id: 1, error: { code, data: { x: 1 } } })
  })

  it('survives UTF-8 that is split within a character', async () => {
    const { upstream } = startModern()
    const { json } = await modern(upstream, 1, 'test/drip', { text: 'é€𝄞' }).over
    expect(json.result.text).toBe('é€𝄞')
  })

  it('may be of 5 MiB', async () => {
    const { upstream } = startModern()
    const { json } = await modern(upstream, 1, 'test/big', { bytes: 5 * 1_048_576 }).over
    expect(json.result.text).toHaveLength(5 * 1_048_576)
  })

  it('has no raw carriage return, which would end a line of an event stream', async () => {
    const { upstream } = startModern()
    const line = '{"jsonrpc":"2.0",\r"id":$ID,"result":{}}'
    const { text } = await modern(upstream, 1, 'test/say', { lines: [line], silent: true }).over
    expect(text).toBe('{"jsonrpc":"2.0", "id":1,"result":{}}')
  })
})

describe('a modern notification', () => {
  it('is passed on and answered with 202', async () => {
    const { upstream } = startModern()
    const body = '{"jsonrpc":"2.0","method":"notifications/custom","params":{"n":1.0}}'
    const answer = await send(upstream, { era: 'modern', body }).over
    expect([answer.status, answer.text]).toEqual([202, ''])
    expect(await received(upstream)).toContain(body)
  })

  it('that cancels is not passed on: it may name another caller’s call', async () => {
    const { upstream } = startModern()
    const victim = modern(upstream, 1, 'test/hold', { name: 'victim' })
    const cancelled = {
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 1 },
    }
    expect((await send(upstream, { era: 'modern', body: cancelled }).over).status).toBe(202)
    expect((await received(upstream)).join()).not.toContain('cancelled')
    await modern(upstream, 2, 'test/release', { names: ['victim'] }).over
    expect((await victim.over).json.result.name).toBe('victim')
  })
})

describe('a client that is gone', () => {
  it('has its call cancelled under the child’s own id, and its late answer dropped', async () => {
    const { upstream } = startModern()
    const call = modern(upstream, 'mine', 'test/hold', { name: 'late' })
    await modern(upstream, 1, 'test/echo').over
    call.call?.abort()
    const lines = await received(upstream)
    const held = JSON.parse(lines.find((line) => line.includes('test/hold')) ?? '')
    expect(JSON.parse(lines.at(-2) ?? '')).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: held.id, reason: 'the client is gone' },
    })
    await modern(upstream, 1, 'test/release', { names: ['late'] }).over
    expect([call.status, call.isOver]).toEqual([0, false])
  })

  it('before its call was sent costs the child nothing', async () => {
    const { upstream } = startModern()
    modern(upstream, 'never', 'test/echo').call?.abort()
    expect((await received(upstream)).join()).not.toContain('test/echo')
  })
})

describe('subscriptions/listen', () => {
  const change = (id: string) =>
    `{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"${META.subscriptionId}":${id}}}}`
  const ownIds = async (upstream: ReturnType<typeof startModern>['upstream']) =>
    (await received(upstream))
      .map((line) => JSON.parse(line))
      .filter(({ method }) => method === 'subscriptions/listen')
      .map(({ id }) => String(id))
  const say = (upstream: ReturnType<typeof startModern>['upstream'], ...lines: string[]) =>
    modern(upstream, 'say', 'test/say', { lines }).over

  it('gives each stream its own changes, with the id of its own request', async () => {
    const { upstream } = startModern()
    const notifications = { toolsListChanged: true }
    const first = modern(upstream, 1, 'subscriptions/listen', { notifications })
    const second = modern(upstream, '1', 'subscriptions/listen', { notifications })
    const [a = '', b = ''] = await ownIds(upstream)
    await say(upstream, change(b), change(a), change(b), change('999'))

    const ids = (events: readonly Said[]) =>
      events.map(({ params }) => params._meta[META.subscriptionId])
    expect(ids(first.events)).toEqual([1, 1])
    expect(ids(second.events)).toEqual(['1', '1', '1'])
    expect(first.events[0]?.method).toBe('notifications/subscriptions/acknowledged')
    expect([first.isOver, second.isOver]).toEqual([false, false])
  })

  it('is cancelled at the child when its client leaves; others stay', async () => {
    const { upstream } = startModern()
    const first = modern(upstream, 1, 'subscriptions/listen')
    const second = modern(upstream, 1, 'subscriptions/listen')
    const [a = '', b = ''] = await ownIds(upstream)
    first.call?.abort()
    expect((await received(upstream)).join()).toContain(`"requestId":${a}`)
    await say(upstream, change(a), change(b))
    expect(first.events).toHaveLength(1)
    expect(second.events).toHaveLength(2)
  })

  it('ends with the child’s result, which names the stream as well', async () => {
    const { upstream } = startModern()
    const listen = modern(upstream, 'l', 'subscriptions/listen')
    const [own = ''] = await ownIds(upstream)
    const meta = `{"${META.subscriptionId}":${own},"x":1.0}`
    await say(
      upstream,
      `{"jsonrpc":"2.0","id":${own},"result":{"resultType":"complete","_meta":${meta}}}`,
    )
    const { isEnded, rawEvents } = await listen.over
    expect(isEnded).toBe(true)
    expect(rawEvents.at(-1)).toContain(`{"${META.subscriptionId}":"l","x":1.0}`)
    expect(rawEvents.at(-1)).toContain('"id":"l"')
  })

  it('ends without a message when the child cancels it, as a server does on stdio', async () => {
    const { upstream } = startModern()
    const listen = modern(upstream, 'l', 'subscriptions/listen')
    const [own = ''] = await ownIds(upstream)
    await say(
      upstream,
      `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${own}}}`,
    )
    const { isEnded, events } = await listen.over
    expect([isEnded, events.length]).toEqual([true, 1])
  })
})

describe('messages of a modern child that name no call', () => {
  const log =
    '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"d"}}'
  const wantsLog = { [META.logLevel]: 'info' }

  it('are given to the only call that asked for logs', async () => {
    const { upstream } = startModern()
    modern(upstream, 1, 'test/hold', { name: 'other' })
    const { rawEvents } = await modern(upstream, 2, 'test/say', { lines: [log], _meta: wantsLog })
      .over
    expect(rawEvents[0]).toBe(log)
  })

  it('are dropped when two calls asked for logs, or none did', async () => {
    const { upstream } = startModern()
    expect((await modern(upstream, 1, 'test/say', { lines: [log] }).over).events).toEqual([])
    const other = modern(upstream, 1, 'test/hold', { name: 'other', _meta: wantsLog })
    const { json } = await modern(upstream, 2, 'test/say', { lines: [log], _meta: wantsLog }).over
    expect(json.result.said).toBe(1)
    expect(other.status).toBe(0)
  })

  it('are refused when they are requests, which the era does not have', async () => {
    const { upstream } = startModern()
    const question = '{"jsonrpc":"2.0","id":"q","method":"roots/list"}'
    await modern(upstream, 1, 'test/say', { lines: [question] }).over
    const reply = (await received(upstream))
      .map((line) => JSON.parse(line))
      .find(({ id }) => id === 'q')
    expect(reply).toMatchObject({ error: { code: -32_603 } })
  })

  it('are dropped when they answer what was never asked', async () => {
    const { upstream } = startModern()
    const lines = ['999', '"1"', 'null'].map(
      (id) => `{"jsonrpc":"2.0","id":${id},"error":{"code":1,"message":""}}`,
    )
    const { json } = await modern(upstream, 1, 'test/say', { lines }).over
    expect(json.result.said).toBe(3)
  })
})
