import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { httpEndpoint, startTestGateway } from '../support/gateway.ts'
import { initialize, legacyMessage, modernRequest, openSession } from '../support/mcp-messages.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { deadPort, jsonOf, startHttpServer, until } from '../support/servers.ts'

async function errorOf(response: Response) {
  const body = (await response.json()) as {
    id?: unknown
    error: { code: number; message: string; data: { code: string; requestId: string } }
  }
  return {
    status: response.status,
    id: body.id,
    rpcCode: body.error.code,
    code: body.error.data.code,
  }
}

const echo = () =>
  startHttpServer(async (request, response) => {
    const { id } = await jsonOf(request)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: { seen: request.rawHeaders } }))
  })

describe('what reaches the endpoint', () => {
  it('is the original body, byte for byte, with the client’s own header fields', async () => {
    let received: { body: string; headers: IncomingMessage } | undefined
    const server = await startHttpServer(async (request, response) => {
      received = { body: await text(request), headers: request }
      response.end('{}')
    })
    const gateway = await startTestGateway({ servers: { mcp: [httpEndpoint(server.url)] } })
    const message = modernRequest('tools/call', { name: 'a', big: 0 })
    const body = message.body.replace('"big":0', '"big" :  12345678901234567890.0, "u":"\\u00e9é"')
    await fetch(`${gateway.url}/mcp?q=1`, {
      ...message,
      headers: { ...message.headers, 'mcp-param-region': 'eu', 'x-custom': 'kept' },
      body,
    })
    expect(received?.body).toBe(body)
    expect(received?.headers.url).toBe('/mcp?q=1')
    expect(received?.headers.headers).toMatchObject({
      'mcp-param-region': 'eu',
      'x-custom': 'kept',
      'mcp-method': 'tools/call',
      host: `127.0.0.1:${server.port}`,
      via: expect.stringMatching(/^1\.1 sallyport-[0-9a-f]{8}$/),
    })
  })

  it('is free of credentials, of what others claim about the client, and of hop-by-hop fields', async () => {
    const server = await echo()
    const gateway = await startTestGateway({ servers: { mcp: [httpEndpoint(server.url)] } })
    const message = modernRequest('tools/list')
    const { port } = new URL(gateway.url)
    const request = httpRequest({
      port,
      path: '/mcp',
      method: 'POST',
      headers: {
        ...message.headers,
        authorization: 'Bearer secret',
        cookie: 'a=b',
        forwarded: 'for=1.2.3.4',
        'x-forwarded-for': '1.2.3.4',
        connection: 'keep-alive, x-hop',
        'x-hop': '1',
        te: 'trailers',
        'proxy-authorization': 'Basic x',
        'mcp-session-id': 'ignored in the modern era',
      },
    }).end(message.body)
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const { result } = JSON.parse(await text(response)) as { result: { seen: string[] } }
    const names = result.seen.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase())
    expect(names).not.toEqual(
      expect.arrayContaining([
        expect.stringMatching(
          /^(authorization|cookie|forwarded|x-forwarded-for|x-hop|te|proxy-authorization|mcp-session-id)$/,
        ),
      ]),
    )
    expect(names).toContain('mcp-method')
  })
})

