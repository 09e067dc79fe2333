// Tool calls of legacy clients on a route of several legacy servers: in the client's own bytes while nothing out of the ordinary
// happens, and as calls like any other from the moment something does. A call is never sent twice.
import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { done, openStream, scripted, type Seen } from '../mcp/back/legacy/back-of.ts'
import { readEvents } from '../mcp/front/event-reader.ts'
import { httpEndpoint, startTestGateway } from '../support/gateway.ts'
import { legacyMessage } from '../support/mcp-messages.ts'
import { until } from '../support/servers.ts'

type Message = Readonly<Record<string, unknown>>
type OnCall = (call: Seen, response: ServerResponse) => void
type Write = ReturnType<typeof openStream>

const SEARCH = 'two_search'
const ASKABLE = { elicitation: { form: {} }, roots: {} }
const QUESTION = {
  id: 'q1',
  method: 'elicitation/create',
  params: { message: 'who?', requestedSchema: { type: 'object', properties: {} } },
}
const CANCELLED = 'notifications/cancelled'
const LINK = { type: 'resource_link', uri: 'x://same', name: 'r' }

const JSON_HEAD = { 'content-type': 'application/json' }
const sends = (response: ServerResponse, message: object): ServerResponse =>
  response.writeHead(200, JSON_HEAD).end(JSON.stringify({ jsonrpc: '2.0', ...message }))
const answers: OnCall = ({ id }, response) => void sends(response, done(id))
const answered = (id: unknown, text = 'done') => ({
  jsonrpc: '2.0',
  id,
  result: { content: [{ type: 'text', text }] },
})

/** A legacy server with a log, an event stream for each session, and one resource. Its calls are answered as `script` says. */
async function startServer() {
  const script = { onCall: answers }
  const streams: Write[] = []
  const underWay: { readonly call: Seen; readonly response: ServerResponse }[] = []
  const server = await scripted(
    (seen, response) => {
      const { verb, id, method } = seen
      if (verb === 'GET') streams.push(openStream(response))
      else if (method === 'tools/call') {
        underWay.push({ call: seen, response })
        script.onCall(seen, response)
      } else if (method === 'resources/list') {
        sends(response, { id, result: { resources: [{ uri: LINK.uri, name: 'r' }] } })
      } else return false
      return true
    },
    { capabilities: { tools: {}, resources: {}, logging: {} } },
  )
  /** The latest call that it was sent. */
  const last = () => underWay.at(-1)!
  return { ...server, script, streams, last, calls: () => underWay.length }
}

async function startRoute() {
  const [one, two] = await Promise.all([startServer(), startServer()])
  const legacy = { protocol: 'legacy' } as const
  const gateway = await startTestGateway({
    servers: { one: [httpEndpoint(one.url, legacy)], two: [httpEndpoint(two.url, legacy)] },
    routes: { '/all': ['one', 'two'] },
    tools: { two: { deny: ['secret'], rename: new Map([['own', 'other']]) } },
  })
  return { one, two, url: `${gateway.url}/all` }
}

/** A client whose session with the second server is open, so that its calls can go as they are. */
async function startClient(
  { two, url }: Awaited<ReturnType<typeof startRoute>>,
  { capabilities = {}, onCall = answers }: { capabilities?: Message; onCall?: OnCall } = {},
) {
  const params = {
    protocolVersion: '2025-11-25',
    capabilities,
    clientInfo: { name: 'verbatim', version: '1' },
  }
  const begun = await fetch(url, legacyMessage({ id: 0, method: 'initialize', params }))
  await begun.text()
  const session = begun.headers.get('mcp-session-id') ?? ''
  const post = (body: string, signal?: AbortSignal) =>
    fetch(url, { ...legacyMessage({}, session), body, ...(signal && { signal }) })
  const say = (message: Message) => fetch(url, legacyMessage(message, session))
  const ask = (id: unknown, more: Message = {}) =>
    say({ id, method: 'tools/call', params: { name: SEARCH, ...more } })
  const call = async (id: unknown, more?: Message) =>
    (await (await ask(id, more)).json()) as Message
  const end = () => fetch(url, { method: 'DELETE', headers: legacyMessage({}, session).headers })
  await say({ method: 'notifications/initialized' })
  two.script.onCall = answers
  await call('first')
  two.script.onCall = onCall
  const before = two.calls()
  /** Calls that the server was sent since. */
  const sent = (): number => two.calls() - before
  const isSent = () => until(() => sent() === 1, 'the call at the server')
  return { say, post, ask, call, end, sent, isSent }
}

