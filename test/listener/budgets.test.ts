// The budgets of a connection over HTTP/1.1: each is reached once, with a small value.
import type { TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Exchange } from '../../src/core/index.ts'
import { MAX_WAITING_REFUSALS } from '../../src/listener/connection-gate.ts'
import { MAX_PIPELINED } from '../../src/listener/http1-connection.ts'
import { manualClock } from '../support/manual-clock.ts'
import { openRaw, rawHttp, type RawConnection } from '../support/raw-http.ts'
import { until } from '../support/servers.ts'
import { answerText, readBodyUpTo, startListener } from './start-listener.ts'

const GET = 'GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n'
const post = (fields: string, body = ''): string =>
  `POST /mcp HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n${body}`

const codeOf = (body: string | undefined): string =>
  (JSON.parse(body ?? '') as { error: { data: { code: string } } }).error.data.code

describe.each(['tcp', 'tls'])('the header timeout over %s', (over) => {
  it('answers 408 to a header section that dribbles', async () => {
    const { target, refusals } = await startListener({
      tls: over === 'tls',
      limits: { headerTimeoutMs: 200 },
    })
    const answer = await rawHttp(target, 'GET /mcp HTTP/1.1\r\nHost: local')
    expect(answer?.status).toBe(408)
    expect(codeOf(answer?.body)).toBe('GW_REQUEST_TIMEOUT')
    expect(refusals.map(({ error }) => error.code)).toEqual(['GW_REQUEST_TIMEOUT'])
  })

  it('closes a connection on which nothing is ever sent', async () => {
    const { target, count, exchanges } = await startListener({
      tls: over === 'tls',
      limits: { headerTimeoutMs: 200 },
    })
    const connection = await openRaw(target)
    await connection.closed
    await until(async () => (await count('connections')) === 0, 'no connection')
    expect(exchanges).toEqual([])
  })

  it('counts anew for the next request on the connection', async () => {
    const { target } = await startListener({
      tls: over === 'tls',
      limits: { headerTimeoutMs: 200 },
    })
    const connection = await openRaw(target)
    connection.send(GET)
    expect((await connection.answer())?.status).toBe(200)
    connection.send('GET /mcp HT')
    expect((await connection.answer())?.status).toBe(408)
    await connection.closed
  })
})

describe('the request timeout', () => {
  it('fails the reading of a body that dribbles with 408 and closes', async () => {
    const { target } = await startListener({
      limits: { headerTimeoutMs: 300, requestTimeoutMs: 300 },
      onExchange: readBodyUpTo(1_000),
    })
    const connection = await openRaw(target)
    connection.send(post('Content-Length: 100\r\n', 'some of it'))
    expect(await connection.answer()).toMatchObject({ status: 408, body: 'GW_REQUEST_TIMEOUT' })
    await connection.closed
  })

  it('leaves an answer alone that takes longer', async () => {
    let open: Exchange | undefined
    const { target } = await startListener({
      limits: {
        headerTimeoutMs: 50,
        requestTimeoutMs: 50,
        idleTimeoutMs: 50,
        slowReaderTimeoutMs: 50,
      },
      onExchange: (exchange) => {
        open = exchange
        exchange.answer.start(200, ['content-type', 'text/event-stream'])
      },
    })
    const connection = await openRaw(target)
    connection.send(GET)
    await connection.until((bytes) => bytes.includes('\r\n\r\n'))
    // A second connection that is timed out shows that the time has passed for the first one too.
    await (await openRaw(target)).closed
    open?.answer.end(Buffer.from('data: late\n\n'))
    expect((await connection.answer())?.body).toBe('data: late\n\n')
  })
})

describe('the idle timeout', () => {
  it('closes a kept-alive connection and counts it', async () => {
    const { target, count } = await startListener({ limits: { idleTimeoutMs: 200 } })
    const connection = await openRaw(target)
    connection.send(GET)
    expect((await connection.answer())?.headers['connection']).toBe('keep-alive')
    await connection.closed
    expect(await count('connectionsShed', { reason: 'idle' })).toBe(1)
  })

  it('announces less than it grants, so that no request meets a closing connection', async () => {
    const { target } = await startListener({ limits: { idleTimeoutMs: 30_000 } })
    expect((await rawHttp(target, GET))?.headers['keep-alive']).toBe('timeout=29')
  })
})

describe('the handshake timeout', () => {
  it('closes a connection that does not begin TLS', async () => {
    const { port, count } = await startListener({ tls: true, limits: { handshakeTimeoutMs: 150 } })
    const connection = await openRaw({ port })
    await connection.closed
    expect(await count('connectionsShed', { reason: 'handshake_timeout' })).toBe(1)
    await until(async () => (await count('connections')) === 0, 'no connection')
  })

  it('is not extended by bytes that dribble in', async () => {
    const { port, count } = await startListener({ tls: true, limits: { handshakeTimeoutMs: 150 } })
    const connection = await openRaw({ port })
    const hello = Buffer.from('16030100a5010000a10303', 'hex')
    let sent = 0
    const dribble = setInterval(() => connection.send(hello.subarray(sent, ++sent)), 40)
    onTestFinished(() => clearInterval(dribble))
    await connection.closed
    expect(await count('connectionsShed', { reason: 'handshake_timeout' })).toBe(1)
  })

  it('plain HTTP on the TLS port is closed without an answer', async () => {
    const { port, count, refusals } = await startListener({ tls: true })
    expect(await rawHttp({ port }, GET)).toBeUndefined()
    expect(await count('connectionsShed', { reason: 'handshake_failed' })).toBe(1)
    expect(refusals).toEqual([])
  })
})