describe('what comes back', () => {
  it('keeps status, repeated fields and trailers, and loses cookies and challenges', async () => {
    const server = await startHttpServer((request, response) => {
      request.resume()
      response.writeHead(200, [
        'Content-Type',
        'application/json',
        'X-Two',
        'a',
        'X-Two',
        'b',
        'Set-Cookie',
        'a=b',
        'Alt-Svc',
        'h3=":1"',
        'Trailer',
        'X-End',
      ])
      response.write('{"jsonrpc":"2.0",')
      response.addTrailers({ 'X-End': 'yes' })
      response.end('"id":1,"result":{}}')
    })
    const gateway = await startTestGateway({ servers: { mcp: [httpEndpoint(server.url)] } })
    const message = modernRequest('tools/list')
    const request = httpRequest({
      port: new URL(gateway.url).port,
      path: '/mcp',
      method: 'POST',
      headers: { ...message.headers, te: 'trailers' },
    }).end(message.body)
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    expect(await text(response)).toBe('{"jsonrpc":"2.0","id":1,"result":{}}')
    expect(response.headersDistinct['x-two']).toEqual(['a', 'b'])
    expect(response.headers).not.toHaveProperty('set-cookie')
    expect(response.headers).not.toHaveProperty('alt-svc')
    expect(response.trailers).toEqual({ 'x-end': 'yes' })
  })

  it('streams events as they come, with ids and retry intact and buffering declined', async () => {
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>()
    const server = await startHttpServer(async (request, response) => {
      request.resume()
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('id: 1\nretry: 50\ndata:\n\n')
      await mayEnd
      response.end('id: 2\ndata: {"a":1}\n\n')
    })
    const gateway = await startTestGateway({ servers: { mcp: [httpEndpoint(server.url)] } })
    const response = await fetch(`${gateway.url}/mcp`, modernRequest('tools/list'))
    expect(response.headers.get('x-accel-buffering')).toBe('no')
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    expect((await reader?.read())?.value).toBe('id: 1\nretry: 50\ndata:\n\n')
    end()
    expect((await reader?.read())?.value).toBe('id: 2\ndata: {"a":1}\n\n')
    expect((await reader?.read())?.done).toBe(true)
  })

  it('is kept alive by comments between events while the endpoint is silent, and only then', async () => {
    const server = await startHttpServer((request, response) => {
      request.resume()
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: {"half')
      setTimeout(() => response.write('":1}\n\n'), 100)
    })
    const gateway = await startTestGateway({
      servers: { mcp: [httpEndpoint(server.url)] },
      limits: { keepAliveMs: 30 },
    })
    const response = await fetch(`${gateway.url}/mcp`, modernRequest('tools/list'))
    let seen = ''
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      seen += chunk
      if (seen.includes(': keep-alive\n: keep-alive\n')) break
    }
    expect(seen).toMatch(/^data: \{"half":1\}\n\n(?:: keep-alive\n)+$/)
  })

  it('is never a redirect: the client is told what is wrong instead', async () => {
    const server = await startHttpServer((_, response) =>
      response.writeHead(307, { location: 'http://internal.example/mcp' }).end(),
    )
    const gateway = await startTestGateway({ servers: { mcp: [httpEndpoint(server.url)] } })
    const response = await fetch(`${gateway.url}/mcp`, {
      ...modernRequest('tools/list', {}, 'x'),
      redirect: 'manual',
    })
    expect(response.headers.get('location')).toBeNull()
    expect(await errorOf(response)).toMatchObject({
      status: 502,
      id: 'x',
      code: 'GW_UPSTREAM_REDIRECT',
    })
  })

  it('is not a challenge for credentials that the client could not pass on anyway', async () => {
    const server = await startHttpServer((_, response) =>
      response.writeHead(401, { 'www-authenticate': 'Bearer resource_metadata="x"' }).end(),
    )
    const gateway = await startTestGateway({ servers: { mcp: [httpEndpoint(server.url)] } })
    const response = await fetch(`${gateway.url}/mcp`, modernRequest('tools/list'))
    expect(response.headers.get('www-authenticate')).toBeNull()
    expect(await errorOf(response)).toMatchObject({ status: 502, code: 'GW_UPSTREAM_AUTH' })
  })
})

describe('a call that fails', () => {
  it('is answered with the request’s id when nothing listens at the endpoint', async () => {
    const gateway = await startTestGateway({
      servers: { mcp: [httpEndpoint(`http://127.0.0.1:${await deadPort()}/mcp`)] },
    })
    const response = await fetch(`${gateway.url}/mcp`, modernRequest('tools/list', {}, 'abc'))
    expect(await errorOf(response)).toEqual({
      status: 502,
      id: 'abc',
      rpcCode: -32603,
      code: 'GW_UPSTREAM_UNREACHABLE',
    })
  })

  it('gets its error as the last event when its stream breaks between events', async () => {
    const server = await startHttpServer((request, response) => {
      request.resume()
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: {"jsonrpc":"2.0","method":"notifications/progress"}\n\n', () =>
        request.socket.destroy(),
      )
    })
    const gateway = await startTestGateway({ servers: { mcp: [httpEndpoint(server.url)] } })
    const response = await fetch(
      `${gateway.url}/mcp`,
      modernRequest('tools/call', { name: 'a' }, 9),
    )
    const events = (await response.text()).trimEnd().split('\n\n')
    expect(events).toHaveLength(2)
    const last = JSON.parse(events[1]?.split('data: ')[1] ?? '') as object
    expect(last).toMatchObject({ id: 9, error: { data: { code: 'GW_UPSTREAM_BROKEN' } } })
  })

  it.each([
    ['in the middle of an event', 'data: {"json'],
    ['that could be resumed', 'id: 7\ndata:\n\n'],
  ])('is broken off, not ended, when its stream breaks %s', async (_, sent) => {
    const server = await startHttpServer((request, response) => {
      request.resume()
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(sent, () => request.socket.destroy())
    })
    const gateway = await startTestGateway({ servers: { mcp: [httpEndpoint(server.url)] } })
    const response = await fetch(`${gateway.url}/mcp`, modernRequest('tools/call', { name: 'a' }))
    await expect(response.text()).rejects.toThrow(/terminated/)
  })

  it('is refused when it comes back to the gateway it came from', async () => {
    const port = await deadPort()
    const gateway = await startTestGateway({
      servers: { mcp: [httpEndpoint(`http://127.0.0.1:${port}/mcp`)] },
      listener: { port },
    })
    const response = await fetch(`${gateway.url}/mcp`, modernRequest('tools/list', {}, 5))
    expect(await errorOf(response)).toMatchObject({ status: 508, code: 'GW_LOOP_DETECTED' })
  })

  it.each([
    ['an unknown path', '/nowhere', modernRequest('tools/list'), 404, 'GW_NO_ROUTE'],
    ['PUT', '/mcp', { ...modernRequest('x'), method: 'PUT' }, 405, 'GW_METHOD_NOT_ALLOWED'],
    [
      'another media type',
      '/mcp',
      { ...modernRequest('x'), headers: { 'content-type': 'text/plain' } },
      415,
      'GW_UNSUPPORTED_MEDIA_TYPE',
    ],
    ['no JSON', '/mcp', { ...modernRequest('x'), body: '{' }, 400, 'GW_PARSE_ERROR'],
    [
      'another origin',
      '/mcp',
      { ...modernRequest('x'), headers: { origin: 'https://evil.example' } },
      403,
      'GW_ORIGIN_NOT_ALLOWED',
    ],
    [
      'a body beyond the limit',
      '/mcp',
      modernRequest('x', { pad: 'x'.repeat(5_000_000) }),
      413,
      'GW_BODY_TOO_LARGE',
    ],
  ])('never reaches the endpoint with %s', async (_, path, message, status, code) => {
    let reached = 0
    const server = await startHttpServer((_request, response) => {
      reached++
      response.end('{}')
    })
    const gateway = await startTestGateway({ servers: { mcp: [httpEndpoint(server.url)] } })
    expect(await errorOf(await fetch(gateway.url + path, message))).toMatchObject({ status, code })
    expect(reached).toBe(0)
  })
})

