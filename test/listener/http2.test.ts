// HTTP/2: what becomes of a request on its way to an exchange, what of an answer on its way back, and the budgets.
import { constants, type ClientHttp2Session } from 'node:http2'
import { connect as connectTls } from 'node:tls'
import { text } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Exchange } from '../../src/core/index.ts'
import { manualClock } from '../support/manual-clock.ts'
import { rawHttp } from '../support/raw-http.ts'
import { until } from '../support/servers.ts'
import { collect, openHttp2, request } from './http2-client.ts'
import { FLAG, FRAME, headerBlock, openRawHttp2, requestFields } from './raw-http2.ts'
import { answerText, readBodyUpTo, startListener } from './start-listener.ts'

const POST = { ':method': 'POST', ':path': '/mcp' }

describe('the protocol', () => {
  it('is what the client asks for in the handshake', async () => {
    const server = await startListener({ tls: true })
    const answer = await request(openHttp2(server), { ':path': '/mcp' })
    expect(answer).toMatchObject({ status: 200, body: 'ok' })
    const overHttp1 = await rawHttp(server.target, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    expect(overHttp1?.status).toBe(200)
    expect(server.exchanges.map((it) => it.httpVersion)).toEqual(['2.0', '1.1'])
  })

  it('is HTTP/1.1 where HTTP/2 is switched off', async () => {
    const { port, ca } = await startListener({ tls: true, http2: false })
    const socket = connectTls({
      port,
      ca,
      servername: 'localhost',
      ALPNProtocols: ['h2', 'http/1.1'],
    })
    onTestFinished(() => void socket.destroy())
    await new Promise((resolve) => socket.once('secureConnect', resolve))
    expect(socket.alpnProtocol).toBe('http/1.1')
  })
})

describe('an exchange', () => {
  it('has the pseudo-header fields as members and not among the headers', async () => {
    const server = await startListener({ tls: true })
    await request(openHttp2(server), { ...POST, ':path': '/mcp?a=b', 'x-one': '1' }, '')
    expect(server.exchanges[0]).toMatchObject({
      method: 'POST',
      path: '/mcp',
      query: '?a=b',
      authority: `localhost:${server.port}`,
      httpVersion: '2.0',
      remoteAddress: '127.0.0.1',
      rawHeaders: ['x-one', '1'],
    })
  })

  it('has the parts of a cookie as one field', async () => {
    const server = await startListener({ tls: true })
    await request(openHttp2(server), { ':path': '/', cookie: ['a=1', 'b=2'], 'x-one': '1' })
    const [exchange] = server.exchanges
    expect(exchange?.rawHeaders).toEqual(['x-one', '1', 'cookie', 'a=1; b=2'])
    expect(exchange?.isRepeated('cookie')).toBe(false)
  })

  it('reads a body in many pieces', async () => {
    const server = await startListener({ tls: true, onExchange: readBodyUpTo(1_000_000) })
    expect((await request(openHttp2(server), POST, 'a'.repeat(300_000))).body).toBe('300000')
  })

  it('invites the body when it is read', async () => {
    const server = await startListener({ tls: true, onExchange: readBodyUpTo(10) })
    const session = openHttp2(server)
    const stream = session.request({ ...POST, expect: '100-continue', 'content-length': '4' })
    await new Promise((resolve) => stream.once('continue', resolve))
    stream.end('body')
    expect(await text(stream)).toBe('4')
  })

  it.each([
    ['CANCEL', constants.NGHTTP2_CANCEL],
    ['NO_ERROR', constants.NGHTTP2_NO_ERROR],
  ])('does not take a body that is reset with %s for a whole one', async (_, code) => {
    let reading: Promise<unknown> | undefined
    const server = await startListener({
      tls: true,
      onExchange: (it) => (reading = it.readBody(1_000).catch((e: { code: string }) => e.code)),
    })
    // Node's client would end the body before it resets.
    const client = await openRawHttp2(server)
    client.send(FRAME.headers, FLAG.endHeaders, 1, headerBlock(requestFields('POST')))
    client.send(FRAME.data, 0, 1, Buffer.from('some'))
    await until(() => reading !== undefined, 'the exchange')
    client.send(FRAME.rstStream, 0, 1, Buffer.of(0, 0, 0, code))
    expect(await reading).toBe('GW_CLIENT_GONE')
  })
})

describe('an answer', () => {
  it('loses the fields that belong to an HTTP/1.1 connection', async () => {
    const server = await startListener({
      tls: true,
      onExchange: ({ answer }) => {
        const hopByHop = ['Connection', 'close', 'Keep-Alive', 'timeout=5', 'Upgrade', 'h2c']
        answer.start(200, [...hopByHop, 'Transfer-Encoding', 'chunked', 'X-One', '1'])
        answer.end()
      },
    })
    const { headers } = await request(openHttp2(server), { ':path': '/' })
    expect(Object.keys(headers).toSorted()).toEqual([':status', 'date', 'x-one'])
  })

  it('keeps repeated fields', async () => {
    const fields = [
      'Set-Cookie',
      'a=1',
      'Set-Cookie',
      'b=2',
      'Vary',
      'a',
      'Vary',
      'b',
      'ETag',
      'x',
      'ETag',
      'y',
    ]
    const server = await startListener({
      tls: true,
      onExchange: ({ answer }) => {
        answer.start(200, fields)
        answer.end()
      },
    })
    const { headers } = await request(openHttp2(server), { ':path': '/' })
    expect(headers).toMatchObject({ 'set-cookie': ['a=1', 'b=2'], vary: 'a, b', etag: 'x, y' })
  })

  it.each([
    ['in one go', (it: Exchange) => it.answer.end(Buffer.from('body'), ['X-End', '1'])],
    [
      'after pieces',
      ({ answer }: Exchange) => {
        answer.write(Buffer.from('bo'))
        answer.write(Buffer.from('dy'))
        answer.end(undefined, ['X-End', '1'])
      },
    ],
  ])('carries trailer fields %s', async (_, send) => {
    const server = await startListener({
      tls: true,
      onExchange: (exchange) => {
        exchange.answer.start(200, [])
        send(exchange)
      },
    })
    const answer = await request(openHttp2(server), { ':path': '/' })
    expect(answer).toMatchObject({ body: 'body', trailers: { 'x-end': '1' }, resetCode: 0 })
  })

  it.each([
    ['to HEAD', { ':method': 'HEAD' }, 200],
    ['with status 204', {}, 204],
    ['with status 304', {}, 304],
  ])('%s has no content, whatever is written', async (_, headers, status) => {
    const ends: string[] = []
    const server = await startListener({
      tls: true,
      onExchange: ({ answer }) => {
        answer.onClose((end) => ends.push(end))
        answer.start(status, ['content-type', 'text/plain'])
        answer.write(Buffer.from('body'))
        answer.end(Buffer.from('more'))
      },
    })
    const answer = await request(openHttp2(server), { ':path': '/', ...headers })
    expect(answer).toMatchObject({ status, body: '', resetCode: 0 })
    await until(() => ends.length === 1, 'the end')
    expect(ends).toEqual(['finished'])
  })

  it('that is broken off is not taken for a whole one', async () => {
    const server = await startListener({
      tls: true,
      onExchange: ({ answer }) => {
        answer.start(200, [])
        answer.write(Buffer.from('half'))
        setImmediate(() => answer.abort())
      },
    })
    const { resetCode } = await request(openHttp2(server), { ':path': '/' })
    expect(resetCode).toBe(constants.NGHTTP2_INTERNAL_ERROR)
  })

  it('goes on on the other streams of the connection when one is broken off', async () => {
    const server = await startListener({
      tls: true,
      onExchange: (exchange) => {
        if (exchange.path === '/good') answerText(exchange, 'good')
        else exchange.answer.abort()
      },
    })
    const session = openHttp2(server)
    const [bad, good] = await Promise.all([
      request(session, { ':path': '/bad' }),
      request(session, { ':path': '/good' }),
    ])
    expect(bad.status).toBe(0)
    expect(good.body).toBe('good')
  })

  it.each([
    ['in one go', [], 'body'],
    ['after pieces', ['bo'], 'dy'],
    ['without content', [], undefined],
  ])('that went out %s is finished', async (_, pieces, last) => {
    const ends: string[] = []
    const server = await startListener({
      tls: true,
      onExchange: ({ answer }) => {
        answer.onClose((end) => ends.push(end))
        answer.start(200, [])
        for (const piece of pieces) answer.write(Buffer.from(piece))
        answer.end(last === undefined ? undefined : Buffer.from(last))
      },
    })
    const answer = await request(openHttp2(server), { ':path': '/' })
    expect(answer).toMatchObject({ body: last === undefined ? '' : 'body', resetCode: 0 })
    await until(() => ends.length === 1, 'the end')
    expect(ends).toEqual(['finished'])
  })

  it('to a client that left is over', async () => {
    const ends: string[] = []
    const server = await startListener({
      tls: true,
      onExchange: ({ answer }) => {
        answer.onClose((end) => ends.push(end))
        answer.start(200, ['content-type', 'text/event-stream'])
      },
    })
    const session = openHttp2(server)
    for (const code of [constants.NGHTTP2_CANCEL, constants.NGHTTP2_NO_ERROR]) {
      const stream = session.request({ ':path': '/' })
      await new Promise((resolve) => stream.once('response', resolve))
      stream.close(code)
    }
    session.request({ ':path': '/' }).on('response', () => session.destroy())
    await until(() => ends.length === 3, 'all ends')
    expect(ends).toEqual(['client-gone', 'client-gone', 'client-gone'])
  })
})

describe('the budgets', () => {
  it('fail a body that dribbles with 408', async () => {
    const server = await startListener({
      tls: true,
      limits: { requestTimeoutMs: 200 },
      onExchange: readBodyUpTo(1_000),
    })
    const stream = openHttp2(server).request(POST)
    const answer = collect(stream)
    const dribble = setInterval(() => stream.write('a'), 30)
    onTestFinished(() => clearInterval(dribble))
    expect(await answer).toMatchObject({ status: 408, body: 'GW_REQUEST_TIMEOUT' })
    clearInterval(dribble)
  })

  it('refuse one stream more than allowed and serve the others', async () => {
    const open: Exchange[] = []
    const server = await startListener({
      tls: true,
      limits: { maxConcurrentStreams: 2 },
      onExchange: (exchange) => open.push(exchange),
    })
    // The client would keep to the setting once it has seen it; these leave before.
    const session = openHttp2(server)
    const answers = [1, 2, 3].map((at) => request(session, { ':path': `/${at}` }))
    expect((await answers[2])?.resetCode).toBe(constants.NGHTTP2_REFUSED_STREAM)
    await until(() => open.length === 2, 'two exchanges')
    for (const exchange of open) answerText(exchange, 'ok')
    expect((await Promise.all(answers)).map((it) => it.status)).toEqual([200, 200, 0])
    expect(session.remoteSettings.maxConcurrentStreams).toBe(2)
  })

  it('close a session without streams, whatever PING frames it sends', async () => {
    const server = await startListener({ tls: true, limits: { idleTimeoutMs: 300 } })
    const session = openHttp2(server)
    await request(session, { ':path': '/' })
    const pings = setInterval(() => session.closed || session.ping(() => {}), 30)
    onTestFinished(() => clearInterval(pings))
    await new Promise((resolve) => session.once('close', resolve))
    expect(await server.count('connectionsShed', { reason: 'idle' })).toBe(1)
    await until(async () => (await server.count('connections')) === 0, 'no connection')
  })

  it('leave a session alone while a stream is open', async () => {
    let open: Exchange | undefined
    const clock = manualClock(Date.now())
    const server = await startListener({ tls: true, clock, onExchange: (it) => (open = it) })
    const answer = request(openHttp2(server), { ':path': '/' })
    await until(() => open !== undefined, 'the exchange')
    clock.advance(3_600_000)
    expect(await server.count('connectionsShed')).toBe(0)
    if (open !== undefined) answerText(open, 'late')
    expect(await answer).toMatchObject({ status: 200, body: 'late' })
  })

  it('close a connection that never sends the preface', async () => {
    const server = await startListener({ tls: true, limits: { idleTimeoutMs: 200 } })
    const { port, ca } = server
    const socket = connectTls({ port, ca, servername: 'localhost', ALPNProtocols: ['h2'] })
    onTestFinished(() => void socket.destroy())
    socket.resume()
    await new Promise((resolve) => socket.once('close', resolve))
    await until(async () => (await server.count('connections')) === 0, 'no connection')
    expect(await server.count('connectionsShed', { reason: 'idle' })).toBe(1)
  })

  it('answer 503 on a connection that is one too many, and close it', async () => {
    const server = await startListener({ tls: true, limits: { maxConnections: 1 } })
    await request(openHttp2(server), { ':path': '/' })
    const surplus: ClientHttp2Session = openHttp2(server)
    const answer = await request(surplus, { ':path': '/' })
    expect(answer.status).toBe(503)
    expect(answer.headers['retry-after']).toBe('1')
    if (!surplus.closed) await new Promise((resolve) => surplus.once('close', resolve))
    expect(server.exchanges).toHaveLength(1)
  })
})
