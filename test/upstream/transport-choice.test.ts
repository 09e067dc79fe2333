import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { NOT_LOOKED_AT_FOR_MS } from '../../src/upstream/http/transport-choice.ts'
import type { HttpEndpointOptions } from '../../src/upstream/index.ts'
import { startSseServer } from '../fixtures/sse-server/sse-server.ts'
import { manualClock } from '../support/manual-clock.ts'
import { jsonOf, startHttpServer, until } from '../support/servers.ts'
import { startHttpUpstream } from './http-upstream.ts'
import { endpointEvent, openStream, startScriptedSse } from './legacy-sse/scripted-sse.ts'
import { INITIALIZE, initialize, legacy, modern, recordingLog, send } from './stdio/harness.ts'

/** A server that keeps what it was asked, as `POST initialize` or `GET`. */
async function startCounted(answer: (method: string, response: ServerResponse) => void) {
  const asked: string[] = []
  const onRequest = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const rpc = request.method === 'POST' ? ` ${(await jsonOf(request)).method}` : ''
    asked.push(`${request.method}${rpc}`)
    answer(`${request.method}${rpc}`, response)
  }
  const listener: RequestListener = (request, response) => void onRequest(request, response)
  return { ...(await startHttpServer(listener)), asked }
}

const refuse = (status: number, body = 'no') =>
  startCounted((_asked, response) => response.writeHead(status, { 'x-own': 'yes' }).end(body))

const rpcError = (code: number) =>
  JSON.stringify({ jsonrpc: '2.0', id: 'init', error: { code, message: 'no' } })

const textOf = (call: { text: string }) => call.text

describe('an endpoint of HTTP+SSE', () => {
  it('is found out by its refusal of initialize, which is carried on there', async () => {
    const server = await startSseServer()
    onTestFinished(() => server.close())
    const upstream = startHttpUpstream(server.url)
    const session = await initialize(upstream)
    const args = { name: 'echo', arguments: { text: 'hello' } }
    expect(textOf(await legacy(upstream, session, [1, 'tools/call', args]).over)).toContain('hello')
    expect((await send(upstream, { method: 'DELETE', session }).over).status).toBe(200)
    await until(() => server.sessionCount() === 0, 'the stream to end')
  })

  it('is remembered: the next initialize goes there at once', async () => {
    const { log, lines } = recordingLog()
    const requests: string[] = []
    const server = await startSseServer({
      onRequest: ({ method, url }) => requests.push(`${method} ${url?.split('?')[0]}`),
    })
    onTestFinished(() => server.close())
    const upstream = startHttpUpstream(server.url, {}, { log })
    await initialize(upstream)
    await initialize(upstream)
    const first = ['POST /sse', 'GET /sse', 'POST /messages']
    expect(requests).toEqual([...first, 'GET /sse', 'POST /messages'])
    const told = lines.filter(({ text }) => text.includes('speaks HTTP+SSE'))
    expect(told.map(({ level }) => level)).toEqual(['info'])
  })

  it('is then not asked what it cannot answer', async () => {
    const server = await startScriptedSse()
    const upstream = startHttpUpstream(server.url)
    await initialize(upstream)
    const count = server.posted.length
    expect((await modern(upstream, 1, 'tools/list').over).error?.code).toBe('GW_WRONG_ERA')
    const unnamed = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
    expect((await send(upstream, { body: unnamed }).over).error?.code).toBe('GW_SESSION_REQUIRED')
    const unknown = await legacy(upstream, 'unknown', [1, 'tools/list']).over
    expect(unknown.error?.code).toBe('GW_SESSION_NOT_FOUND')
    expect(server.posted.length).toBe(count)
  })

  it('is found by one look for many that begin at once', async () => {
    const server = await startScriptedSse()
    const upstream = startHttpUpstream(server.url)
    const sessions = await Promise.all(Array.from({ length: 6 }, () => initialize(upstream)))
    expect(new Set(sessions).size).toBe(6)
    expect(server.opened.length).toBe(6)
  })

  it('is looked for by the next when the client that had begun to look leaves', async () => {
    let looks = 0
    const server = await startScriptedSse({
      onGet: (response) => openStream(response, looks++ === 0 ? ': hi\n' : endpointEvent('/post')),
    })
    const upstream = startHttpUpstream(server.url)
    const first = send(upstream, { body: INITIALIZE })
    await until(() => looks === 1, 'the first look')
    const others = [initialize(upstream), initialize(upstream)]
    await until(() => server.sockets.size >= 2, 'the others')
    first.call?.abort()
    expect(await Promise.all(others)).toHaveLength(2)
    expect(first.isOver).toBe(false)
  })

  it('is asked anew as Streamable HTTP once it is none any more, with the same request', async () => {
    let isSse = true
    const server = await startCounted((asked, response) => {
      if (isSse && asked === 'GET') openStream(response, endpointEvent('/post'))
      else if (isSse && asked === 'POST initialize') response.writeHead(405).end()
      else if (asked === 'POST initialize') response.writeHead(200).end('{"streamable":true}')
      else response.writeHead(405).end()
    })
    const upstream = startHttpUpstream(server.url, { responseTimeoutMs: 500 })
    // The scripted server answers nothing on its stream: it is enough that it has one.
    const begun = send(upstream, { body: INITIALIZE })
    await until(() => server.asked.length === 3, 'the message to be posted')
    isSse = false
    expect(textOf(await send(upstream, { body: INITIALIZE }).over)).toBe('{"streamable":true}')
    expect(server.asked.slice(3)).toEqual(['GET', 'POST initialize'])
    expect(textOf(await send(upstream, { body: INITIALIZE }).over)).toBe('{"streamable":true}')
    expect(server.asked.slice(5)).toEqual(['POST initialize'])
    await begun.over
  })

  it('that is gone fails the call as never sent, and nothing is remembered of it', async () => {
    const server = await startScriptedSse()
    const upstream = startHttpUpstream(server.url)
    await initialize(upstream)
    await server.kill()
    for (let turn = 0; turn < 2; turn++) {
      const { error, sent } = await send(upstream, { body: INITIALIZE }).over
      expect([error?.code, sent]).toEqual(['GW_UPSTREAM_UNREACHABLE', false])
    }
  })
})

