// The content of requests over HTTP/1.1: how much is read, when it is refused, and what becomes of the rest.
import { text } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Exchange, GatewayError } from '../../src/core/index.ts'
import { openRaw, rawHttp } from '../support/raw-http.ts'
import { until } from '../support/servers.ts'
import { answerText, readBodyUpTo, startListener } from './start-listener.ts'

const GET = 'GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n'
const post = (fields: string, body = ''): string =>
  `POST /mcp HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n${body}`

describe('the body budget', () => {
  it('refuses by Content-Length before anything is sent', async () => {
    const { target } = await startListener({ onExchange: readBodyUpTo(1_000) })
    const connection = await openRaw(target)
    connection.send(post('Content-Length: 1001\r\n'))
    expect(await connection.answer()).toMatchObject({ status: 413, body: 'GW_BODY_TOO_LARGE' })
  })

  it('does not invite a body that it will refuse', async () => {
    const { target } = await startListener({ onExchange: readBodyUpTo(1_000) })
    const connection = await openRaw(target)
    connection.send(post('Content-Length: 1001\r\nExpect: 100-continue\r\n'))
    const answer = await connection.answer()
    expect(answer?.status).toBe(413)
    expect(answer?.headers['connection']).toBe('close')
  })

  it('invites a body that it will read, and not sooner', async () => {
    let open: Exchange | undefined
    const { target } = await startListener({ onExchange: (exchange) => (open = exchange) })
    const connection = await openRaw(target)
    connection.send(post('Content-Length: 4\r\nExpect: 100-continue\r\n'))
    await until(() => open !== undefined, 'the exchange')
    expect(await connection.until(() => true)).toBe('')
    if (open !== undefined) readBodyUpTo(4)(open)
    expect((await connection.answer())?.status).toBe(100)
    connection.send('body')
    expect(await connection.answer()).toMatchObject({ status: 200, body: '4' })
  })

  it('sends no interim answer to HTTP/1.0', async () => {
    const { target } = await startListener({ onExchange: readBodyUpTo(4) })
    const head =
      'POST / HTTP/1.0\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n'
    expect(await rawHttp(target, `${head}body`)).toMatchObject({ status: 200, body: '4' })
  })

  it('refuses while reading when the length is not known, and closes', async () => {
    const { target } = await startListener({ onExchange: readBodyUpTo(1_000) })
    const connection = await openRaw(target)
    connection.send(post('Transfer-Encoding: chunked\r\n', `3e8\r\n${'a'.repeat(1_000)}\r\n`))
    connection.send('1\r\nb\r\n')
    const answer = await connection.answer()
    expect(answer).toMatchObject({ status: 413, body: 'GW_BODY_TOO_LARGE' })
    expect(answer?.headers['connection']).toBe('close')
    await connection.closed
  })

  it('takes a body of exactly the limit, in any number of pieces', async () => {
    const { target } = await startListener({ onExchange: readBodyUpTo(1_000) })
    const connection = await openRaw(target)
    connection.send(post('Content-Length: 1000\r\n'))
    for (let piece = 0; piece < 10; piece += 1) {
      await new Promise((resolve) => connection.socket.write('a'.repeat(100), resolve))
    }
    expect(await connection.answer()).toMatchObject({ status: 200, body: '1000' })
  })

  it('brings the answer home to a client that goes on sending, then closes', async () => {
    const { target, count } = await startListener({ onExchange: readBodyUpTo(1_000) })
    const connection = await openRaw(target)
    connection.send(post('Content-Length: 10000000\r\n'))
    const sending = setInterval(() => connection.send('a'.repeat(1_000)), 1)
    onTestFinished(() => clearInterval(sending))
    expect(await connection.answer()).toMatchObject({ status: 413 })
    await connection.closed
    await until(async () => (await count('connections')) === 0, 'no connection')
  })

  it('does not reset a client that sends a little more before it reads the answer', async () => {
    const { target, exchanges } = await startListener({ onExchange: readBodyUpTo(10) })
    const connection = await openRaw({ ...target, paused: true })
    const { socket } = connection
    const errors: Error[] = []
    socket.on('error', (error) => errors.push(error))
    connection.send(post('Transfer-Encoding: chunked\r\n', '14\r\nmore than it may be.\r\n'))
    await until(() => exchanges[0]?.answer.status === 413, 'the refusal')
    for (let piece = 0; piece < 5; piece += 1) {
      await new Promise((resolve) => socket.write('1\r\na\r\n', resolve))
      await new Promise((resolve) => setImmediate(resolve))
    }
    socket.write('0\r\n\r\n')
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 413 [^]*GW_BODY_TOO_LARGE$/)
    expect(errors).toEqual([])
  })

  it('swallows no more than a little of what was not asked for', async () => {
    const { target } = await startListener({
      onExchange: (exchange) => answerText(exchange, 'no', 404),
    })
    const connection = await openRaw(target)
    connection.send(post('Content-Length: 100000000\r\n'))
    const chunk = Buffer.alloc(65_536)
    let sent = 0
    const push = (): void => {
      while (!connection.socket.destroyed && connection.socket.write(chunk)) sent += chunk.length
    }
    connection.socket.on('drain', push)
    push()
    await connection.closed
    // Beyond what is discarded lies what the two kernels had buffered by then.
    expect(sent).toBeLessThan(20_000_000)
  })

  it('keeps the connection when the rest is small', async () => {
    const { target } = await startListener({
      onExchange: (exchange) => answerText(exchange, 'no', 404),
    })
    const connection = await openRaw(target)
    connection.send(post('Content-Length: 4\r\n'))
    expect((await connection.answer())?.headers['connection']).toBe('keep-alive')
    connection.send(`body${GET}`)
    expect((await connection.answer())?.status).toBe(404)
  })

  it('tells the reader when the client leaves in the middle', async () => {
    let reading: Promise<unknown> | undefined
    const { target } = await startListener({
      onExchange: (exchange) => {
        reading = exchange.readBody(1_000).catch((error: GatewayError) => error.code)
      },
    })
    const connection = await openRaw(target)
    connection.send(post('Content-Length: 100\r\n', 'some'))
    await until(() => reading !== undefined, 'the exchange')
    connection.socket.destroy()
    expect(await reading).toBe('GW_CLIENT_GONE')
  })
})