describe('a client that leaves', () => {
  async function leaveDuring(message: ReturnType<typeof modernRequest>, path = '/mcp') {
    const events: string[] = []
    const server = await startHttpServer((request, response) => {
      request.resume()
      events.push('started')
      response.on('close', () => events.push(response.writableFinished ? 'finished' : 'aborted'))
      setTimeout(() => response.end('{}'), 300)
    })
    const gateway = await startTestGateway({ servers: { mcp: [httpEndpoint(server.url)] } })
    const controller = new AbortController()
    const call = fetch(gateway.url + path, { ...message, signal: controller.signal })
    await until(() => events.includes('started'), 'the call to arrive')
    controller.abort()
    await expect(call).rejects.toThrow(/abort/)
    await until(() => events.length === 2, 'the call to end')
    return events[1]
  }

  it('cancels its call in the modern era', async () => {
    expect(await leaveDuring(modernRequest('tools/call', { name: 'a' }))).toBe('aborted')
  })

  it('does not cancel its call in the legacy era', async () => {
    expect(await leaveDuring(legacyMessage({ id: 1, method: 'tools/call' }))).toBe('finished')
  })

  it('has its legacy call given up after abandoned_call_timeout', async () => {
    const { promise: aborted, resolve } = Promise.withResolvers<void>()
    let started = false
    const server = await startHttpServer((request, response) => {
      request.resume()
      started = true
      response.on('close', resolve)
    })
    const gateway = await startTestGateway({
      servers: { mcp: [httpEndpoint(server.url)] },
      limits: { abandonedCallTimeoutMs: 50 },
    })
    const controller = new AbortController()
    const call = fetch(`${gateway.url}/mcp`, {
      ...legacyMessage({ id: 1, method: 'tools/call' }),
      signal: controller.signal,
    })
    await until(() => started, 'the call to arrive')
    controller.abort()
    await expect(call).rejects.toThrow(/abort/)
    await aborted
  })
})