describe('a tool call of a legacy client on a route of legacy servers', () => {
  it('reaches its server in the bytes of the client, but for id and name', async () => {
    const route = await startRoute()
    const client = await startClient(route)
    const body = (id: string, name: string): string =>
      `{ "method":"tools/call", "params": {"arguments":{"n":12345678901234567890,"name":"${SEARCH}","id":7},
        "name" :"${name}"}, "id": ${id},"jsonrpc":"2.0","own":1.0 }`
    const answer = await client.post(body('"mine"', SEARCH))
    expect(await answer.json()).toEqual(answered('mine'))
    const { id, text } = route.two.last().call
    expect(text).toBe(body(String(id), 'search'))
    expect(client.sent()).toBe(1)
    expect(route.one.calls()).toBe(0)
  })

  it('keeps to the rules for tools of its server', async () => {
    const route = await startRoute()
    const client = await startClient(route)
    const ask = async (name: string) => (await client.ask('r', { name })).json()
    expect(await ask('two_other')).toEqual(answered('r'))
    expect(route.two.last().call.params).toEqual({ name: 'own' })
    for (const name of ['two_secret', 'two_own', 'three_search', 'search']) {
      expect(await ask(name)).toMatchObject({ id: 'r', error: { code: -32_602 } })
    }
    expect(client.sent()).toBe(1)
  })

  it('is answered in the bytes of its server, but for the id', async () => {
    const text = (id: unknown): string =>
      `{"result" : {"content":[{"type":"text","text":"grüß"}],"n":1.0,"big":12345678901234567890}, "id":${JSON.stringify(id)},"jsonrpc":"2.0"}`
    const route = await startRoute()
    const onCall: OnCall = ({ id }, response) =>
      void response.writeHead(200, JSON_HEAD).end(text(id))
    const client = await startClient(route, { onCall })
    const answer = await client.ask(5)
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(await answer.text()).toBe(text(5))
  })

  it.each([
    ['of 8 KiB in small pieces', 8_192, 100],
    ['of 64 KiB in pieces', 65_536, 5_000],
    ['beyond 1 MiB', 1_500_000, 100_000],
  ])('with an answer %s arrives whole', async (_, size, piece) => {
    const text = 'ä'.repeat(size / 2)
    const route = await startRoute()
    const client = await startClient(route, { onCall: inPieces(text, piece) })
    const large = { arguments: { text } }
    expect(await client.call(9, large)).toEqual(answered(9, text))
    expect(route.two.last().call.params).toEqual({ name: 'search', ...large })
  })

  it('is told from others with the same id, of other clients at the same time', async () => {
    const route = await startRoute()
    const onCall: OnCall = ({ id, params }, response) => {
      const { who } = params['arguments'] as { readonly who: string }
      setTimeout(() => sends(response, done(id, who)), 20 * Math.random())
    }
    const clients = []
    for (const _ of [1, 2, 3]) clients.push(await startClient(route, { onCall }))
    const asked = clients.flatMap((client, at) =>
      [1, 2, 3, 4].map(async (id) => {
        const who = `${at}/${id}`
        expect(await client.call(id, { arguments: { who } })).toEqual(answered(id, who))
      }),
    )
    await Promise.all(asked)
    expect(asked).toHaveLength(12)
  })

  it('has its id to itself while it is under way, and no longer', async () => {
    const route = await startRoute()
    const client = await startClient(route, { onCall: () => {} })
    const first = client.call(1)
    await client.isSent()
    const second = await client.ask(1)
    expect(second.status).toBe(400)
    expect(await second.json()).toMatchObject({ error: { code: -32_600 } })
    const { call, response } = route.two.last()
    answers(call, response)
    expect(await first).toEqual(answered(1))
    route.two.script.onCall = answers
    expect(await client.call(1)).toEqual(answered(1))
  })

  it.each([
    ['_meta', { _meta: { progressToken: 'p', own: 1 } }, { _meta: { own: 1 } }],
    ['a task', { task: { ttl: 1_000 } }, {}],
    ['words of the modern era', { requestState: 's', inputResponses: {} }, {}],
    ['an escape', { arguments: { a: 1 }, x: '\u0001' }, { arguments: { a: 1 }, x: '\u0001' }],
  ])('with %s is put into other words, and reaches its server', async (_, more, seen) => {
    const route = await startRoute()
    const client = await startClient(route)
    expect(await client.call(2, more)).toEqual(answered(2))
    const { params } = route.two.last().call
    expect(params).toMatchObject({ name: 'search', ...seen })
    expect(params).not.toHaveProperty('task')
    expect(params).not.toHaveProperty('requestState')
  })

  it.each([
    ['1e0', '1'],
    ['12345678901234567890', '12345678901234567890'],
  ])('with the id %s is answered with it', async (id, ofAnswer) => {
    const client = await startClient(await startRoute())
    const params = JSON.stringify({ name: SEARCH })
    const answer = await client.post(
      `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`,
    )
    expect(await answer.text()).toContain(`"id":${ofAnswer},`)
  })

  it('waits until its server knows which log messages the client wants', async () => {
    const route = await startRoute()
    const client = await startClient(route)
    await client.say({ id: 'l', method: 'logging/setLevel', params: { level: 'debug' } })
    await client.call(6)
    expect(route.two.seen.slice(-2)).toMatchObject([
      { method: 'logging/setLevel', params: { level: 'debug' } },
      { method: 'tools/call' },
    ])
  })

  it('carries what the server asked before it', async () => {
    const route = await startRoute()
    const client = await startClient(route, { capabilities: ASKABLE })
    route.two.streams.at(-1)?.({ id: 'r1', method: 'roots/list' })
    // Nothing tells from outside that the question is here, so calls are made until one carries it.
    const carrying = async (): Promise<Response> => {
      const answer = await client.ask('c')
      if (answer.headers.get('content-type') === 'text/event-stream') return answer
      await answer.text()
      return carrying()
    }
    const events = readEvents(await carrying())
    const question = await events.message()
    expect(question).toMatchObject({ method: 'roots/list' })
    await client.say({ id: question?.['id'], result: { roots: [] } })
    expect(await events.rest()).toEqual([answered('c')])
    expect(route.two.seen.find(({ id }) => String(id) === 'r1')?.message).toMatchObject({
      result: { roots: [] },
    })
  })
})

