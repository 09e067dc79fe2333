// The pool against servers that write their answers by hand, so that nothing between repairs what they send.
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Clock, RawHeaders } from '../../../src/core/index.ts'
import { systemClock } from '../../../src/core/index.ts'
import type { AnswerHandler, OutgoingRequest } from '../../../src/upstream/http/carrier.ts'
import { Http1Pool, type Http1PoolOptions } from '../../../src/upstream/http/http1/index.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/servers.ts'

/** A server whose connections the test answers. */
interface RawServer {
  readonly port: number
  readonly connections: readonly RawConnection[]
}

interface RawConnection {
  readonly socket: Socket
  received: string
}

async function rawServer(onRequest?: (connection: RawConnection) => void): Promise<RawServer> {
  const connections: RawConnection[] = []
  const server = createServer((socket) => {
    const connection: RawConnection = { socket, received: '' }
    connections.push(connection)
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      connection.received += bytes.toString('latin1')
      onRequest?.(connection)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const { socket } of connections) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, connections }
}

const answering = (answer: string) => rawServer(({ socket }) => socket.write(answer, 'latin1'))

function poolTo(port: number, options: Partial<Http1PoolOptions> = {}): Http1Pool {
  const pool = new Http1Pool({
    authority: `127.0.0.1:${port}`,
    connect: (onConnected) => {
      const socket = connect({ port, host: '127.0.0.1' })
      const fail = (error: Error): void => onConnected(error, null)
      socket.once('error', fail).once('connect', () => {
        socket.off('error', fail)
        onConnected(null, socket)
      })
    },
    maxConnections: 4,
    headTimeoutMs: 5_000,
    bodyTimeoutMs: 5_000,
    clock: systemClock,
    ...options,
  })
  onTestFinished(() => pool.destroy())
  return pool
}

interface Recorded extends AnswerHandler {
  sent: boolean
  status: number
  headers: RawHeaders
  data: string
  trailers: RawHeaders
  accepts: boolean
  /** The failure, or undefined for an answer that ended well. */
  readonly over: Promise<Error | undefined>
  /** Ends and failures told; one of both is all there may be. */
  ends: number
}

function record(): Recorded {
  const { promise, resolve } = Promise.withResolvers<Error | undefined>()
  return {
    sent: false,
    status: 0,
    headers: [],
    data: '',
    trailers: [],
    accepts: true,
    over: promise,
    ends: 0,
    onSent() {
      this.sent = true
    },
    onHead(status, headers) {
      this.status = status
      this.headers = headers
    },
    onData(data) {
      this.data += data.toString('latin1')
      return this.accepts
    },
    onEnd(trailers) {
      this.trailers = trailers
      this.ends += 1
      resolve(undefined)
    },
    onFailure(error) {
      this.ends += 1
      resolve(error)
    },
  }
}

const post = (body = '{}'): OutgoingRequest => ({
  method: 'POST',
  path: '/mcp?a=b',
  headers: ['Content-Type', 'application/json', 'X-A', 'b'],
  body: Buffer.from(body),
})
const get: OutgoingRequest = { method: 'GET', path: '/mcp', headers: [], body: undefined }

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

describe('a request', () => {
  it('leaves as one message, with fields in order and a length', async () => {
    const server = await answering(OK)
    const answer = record()
    poolTo(server.port).dispatch(post('{"a":1}'), answer)
    expect(await answer.over).toBeUndefined()
    expect(server.connections[0]?.received).toBe(
      `POST /mcp?a=b HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\nconnection: keep-alive\r\n` +
        'Content-Type: application/json\r\nX-A: b\r\ncontent-length: 7\r\n\r\n{"a":1}',
    )
    expect(answer).toMatchObject({ sent: true, status: 200, data: 'ok', trailers: [] })
  })

  it.each([
    ['POST without a body', { ...post(), body: undefined }, 'content-length: 0\r\n\r\n'],
    ['GET', get, 'keep-alive\r\n\r\n'],
  ])('tells the length of nothing only for %s', async (_, options, ending) => {
    const server = await answering(OK)
    const answer = record()
    poolTo(server.port).dispatch(options, answer)
    await answer.over
    expect(server.connections[0]?.received.endsWith(ending)).toBe(true)
  })

  it.each([
    ['a line break in a value', { headers: ['a', 'b\r\nc: d'] }],
    ['a NUL in a value', { headers: ['a', 'b\0'] }],
    ['a character beyond latin1', { headers: ['a', '\u0100'] }],
    ['a space in a name', { headers: ['a b', 'c'] }],
    ['an empty name', { headers: ['', 'c'] }],
    ['a length of its own', { headers: ['Content-Length', '5'] }],
    ['a coding of its own', { headers: ['transfer-encoding', 'chunked'] }],
    ['a host of its own', { headers: ['Host', 'elsewhere'] }],
    ['a space in the path', { path: '/a b' }],
    ['a line break in the path', { path: '/a\r\nb' }],
    ['a method that is none', { method: 'GE T' }],
  ])('is not sent with %s', async (_, wrong) => {
    const server = await answering(OK)
    const pool = poolTo(server.port)
    expect(() => pool.dispatch({ ...post(), ...wrong }, record())).toThrow(TypeError)
    expect(server.connections).toEqual([])
  })
})

