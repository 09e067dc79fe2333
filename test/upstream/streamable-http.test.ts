import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { deadPort, startHttpServer, until } from '../support/servers.ts'
import { post, record, startUpstream } from './recorded-call.ts'

describe('an answered request', () => {
  it('arrives with the original bytes and header fields and comes back with trailers', async () => {
    let seen: { raw: string[]; body: string; url: string | undefined } | undefined
    const server = await startHttpServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        seen = { raw: request.rawHeaders, body, url: request.url }
        response.writeHead(201, { 'X-One': ['a', 'b'], Trailer: 'X-End' })
        response.write('part ')
        response.addTrailers({ 'X-End': 'yes' })
        response.end('whole')
      })
    })
    const sink = record()
    const upstream = startUpstream(`${server.url}?own=1`)
    upstream.send(
      post('{ "a" : 1.0 }', { headers: ['X-Z', '1', 'Accept', 'b', 'x-z', '2'], query: '?c=2' }),
      sink,
    )
    expect(await sink.over).toBeUndefined()
    expect(seen?.body).toBe('{ "a" : 1.0 }')
    expect(seen?.url).toBe('/mcp?own=1&c=2')
    expect(seen?.raw.join(',')).toContain('X-Z,1,Accept,b,x-z,2')
    expect(sink.status).toBe(201)
    expect(sink.headers.join(',')).toContain('X-One,a,X-One,b')
    expect(sink.text).toBe('part whole')
    expect(sink.trailers).toEqual(['X-End', 'yes'])
  })

  it('is paused while the client is behind, and goes on', async () => {
    const total = 8 * 1024 * 1024
    const server = await startHttpServer((_, response) => response.end(Buffer.alloc(total, 'x')))
    const sink = record()
    sink.accepts = false
    const call = startUpstream(server.url).send(post(), sink)
    await until(() => sink.text.length > 0, 'the first chunk')
    const [socket] = server.sockets
    await until(() => (socket?.writableLength ?? 0) > 1024 * 1024, 'the server to be held back')
    expect(sink.text.length).toBeLessThan(total / 4)
    sink.accepts = true
    call.resume()
    expect(await sink.over).toBeUndefined()
    expect(sink.text.length).toBe(total)
  })

  it('leaves no connection behind when it is given up while paused', async () => {
    const server = await startHttpServer((_, response) => response.end(Buffer.alloc(1 << 22, 'x')))
    const upstream = startUpstream(server.url, { maxConnections: 2, maxPending: 2 })
    for (let round = 0; round < 8; round++) {
      const sink = record()
      sink.accepts = false
      const call = upstream.send(post(), sink)
      await until(() => sink.text.length > 0, 'the first chunk')
      call.abort()
    }
    const last = record()
    upstream.send(post(), last)
    expect(await last.over).toBeUndefined()
    expect(last.text.length).toBe(1 << 22)
  })
})

describe('a failed request', () => {
  it('is reported as never sent when nothing listens', async () => {
    const sink = record()
    startUpstream(`http://127.0.0.1:${await deadPort()}/mcp`).send(post(), sink)
    const error = await sink.over
    expect(error).toMatchObject({ code: 'GW_UPSTREAM_UNREACHABLE' })
    expect(error?.message).toContain('ECONNREFUSED')
    expect(sink.sent).toBe(false)
  })

  it('is reported as a TLS failure, never sent, when the certificate is not trusted', async () => {
    const server = await startHttpServer(() => {})
    const sink = record()
    startUpstream(server.url.replace('http:', 'https:')).send(post(), sink)
    expect(await sink.over).toMatchObject({ code: 'GW_UPSTREAM_TLS' })
    expect(sink.sent).toBe(false)
  })

  it.each([
    ['closes before the head', ''],
    ['does not speak HTTP', 'SSH-2.0-OpenSSH\r\n'],
    ['closes within the body', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'],
  ])('is reported as sent when the endpoint %s', async (_, bytes) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(bytes))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const sink = record()
    startUpstream(`http://127.0.0.1:${port}/`).send(post(), sink)
    expect(await sink.over).toMatchObject({ code: 'GW_UPSTREAM_BROKEN' })
    expect(sink.sent).toBe(true)
  })

  it.each([
    ['response_timeout', { responseTimeoutMs: 300 }, false],
    ['idle_timeout', { idleTimeoutMs: 300 }, true],
  ])('ends at %s', async (_, options, hasHead) => {
    const server = await startHttpServer((_request, response) => {
      if (hasHead) response.writeHead(200).write('x')
    })
    const sink = record()
    startUpstream(server.url, options).send(post(), sink)
    expect(await sink.over).toMatchObject({ code: 'GW_UPSTREAM_TIMEOUT' })
    expect(sink.sent).toBe(true)
  })

  it('is refused unsent when max_connections are busy and max_pending wait', async () => {
    const server = await startHttpServer(() => {})
    const upstream = startUpstream(server.url, { maxConnections: 2, maxPending: 1 })
    const sinks = Array.from({ length: 4 }, record)
    const calls = sinks.map((sink) => upstream.send(post(), sink))
    expect(await sinks[3]?.over).toMatchObject({ code: 'GW_UPSTREAM_OVERLOADED' })
    expect(sinks[3]?.sent).toBe(false)
    await until(() => server.sockets.size === 2, 'two connections')
    for (const call of calls) call.abort()
  })

  it('does not starve calls of connections when event streams take all of theirs', async () => {
    const server = await startHttpServer((request, response) => {
      if (request.method === 'GET') response.writeHead(200).flushHeaders()
      else response.end('{}')
    })
    const upstream = startUpstream(server.url, { maxConnections: 1, maxStreams: 2 })
    const get = post('', { method: 'GET', body: undefined, longLived: true })
    for (let count = 0; count < 2; count++) upstream.send(get, record())
    const third = record()
    upstream.send(get, third)
    expect(await third.over).toMatchObject({ code: 'GW_UPSTREAM_OVERLOADED' })
    const call = record()
    upstream.send(post(), call)
    expect(await call.over).toBeUndefined()
  })

  it('does not keep calls that were given up while they waited', async () => {
    let requests = 0
    const server = await startHttpServer((_, response) => {
      requests++
      if (requests > 1) response.end('{}')
      else setTimeout(() => response.end('{}'), 200)
    })
    const upstream = startUpstream(server.url, { maxConnections: 1, maxPending: 2 })
    const first = record()
    upstream.send(post(), first)
    const waiting = [record(), record()]
    for (const sink of waiting) upstream.send(post(), sink).abort()
    // What was given up holds no place in the queue and is never sent.
    const [second, third, refused] = [record(), record(), record()]
    for (const sink of [second, third, refused]) upstream.send(post(), sink)
    expect(await refused.over).toMatchObject({ code: 'GW_UPSTREAM_OVERLOADED' })
    for (const sink of [first, second, third]) expect(await sink.over).toBeUndefined()
    expect(requests).toBe(3)
  })
})

describe('probe', () => {
  it('resolves when the endpoint accepts connections and rejects when it does not', async () => {
    const server = await startHttpServer(() => {})
    await startUpstream(server.url).probe(1_000)
    await expect(
      startUpstream(`http://127.0.0.1:${await deadPort()}/`).probe(1_000),
    ).rejects.toThrow(expect.objectContaining({ code: 'GW_UPSTREAM_UNREACHABLE' }))
  })
})