/** Answers with this text, in pieces of so many bytes. */
function inPieces(text: string, piece: number, more: readonly object[] = []): OnCall {
  return ({ id }, response) => {
    const result = { content: [{ type: 'text', text }, ...more] }
    const bytes = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, result }))
    response.writeHead(200, JSON_HEAD)
    for (let at = 0; at < bytes.length; at += piece) response.write(bytes.subarray(at, at + piece))
    response.end()
  }
}

describe('when something out of the ordinary comes in its place', () => {
  it('an event stream is passed on, with what is said on it', async () => {
    const log = { method: 'notifications/message', params: { level: 'info', data: 'at it' } }
    const route = await startRoute()
    const onCall: OnCall = ({ id }, response) => {
      const write = openStream(response)
      write(log)
      write(done(id))
      response.end()
    }
    const client = await startClient(route, { onCall })
    const messages = await readEvents(await client.ask(3)).rest()
    expect(messages).toEqual([{ jsonrpc: '2.0', ...log }, answered(3)])
    expect(client.sent()).toBe(1)
  })

  it.each([
    ['small', 100],
    ['large', 100_000],
  ])(
    'a question in a %s call is put to the client, and its answer to the server',
    async (_, size) => {
      const route = await startRoute()
      const streams: Write[] = []
      const onCall: OnCall = (_call, response) => {
        const write = openStream(response)
        write(QUESTION)
        streams.push(write)
      }
      const client = await startClient(route, { capabilities: ASKABLE, onCall })
      const events = readEvents(await client.ask(3, { arguments: { text: 'x'.repeat(size) } }))
      const question = await events.message()
      expect(question).toMatchObject({ method: 'elicitation/create', params: { message: 'who?' } })
      await client.say({ id: question?.['id'], result: { action: 'decline' } })
      await until(() => route.two.seen.some(({ id }) => String(id) === 'q1'), 'the answer')
      streams[0]?.(done(route.two.last().call.id))
      expect(await events.rest()).toEqual([answered(3)])
      expect(client.sent()).toBe(1)
    },
  )

  it('a question on the stream of the session goes with the call that is under way', async () => {
    const route = await startRoute()
    const client = await startClient(route, { capabilities: ASKABLE, onCall: () => {} })
    const asking = client.ask(3)
    await client.isSent()
    route.two.streams.at(-1)?.(QUESTION)
    const events = readEvents(await asking)
    const question = await events.message()
    expect(question).toMatchObject({ method: 'elicitation/create', params: { message: 'who?' } })
    await client.say({ id: question?.['id'], result: { action: 'accept', content: {} } })
    await until(() => route.two.seen.some(({ id }) => String(id) === 'q1'), 'the answer')
    const { call, response } = route.two.last()
    answers(call, response)
    expect(await events.rest()).toEqual([answered(3)])
    expect(client.sent()).toBe(1)
  })

  it('an error of the server is passed on', async () => {
    const error = { code: -32_602, message: 'no such thing', data: { own: true } }
    const onCall: OnCall = ({ id }, response) => void sends(response, { id, error })
    const client = await startClient(await startRoute(), { onCall })
    expect(await client.call('e')).toEqual({ jsonrpc: '2.0', id: 'e', error })
  })

  it.each([
    ['small', 10],
    ['large', 1_500_000],
  ])('a resource in a %s result is named as the route names it', async (_, size) => {
    const client = await startClient(await startRoute(), {
      onCall: inPieces('x'.repeat(size), 50_000, [LINK]),
    })
    const listed = await client.say({ id: 'l', method: 'resources/list' })
    const { result: list } = (await listed.json()) as { result: { resources: Message[] } }
    const names = list.resources.map(({ uri }) => uri)
    const { result } = (await client.call(1)) as { result: { content: Message[] } }
    const { uri } = result.content[1] ?? {}
    expect(uri).not.toBe(LINK.uri)
    expect(names).toContain(uri)
    expect(client.sent()).toBe(1)
  })

  it.each<[string, string, OnCall]>([
    [
      'no JSON',
      'GW_UPSTREAM_PROTOCOL',
      (_, response) => response.writeHead(200, JSON_HEAD).end('hi'),
    ],
    [
      'what is not UTF-8',
      'GW_UPSTREAM_PROTOCOL',
      ({ id }, response) => {
        const bytes = Buffer.from(JSON.stringify(answered(id, 'a~b')))
        bytes[bytes.indexOf('~')] = 0xff
        response.writeHead(200, JSON_HEAD).end(bytes)
      },
    ],
    [
      'an answer to another request',
      'GW_UPSTREAM_BROKEN',
      ({ id }, response) => void sends(response, done(id + 1_000)),
    ],
    [
      'an empty answer',
      'GW_UPSTREAM_BROKEN',
      (_, response) => response.writeHead(200, JSON_HEAD).end(),
    ],
    [
      'an error status',
      'GW_UPSTREAM_STATUS',
      (_, response) => response.writeHead(500, JSON_HEAD).end('{}'),
    ],
    [
      'a coding that nobody asked for',
      'GW_UPSTREAM_PROTOCOL',
      ({ id }, response) => {
        const headers = { ...JSON_HEAD, 'content-encoding': 'br' }
        response.writeHead(200, headers).end(JSON.stringify(answered(id)))
      },
    ],
    [
      'a connection that breaks',
      'GW_UPSTREAM_BROKEN',
      (_, response) => {
        response.writeHead(200, { ...JSON_HEAD, 'content-length': '100' }).write('{"jsonrpc"')
        setTimeout(() => response.destroy(), 10)
      },
    ],
    [
      'a session that the server does not know any more',
      'GW_UPSTREAM_SESSION_LOST',
      ({ id }, response) => response.writeHead(404, JSON_HEAD).end(JSON.stringify(answered(id))),
    ],
  ])('%s fails the call with its cause, once, and not the next', async (_, code, onCall) => {
    const route = await startRoute()
    const client = await startClient(route, { onCall })
    expect(await client.call(4)).toMatchObject({ id: 4, error: { data: { code } } })
    expect(client.sent()).toBe(1)
    route.two.script.onCall = answers
    expect(await client.call(5)).toEqual(answered(5))
  })
})