describe('an endpoint of Streamable HTTP', () => {
  it.each([400, 404, 405])(
    'that refuses initialize with %i is looked at, and its answer passes unchanged',
    async (status) => {
      const server = await refuse(status, rpcError(-32_000))
      const answer = await send(startHttpUpstream(server.url), { body: INITIALIZE }).over
      expect([answer.status, answer.headers['x-own']]).toEqual([status, 'yes'])
      expect(answer.text).toBe(rpcError(-32_000))
      expect(server.asked).toEqual(['POST initialize', 'GET'])
    },
  )

  it.each([
    [400, -32_022],
    [400, -32_021],
    [400, -32_020],
    [404, -32_601],
  ])('of the modern era is not looked at: %i with %i', async (status, code) => {
    const server = await refuse(status, rpcError(code))
    const answer = await send(startHttpUpstream(server.url), { body: INITIALIZE }).over
    expect([answer.status, answer.text]).toEqual([status, rpcError(code)])
    expect(server.asked).toEqual(['POST initialize'])
  })

  it.each([200, 401, 403, 500, 503])('that answers with %i is not looked at', async (status) => {
    const server = await refuse(status)
    const answer = await send(startHttpUpstream(server.url), { body: INITIALIZE }).over
    expect([answer.status, answer.text]).toEqual([status, 'no'])
    expect(server.asked).toEqual(['POST initialize'])
  })

  it('is looked at once a minute', async () => {
    const clock = manualClock()
    const server = await refuse(404)
    const upstream = startHttpUpstream(server.url, {}, { clock })
    const looks = () => server.asked.filter((it) => it === 'GET').length
    await Promise.all([1, 2, 3].map(() => send(upstream, { body: INITIALIZE }).over))
    expect(looks()).toBe(1)
    clock.advance(NOT_LOOKED_AT_FOR_MS - 1)
    expect((await send(upstream, { body: INITIALIZE }).over).status).toBe(404)
    expect(looks()).toBe(1)
    clock.advance(1)
    await send(upstream, { body: INITIALIZE }).over
    expect(looks()).toBe(2)
  })

  it('with an event stream of its own on GET is not taken for one of HTTP+SSE', async () => {
    const server = await startCounted((asked, response) => {
      if (asked === 'GET') openStream(response, 'event: message\ndata: {}\n\n')
      else response.writeHead(400).end('original')
    })
    const answer = await send(startHttpUpstream(server.url), { body: INITIALIZE }).over
    expect([answer.status, answer.text]).toEqual([400, 'original'])
    await until(() => server.sockets.size <= 1, 'the stream to be closed')
  })

  it('with a refusal too long to be the one that is looked for passes it on whole', async () => {
    const body = 'x'.repeat(1_000_000)
    const server = await refuse(404, body)
    const answer = await send(startHttpUpstream(server.url), { body: INITIALIZE }).over
    expect([answer.status, answer.text.length]).toEqual([404, body.length])
    expect(server.asked).toEqual(['POST initialize'])
  })

  it.each(['tools/list', 'server/discover'])('may refuse %s without a look', async (method) => {
    const server = await refuse(404)
    const upstream = startHttpUpstream(server.url)
    expect((await modern(upstream, 1, method).over).status).toBe(404)
    const body = { jsonrpc: '2.0', id: 1, method }
    expect((await send(upstream, { body }).over).status).toBe(404)
    expect(server.asked).toEqual([`POST ${method}`, `POST ${method}`])
  })
})

describe('protocol', () => {
  const options = (protocol: HttpEndpointOptions['protocol']) => ({ ...(protocol && { protocol }) })

  it.each(['modern', 'legacy'] as const)('%s keeps to Streamable HTTP', async (protocol) => {
    const server = await startScriptedSse()
    const upstream = startHttpUpstream(server.url, options(protocol))
    const answer = await send(upstream, { body: INITIALIZE }).over
    expect([answer.status, answer.headers['x-refused']]).toEqual([405, 'yes'])
    expect(server.opened).toEqual([])
  })

  it('http_sse goes there at once', async () => {
    const server = await startScriptedSse()
    await initialize(startHttpUpstream(server.url, options('http_sse')))
    const { opened, refused, posted } = server
    expect([opened.length, refused.length, posted.length]).toEqual([1, 0, 1])
  })

  it('auto is what holds without it', async () => {
    for (const protocol of ['auto', undefined] as const) {
      const server = await startScriptedSse()
      expect(await initialize(startHttpUpstream(server.url, options(protocol)))).toBeTypeOf(
        'string',
      )
    }
  })
})