describe('renegotiation', () => {
  it('ends the connection of the client that wants it, and nothing else', async () => {
    const { target, count } = await startListener({ tls: true })
    const connection = await openRaw({ ...target, tls: { ...target.tls, maxVersion: 'TLSv1.2' } })
    const socket = connection.socket as TLSSocket
    socket.renegotiate({}, () => {})
    await connection.closed
    await until(async () => (await count('connections')) === 0, 'no connection')
    expect((await rawHttp(target, GET))?.status).toBe(200)
  })
})

describe.each(['tcp', 'tls'])('the accept rate over %s', (over) => {
  it('answers 503 with Retry-After to what comes beyond the burst, and closes', async () => {
    const clock = manualClock(Date.now())
    const { target, refusals, exchanges, count } = await startListener({
      tls: over === 'tls',
      clock,
      limits: { acceptRatePerSecond: 1, acceptBurst: 2 },
    })
    expect((await rawHttp(target, GET))?.status).toBe(200)
    expect((await rawHttp(target, GET))?.status).toBe(200)
    const connection = await openRaw(target)
    connection.send(GET)
    const answer = await connection.answer()
    expect(answer?.status).toBe(503)
    expect(answer?.headers).toMatchObject({ 'retry-after': '1', connection: 'close' })
    expect(codeOf(answer?.body)).toBe('GW_TOO_MANY_CONNECTIONS')
    await connection.closed
    expect(refusals.map(({ error }) => error.code)).toEqual(['GW_TOO_MANY_CONNECTIONS'])
    expect(exchanges).toHaveLength(2)
    expect(await count('connectionsShed', { reason: 'accept_rate' })).toBe(1)
    clock.advance(1_000)
    expect((await rawHttp(target, GET))?.status).toBe(200)
  })
})

describe('refusing politely', () => {
  it('has a bound of its own: beyond it connections are dropped unanswered', async () => {
    const { target, count } = await startListener({
      limits: { acceptRatePerSecond: 1, acceptBurst: 1, maxConnections: 1 },
    })
    const opened: Promise<RawConnection>[] = []
    for (let at = 0; at < 1 + MAX_WAITING_REFUSALS; at += 1) opened.push(openRaw(target))
    const waiting = await Promise.all(opened)
    await until(async () => (await count('connections')) === waiting.length, 'all to be accepted')
    const dropped = await openRaw(target)
    await dropped.closed
    expect(await dropped.until(() => true)).toBe('')
    expect(await count('connections')).toBe(waiting.length)
    // One that waits goes, and there is room to refuse another one politely.
    waiting.at(-1)?.socket.destroy()
    await until(async () => (await count('connections')) === waiting.length - 1, 'one to be gone')
    expect((await rawHttp(target, GET))?.status).toBe(503)
  })
})

describe('the connection cap', () => {
  it('answers 503 to one connection more, and takes the next when one has gone', async () => {
    const { target, count } = await startListener({ limits: { maxConnections: 1 } })
    const first = await openRaw(target)
    first.send(GET)
    expect((await first.answer())?.status).toBe(200)
    const surplus = await rawHttp(target, GET)
    expect(surplus?.status).toBe(503)
    expect(surplus?.headers['retry-after']).toBe('1')
    expect(await count('connectionsShed', { reason: 'max_connections' })).toBe(1)
    first.socket.destroy()
    await until(async () => (await count('connections')) === 0, 'no connection')
    expect((await rawHttp(target, GET))?.status).toBe(200)
  })
})

describe('the header budget', () => {
  it('answers 431 to one field too many', async () => {
    const { target } = await startListener({ limits: { maxHeaders: 8 } })
    const fields = (count: number): string => `Host: localhost\r\n${'X-A: b\r\n'.repeat(count - 1)}`
    expect((await rawHttp(target, `GET / HTTP/1.1\r\n${fields(8)}\r\n`))?.status).toBe(200)
    expect((await rawHttp(target, `GET / HTTP/1.1\r\n${fields(9)}\r\n`))?.status).toBe(431)
  })

  it('counts far beyond the number at which Node would drop fields silently', async () => {
    const limits = { maxHeaders: 2_000, maxHeaderBytes: 65_536 }
    const { target, exchanges } = await startListener({ limits })
    const fields = 'a: b\r\n'.repeat(1_999)
    const answer = await rawHttp(target, `GET / HTTP/1.1\r\n${fields}Host: localhost\r\n\r\n`)
    expect(answer?.status).toBe(200)
    expect(exchanges[0]?.rawHeaders).toHaveLength(4_000)
  })

  it('answers 431 to a header section of too many bytes', async () => {
    const { target } = await startListener({ limits: { maxHeaderBytes: 1_024 } })
    const request = `GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ${'b'.repeat(1_100)}\r\n\r\n`
    expect((await rawHttp(target, request))?.status).toBe(431)
  })
})

describe('pipelined requests', () => {
  it('are served one after the other', async () => {
    const open: Exchange[] = []
    const { target } = await startListener({ onExchange: (exchange) => open.push(exchange) })
    const connection = await openRaw(target)
    connection.send(GET.repeat(3))
    await until(() => open.length === 1, 'the first exchange')
    for (let at = 0; at < 3; at += 1) {
      await until(() => open.length === at + 1, 'the next exchange')
      const next = open[at]
      if (next !== undefined) answerText(next, `answer ${at}`)
      expect((await connection.answer())?.body).toBe(`answer ${at}`)
    }
  })

  it('end the connection when there are too many', async () => {
    const open: Exchange[] = []
    const { target, count } = await startListener({ onExchange: (exchange) => open.push(exchange) })
    const connection = await openRaw(target)
    connection.send(GET.repeat(MAX_PIPELINED + 2))
    await connection.closed
    expect(open).toHaveLength(1)
    expect(await count('connectionsShed', { reason: 'pipelining' })).toBe(1)
  })
})