describe('when nobody wants its answer any more', () => {
  it('the server hears of it by its own id, and the client gets no answer', async () => {
    const route = await startRoute()
    const client = await startClient(route, { onCall: () => {} })
    const asking = client.ask('c')
    await client.isSent()
    await client.say({ method: CANCELLED, params: { requestId: 'c' } })
    await until(() => route.two.of(CANCELLED).length > 0, 'the news')
    expect(route.two.of(CANCELLED)).toMatchObject([
      { params: { requestId: route.two.last().call.id } },
    ])
    expect(await readEvents(await asking).rest()).toEqual([])
  })

  it('the end of the session ends the call, here and at the server', async () => {
    const route = await startRoute()
    const client = await startClient(route, { onCall: () => {} })
    const answering = client.call('d')
    await client.isSent()
    await client.end()
    expect(await answering).toMatchObject({
      id: 'd',
      error: { data: { code: 'GW_SESSION_NOT_FOUND' } },
    })
    await until(() => route.two.of('DELETE').length > 0, 'the end of the session at the server')
    expect(route.two.of(CANCELLED)).toHaveLength(1)
  })

  it('a client that leaves lets the call run on, and gets its id back after', async () => {
    const route = await startRoute()
    const client = await startClient(route, { onCall: () => {} })
    const leaving = new AbortController()
    const { body } = legacyMessage({ id: 'l', method: 'tools/call', params: { name: SEARCH } })
    const answering = client.post(body, leaving.signal)
    await client.isSent()
    leaving.abort()
    await expect(answering).rejects.toThrow('aborted')
    const { call, response } = route.two.last()
    expect(response.destroyed).toBe(false)
    answers(call, response)
    route.two.script.onCall = answers
    await until(async () => 'result' in (await client.call('l')), 'the id to be free again')
    expect(route.two.of(CANCELLED)).toEqual([])
  })
})