describe('an answer', () => {
  const answers: readonly (readonly [string, string, string])[] = [
    ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'hello'],
    [
      'in chunks',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 1\r\n\r\n',
      'hello',
    ],
    ['without content', 'HTTP/1.1 204 No Content\r\n\r\n', ''],
    ['of length 0', 'HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n', ''],
    [
      'after interim ones',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      'ok',
    ],
  ]

  it.each(answers)('%s is read the same wherever its bytes are split', async (_, text, data) => {
    for (let at = 1; at < text.length; at++) {
      const server = await rawServer(({ socket }) => {
        socket.setNoDelay(true).write(text.slice(0, at), 'latin1', () => {
          setImmediate(() => socket.write(text.slice(at), 'latin1'))
        })
      })
      const answer = record()
      const pool = poolTo(server.port)
      pool.dispatch(post(), answer)
      expect(await answer.over).toBeUndefined()
      expect(answer.data).toBe(data)
      expect(answer.trailers).toEqual(text.includes('X-Sum') ? ['X-Sum', '1'] : [])
      await pool.destroy()
    }
  })

  it('without length or chunks ends with the connection', async () => {
    const server = await rawServer(({ socket }) => socket.end('HTTP/1.1 200 OK\r\n\r\nto the end'))
    const answer = record()
    poolTo(server.port).dispatch(post(), answer)
    expect(await answer.over).toBeUndefined()
    expect(answer.data).toBe('to the end')
  })

  it.each([
    ['within its head', 'HTTP/1.1 200 OK\r\nContent-'],
    ['within its body', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell'],
    ['within a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhell'],
    ['before the last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n'],
    ['before it began', ''],
  ])('that stops %s fails', async (_, text) => {
    const server = await rawServer(({ socket }) => socket.end(text))
    const answer = record()
    poolTo(server.port).dispatch(post(), answer)
    expect(await answer.over).toBeInstanceOf(Error)
    expect(answer.sent).toBe(true)
  })

  it.each([
    ['a head without end', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(70_000)}`],
    ['what is not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  ])('that is %s is refused, and its connection closed', async (_, text) => {
    const server = await answering(text)
    const answer = record()
    poolTo(server.port).dispatch(post(), answer)
    expect(await answer.over).toMatchObject({ code: 'MALFORMED_ANSWER' })
    const [connection] = server.connections
    await until(
      () => connection?.socket.destroyed === true || connection?.socket.readableEnded === true,
      'the connection to close',
    )
  })

  it('that comes slowly is not cut, one that stops is', async () => {
    const clock = manualClock()
    const server = await rawServer()
    const answer = record()
    const pool = poolTo(server.port, { clock, headTimeoutMs: 800, bodyTimeoutMs: 800 })
    pool.dispatch(post(), answer)
    await until(
      () => server.connections[0]?.received.endsWith('{}') === true,
      'the request at the server',
    )
    clock.advance(700)
    server.connections[0]?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n')
    await until(() => answer.status === 200, 'the head')
    for (const piece of ['a', 'b', 'c']) {
      clock.advance(700)
      server.connections[0]?.socket.write(piece)
      await until(() => answer.data.endsWith(piece), 'data')
    }
    clock.advance(1_000)
    expect(await answer.over).toMatchObject({ name: 'AnswerTimeout', phase: 'body' })
  })

  it('whose head does not come fails after its time', async () => {
    const clock = manualClock()
    const server = await rawServer(({ socket }) => socket.write('HTTP/1.1 100 Continue\r\n\r\n'))
    const answer = record()
    poolTo(server.port, { clock, headTimeoutMs: 800 }).dispatch(post(), answer)
    await until(
      () => server.connections[0]?.received.endsWith('{}') === true,
      'the request at the server',
    )
    clock.advance(1_000)
    expect(await answer.over).toMatchObject({ name: 'AnswerTimeout', phase: 'head' })
  })

  it('is not read on while its reader is behind, and not cut meanwhile', async () => {
    const clock = manualClock()
    const size = 8 * 1024 * 1024
    const server = await rawServer(({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
      socket.write(Buffer.alloc(size, 'x'))
    })
    const answer = record()
    answer.accepts = false
    const request = poolTo(server.port, { clock, bodyTimeoutMs: 800 }).dispatch(post(), answer)
    await until(() => answer.data.length > 0, 'data')
    const read = answer.data.length
    clock.advance(10_000)
    await new Promise((resolve) => setImmediate(resolve))
    expect(answer.data.length).toBe(read)
    answer.accepts = true
    request.resume()
    expect(await answer.over).toBeUndefined()
    expect(answer.data.length).toBe(size)
  })
})

describe('a connection', () => {
  it('serves one request after the other', async () => {
    const server = await answering(OK)
    const pool = poolTo(server.port)
    for (let call = 0; call < 5; call++) {
      const answer = record()
      pool.dispatch(post(), answer)
      expect(await answer.over).toBeUndefined()
    }
    expect(server.connections.length).toBe(1)
  })

  it.each([
    ['said to be closed', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
    ['of HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    ['with bytes behind the answer', `${OK}HTTP/1.1 200 OK\r\n`],
    ['with a body where none may be', 'HTTP/1.1 204 No Content\r\n\r\nok'],
  ])('%s serves no other', async (_, text) => {
    const server = await answering(text)
    const pool = poolTo(server.port)
    for (const calls of [1, 2]) {
      const answer = record()
      pool.dispatch(post(), answer)
      expect(await answer.over).toBeUndefined()
      expect(server.connections.length).toBe(calls)
    }
  })

  it('that gets bytes while it is idle is closed: they are no answer', async () => {
    const server = await answering(OK)
    // Time stands still, so that the connection does not go for having been idle.
    const pool = poolTo(server.port, { clock: manualClock() })
    const first = record()
    pool.dispatch(post(), first)
    await first.over
    server.connections[0]?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged')
    await until(
      () => server.connections[0]?.socket.readableEnded === true,
      'the connection to close',
    )
    const second = record()
    pool.dispatch(post(), second)
    expect(await second.over).toBeUndefined()
    expect(second.data).toBe('ok')
    expect(server.connections.length).toBe(2)
  })

  it('whose request was answered before it was read is not used again', async () => {
    const server = await rawServer(({ socket }) => {
      socket.pause()
      socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n')
    })
    const pool = poolTo(server.port)
    for (const calls of [1, 2]) {
      const answer = record()
      pool.dispatch(post('x'.repeat(16 * 1024 * 1024)), answer)
      expect(await answer.over).toBeUndefined()
      expect(answer.status).toBe(413)
      expect(server.connections.length).toBe(calls)
    }
  })

  it('goes when nobody needs it, sooner if the endpoint closes its side earlier', async () => {
    const clock: Clock & { advance(byMs: number): void } = manualClock()
    const server = await answering(OK.replace('\r\n\r\n', '\r\nKeep-Alive: timeout=3\r\n\r\n'))
    const pool = poolTo(server.port, { clock })
    const answer = record()
    pool.dispatch(post(), answer)
    await answer.over
    clock.advance(1_000)
    expect(server.connections[0]?.socket.readableEnded).toBe(false)
    clock.advance(1_000)
    await until(
      () => server.connections[0]?.socket.readableEnded === true,
      'the connection to close',
    )
  })
})

describe('the pool', () => {
  it('has no more connections than allowed and serves those that wait in order', async () => {
    const server = await rawServer()
    const pool = poolTo(server.port, { maxConnections: 2 })
    const answers = ['a', 'b', 'c', 'd', 'e'].map((name) => {
      const answer = record()
      pool.dispatch(post(name), answer)
      return answer
    })
    const served = (): string =>
      server.connections
        .map(({ received }) => received.replaceAll(/[^]*?\r\n\r\n(.)/g, '$1'))
        .join('')
    await until(() => served().length === 2, 'requests at the server')
    for (const sent of [3, 4, 5]) {
      server.connections[0]?.socket.write(OK)
      await until(() => served().length === sent, 'requests at the server')
    }
    expect(answers.map(({ sent }) => sent)).toEqual([true, true, true, true, true])
    expect(server.connections.length).toBe(2)
    expect(server.connections[1]?.received.endsWith('b') ?? false).toBe(true)
    server.connections[0]?.socket.write(OK)
    server.connections[1]?.socket.write(OK)
    await Promise.all(answers.map(({ over }) => over))
  })

  it('tells a request that found no connection that it never left', async () => {
    const answer = record()
    const pool = poolTo(1, {
      connect: (onConnected) => setImmediate(onConnected, new Error('no'), null),
    })
    pool.dispatch(post(), answer)
    expect(await answer.over).toMatchObject({ message: 'no' })
    expect(answer.sent).toBe(false)
  })

  it('gives a waiting request up without sending it', async () => {
    const server = await rawServer()
    const pool = poolTo(server.port, { maxConnections: 1 })
    const [first, second, third] = [record(), record(), record()]
    pool.dispatch(post('1'), first)
    const waiting = pool.dispatch(post('2'), second)
    pool.dispatch(post('3'), third)
    await until(
      () => server.connections[0]?.received.endsWith('1') === true,
      'the request at the server',
    )
    waiting.abort(new Error('given up'))
    expect(await second.over).toMatchObject({ message: 'given up' })
    waiting.abort(new Error('again'))
    expect(second.ends).toBe(1)
    server.connections[0]?.socket.write(OK)
    await first.over
    await until(
      () => server.connections[0]?.received.endsWith('3') === true,
      'the request at the server',
    )
    expect(second.sent).toBe(false)
  })

  it('closes the connection of a request that was given up, and only that', async () => {
    const server = await rawServer()
    const pool = poolTo(server.port)
    const [first, second] = [record(), record()]
    const request = pool.dispatch(post('1'), first)
    pool.dispatch(post('2'), second)
    await until(
      () => server.connections.every(({ received }) => received !== ''),
      'the request at the server',
    )
    await until(() => server.connections.length === 2, 'a second connection')
    const of = (body: string) => server.connections.find(({ received }) => received.endsWith(body))
    request.abort(new Error('given up'))
    request.abort(new Error('again'))
    expect(await first.over).toMatchObject({ message: 'given up' })
    await until(() => of('1')?.socket.readableEnded === true, 'the connection to close')
    of('2')?.socket.write(OK)
    expect(await second.over).toBeUndefined()
    // After its end a request has no power over the connection, which may serve another.
    const third = record()
    pool.dispatch(post('3'), third)
    await until(() => of('3') !== undefined, 'the third request')
    request.abort(new Error('late'))
    request.resume()
    of('3')?.socket.write(OK)
    expect(await third.over).toBeUndefined()
    expect([first.ends, second.ends, third.ends]).toEqual([1, 1, 1])
  })

  it('closes once what waits and what is under way is answered', async () => {
    const server = await rawServer()
    const pool = poolTo(server.port, { maxConnections: 1 })
    const answers = [record(), record()]
    for (const answer of answers) pool.dispatch(post(), answer)
    await until(() => server.connections[0]?.received.endsWith('{}') === true, 'the request')
    let isClosed = false
    const closing = pool.close().then(() => (isClosed = true))
    for (const answer of answers) {
      expect(isClosed).toBe(false)
      server.connections[0]?.socket.write(OK)
      expect(await answer.over).toBeUndefined()
    }
    await closing
    await until(
      () => server.connections[0]?.socket.readableEnded === true,
      'the connection to close',
    )
  })

  it('that is idle, or finds no connection, closes at once', async () => {
    const server = await answering(OK)
    const idle = poolTo(server.port)
    const answer = record()
    idle.dispatch(post(), answer)
    await answer.over
    await expect(idle.close()).resolves.toBeUndefined()
    const failing = poolTo(1, {
      connect: (onConnected) => setImmediate(onConnected, new Error('no'), null),
    })
    failing.dispatch(post(), record())
    await expect(failing.close()).resolves.toBeUndefined()
    await until(
      () => server.connections[0]?.socket.readableEnded === true,
      'the connection to close',
    )
  })

  it('ends everything when it is destroyed, and leaves no timer', async () => {
    const clock = manualClock()
    const server = await rawServer()
    const pool = poolTo(server.port, { clock, maxConnections: 1 })
    const [first, second] = [record(), record()]
    pool.dispatch(post('1'), first)
    pool.dispatch(post('2'), second)
    await until(
      () => server.connections[0]?.received.endsWith('1') === true,
      'the request at the server',
    )
    await pool.destroy()
    expect(await first.over).toBeInstanceOf(Error)
    expect(await second.over).toBeInstanceOf(Error)
    expect([first.sent, second.sent]).toEqual([true, false])
    expect(clock.pending).toBe(0)
    await until(
      () => server.connections[0]?.socket.readableEnded === true,
      'the connection to close',
    )
  })
})