describe('sessions of the legacy era', () => {
  /** A server that keeps sessions in memory and says who it is. */
  const sessionServer = (name: string) => {
    const sessions = new Set<string>()
    return startHttpServer(async (request, response) => {
      response.setHeader('content-type', 'application/json')
      const known = request.headers['mcp-session-id']
      const { id, method } =
        request.method === 'POST' ? await jsonOf(request) : { id: undefined, method: undefined }
      if (method === 'initialize') {
        const issued = `${name}-${sessions.size}`
        sessions.add(issued)
        response.setHeader('mcp-session-id', issued)
      } else if (typeof known !== 'string' || !sessions.has(known)) {
        response.writeHead(404).end('{}')
        return
      }
      if (request.method === 'DELETE') sessions.delete(String(known))
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result: { name, session: known } }))
    })
  }

  const call = (sessionId: string) => legacyMessage({ id: 1, method: 'tools/list' }, sessionId)
  const resultOf = async (response: Response) =>
    ((await response.json()) as { result: { name: string; session: string } }).result

  it('stay on the endpoint that began them, behind an id that shows nothing of it', async () => {
    const [a, b] = [await sessionServer('a'), await sessionServer('b')]
    const gateway = await startTestGateway({
      servers: { mcp: [httpEndpoint(a.url), httpEndpoint(b.url)] },
    })
    const url = `${gateway.url}/mcp`
    const sessions = [await openSession(url), await openSession(url)]
    for (let round = 0; round < 3; round++) {
      for (const [at, sessionId] of sessions.entries()) {
        const name = at === 0 ? 'a' : 'b'
        expect(sessionId).not.toContain(`${name}-0`)
        expect(await resultOf(await fetch(url, call(sessionId)))).toEqual({
          name,
          session: `${name}-0`,
        })
      }
    }
  })

  it('are 404 with the request’s id when unknown, made up, or of another route', async () => {
    const server = await sessionServer('a')
    const gateway = await startTestGateway({
      servers: { one: [httpEndpoint(server.url)], two: [httpEndpoint(server.url)] },
    })
    const sessionId = await openSession(`${gateway.url}/one`)
    for (const [path, id] of [
      ['/one', 'a-0'],
      ['/one', `${sessionId}x`],
      ['/two', sessionId],
    ] as const) {
      expect(await errorOf(await fetch(gateway.url + path, call(id)))).toMatchObject({
        status: 404,
        id: 1,
        code: 'GW_SESSION_NOT_FOUND',
      })
    }
  })

  it('end with DELETE, and the endpoint’s own 404 passes', async () => {
    const server = await sessionServer('a')
    const gateway = await startTestGateway({ servers: { mcp: [httpEndpoint(server.url)] } })
    const url = `${gateway.url}/mcp`
    const sessionId = await openSession(url)
    const headers = { 'mcp-session-id': sessionId }
    expect((await fetch(url, { method: 'DELETE', headers })).status).toBe(200)
    expect((await fetch(url, call(sessionId))).status).toBe(404)
  })

  it('are 404 once their endpoint is gone, so that the client initializes on another', async () => {
    const [a, b] = [await sessionServer('a'), await sessionServer('b')]
    const gateway = await startTestGateway({
      servers: { mcp: [httpEndpoint(a.url), httpEndpoint(b.url)] },
    })
    const url = `${gateway.url}/mcp`
    const onA = await openSession(url)
    const onB = await openSession(url)
    await a.kill()
    await until(async () => (await fetch(url, call(onA))).status === 404, 'the session to be lost')
    expect((await fetch(url, call(onB))).status).toBe(200)
    expect(await resultOf(await fetch(url, call(await openSession(url))))).toMatchObject({
      name: 'b',
    })
  })

  it('survive a restart of the gateway, which keeps its key', async () => {
    const server = await sessionServer('a')
    const stateDir = temporaryFolder()
    const start = () =>
      startTestGateway({
        servers: { mcp: [httpEndpoint(server.url)] },
        overrides: { sessions: { keys: [] }, stateDir },
      })
    const before = await start()
    const sessionId = await openSession(`${before.url}/mcp`)
    await before.stop()
    const after = await start()
    expect((await fetch(`${after.url}/mcp`, call(sessionId))).status).toBe(200)
  })

  it('are begun anew by initialize, whatever session it names', async () => {
    const server = await sessionServer('a')
    const gateway = await startTestGateway({ servers: { mcp: [httpEndpoint(server.url)] } })
    const message = initialize()
    const response = await fetch(`${gateway.url}/mcp`, {
      ...message,
      headers: { ...message.headers, 'mcp-session-id': 'stale' },
    })
    expect(response.status).toBe(200)
  })
})

describe('a client that reads slowly', () => {
  it('holds its endpoint back instead of filling the memory', async () => {
    const total = 64 * 1024 * 1024
    const server = await startHttpServer((request, response) => {
      request.resume()
      response.end(Buffer.alloc(total, 'x'))
    })
    const gateway = await startTestGateway({
      servers: { mcp: [httpEndpoint(server.url)] },
      socketLimits: { slowReaderTimeoutMs: 60_000 },
    })
    const message = modernRequest('tools/list')
    const request = httpRequest({
      port: new URL(gateway.url).port,
      path: '/mcp',
      method: 'POST',
      headers: message.headers,
    }).end(message.body)
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    onTestFinished(() => void response.destroy())
    const [socket] = server.sockets
    await until(() => (socket?.writableLength ?? 0) > total / 2, 'the endpoint to be held back')
    const held = socket?.writableLength
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(socket?.writableLength).toBe(held)
  })
})
