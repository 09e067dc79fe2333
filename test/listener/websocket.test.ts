// WebSocket on a listener: the handshake, what frames are taken, pacing, signs of life, and how it ends.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rawHttp, openRaw } from '../support/raw-http.ts'
import { until } from '../support/servers.ts'
import { openHttp2, request } from './http2-client.ts'
import { answerText, startListener } from './start-listener.ts'
import {
  connectWebSocket,
  frame,
  OPCODE,
  openRawWebSocket,
  startWebSocketListener,
  upgradeRequest,
} from './websocket-frames.ts'

const LONG_MS = 60_000

describe('the handshake', () => {
  it('is answered with the proof and the subprotocol of RFC 6455', async () => {
    const { target, exchanges } = await startWebSocketListener()
    const answer = await rawHttp(target, upgradeRequest())
    expect(answer).toMatchObject({
      status: 101,
      headers: {
        upgrade: 'websocket',
        // RFC 6455 §1.3 has this key and this answer.
        'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
        'sec-websocket-protocol': 'mcp',
      },
    })
    expect(answer?.headers['sec-websocket-extensions']).toBeUndefined()
    expect(exchanges[0]?.answer.status).toBe(101)
  })

  it('does not grant compression', async () => {
    const server = await startWebSocketListener()
    const client = await connectWebSocket(server, { perMessageDeflate: true })
    expect(client.webSocket.extensions).toBe('')
  })

  it.each([
    ['another version', { 'sec-websocket-version': '8' }, 426, 'GW_WEBSOCKET_VERSION'],
    ['no version', { 'sec-websocket-version': undefined }, 426, 'GW_WEBSOCKET_VERSION'],
    ['no key', { 'sec-websocket-key': undefined }, 400, 'GW_WEBSOCKET_HANDSHAKE'],
    ['a short key', { 'sec-websocket-key': 'YWJj' }, 400, 'GW_WEBSOCKET_HANDSHAKE'],
    ['a subprotocol twice', { 'sec-websocket-protocol': 'a, a' }, 400, 'GW_WEBSOCKET_HANDSHAKE'],
    ['an empty subprotocol', { 'sec-websocket-protocol': 'a,' }, 400, 'GW_WEBSOCKET_HANDSHAKE'],
    ['h2c', { upgrade: 'h2c' }, 400, 'GW_BAD_FRAMING'],
    ['two Hosts', { Host: 'other' }, 400, 'GW_BAD_FRAMING'],
    ['content', { 'content-length': '3' }, 400, 'GW_BAD_FRAMING'],
  ])('is refused for %s, and the connection closed', async (_, fields, status, code) => {
    const { target, exchanges, refusals } = await startWebSocketListener()
    const connection = await openRaw(target)
    connection.send(upgradeRequest(fields))
    const answer = await connection.answer()
    expect(answer?.status).toBe(status)
    expect(answer?.body).toContain(code)
    expect(exchanges).toHaveLength(0)
    expect(refusals.map(({ error }) => error.code)).toEqual([code])
    await connection.closed
  })

  it('says with 426 what is spoken', async () => {
    const { target } = await startWebSocketListener()
    const answer = await rawHttp(target, upgradeRequest({ 'sec-websocket-version': '8' }))
    expect(answer?.headers).toMatchObject({ upgrade: 'websocket', 'sec-websocket-version': '13' })
  })

  it('is refused for a POST', async () => {
    const { target } = await startWebSocketListener()
    const post = upgradeRequest({}, 'POST /mcp HTTP/1.1')
    expect((await rawHttp(target, post))?.status).toBe(400)
  })

  it('may be answered like any other exchange, on a connection that is then closed', async () => {
    const { target } = await startListener({
      webSocket: true,
      securityHeaders: ['x-frame-options', 'DENY'],
      onExchange: (exchange) => answerText(exchange, 'no'.repeat(50_000), 403),
    })
    const connection = await openRaw(target)
    connection.send(upgradeRequest())
    const answer = await connection.answer()
    expect(answer).toMatchObject({ status: 403, body: 'no'.repeat(50_000) })
    expect(answer?.headers).toMatchObject({ connection: 'close', 'x-frame-options': 'DENY' })
    await connection.closed
  })

  it('is an upgrade like any other, and refused, where WebSocket is not taken', async () => {
    const { target, refusals } = await startListener()
    const answer = await rawHttp(target, upgradeRequest())
    expect(answer?.status).toBe(400)
    expect(refusals.map(({ error }) => error.code)).toEqual(['GW_BAD_FRAMING'])
  })

  it('is not offered over HTTP/2', async () => {
    const server = await startListener({ webSocket: true, tls: true })
    const session = openHttp2(server)
    await new Promise((resolve) => session.once('remoteSettings', resolve))
    expect(session.remoteSettings.enableConnectProtocol).not.toBe(true)
    const answer = await request(session, { ':path': '/' })
    expect(answer.status).toBe(200)
    expect(server.exchanges[0]?.webSocket).toBeUndefined()
  })

  it('cuts a client that sends it behind a request still to be answered', async () => {
    const { target, exchanges } = await startListener({ webSocket: true, onExchange: () => {} })
    const connection = await openRaw(target)
    connection.send(`GET / HTTP/1.1\r\nHost: localhost\r\n\r\n${upgradeRequest()}`)
    await connection.closed
    expect(exchanges.every(({ webSocket }) => webSocket === undefined)).toBe(true)
  })
})

describe.each(['tcp', 'tls'])('messages over %s', (over) => {
  const tls = over === 'tls'

  it('come and go whole, in any length', async () => {
    const server = await startWebSocketListener({
      tls,
      http2: false,
      onText: (link, text) => void link.write(Buffer.from(text)),
    })
    const client = await connectWebSocket(server)
    const texts = ['', 'a', 'grüß 😀', 'x'.repeat(65_536), 'ü'.repeat(200_000)]
    for (const text of texts) client.webSocket.send(text)
    await until(() => client.received.length === texts.length, 'the echoes')
    expect(server.received).toEqual(texts)
    expect(client.received).toEqual(texts)
  })
})

describe('frames', () => {
  it('mean the same wherever the bytes are split', async () => {
    const server = await startWebSocketListener()
    const bytes = Buffer.concat([
      frame(OPCODE.text, '{"a":"ü"}'),
      frame(OPCODE.text, 'par', { fin: false }),
      frame(OPCODE.ping, ''),
      frame(OPCODE.continuation, 'ts'),
      frame(OPCODE.text, 'y'.repeat(130)),
    ])
    const expected = ['{"a":"ü"}', 'parts', 'y'.repeat(130)]
    const connection = await openRawWebSocket(server.target)
    connection.socket.setNoDelay(true)
    for (let at = 1; at < bytes.length; at++) {
      server.received.length = 0
      connection.send(bytes.subarray(0, at))
      // Its own packet, or the split would be one in name only.
      await new Promise((resolve) => setImmediate(resolve))
      connection.send(bytes.subarray(at))
      await until(() => server.received.length === expected.length, `messages, split at ${at}`)
      expect(server.received).toEqual(expected)
    }
  })

  it('are taken right behind the handshake', async () => {
    const server = await startWebSocketListener()
    const connection = await openRaw(server.target)
    connection.send(Buffer.concat([Buffer.from(upgradeRequest()), frame(OPCODE.text, 'early')]))
    await until(() => server.received.length === 1, 'the message')
    expect(server.received).toEqual(['early'])
  })

  it('of random bytes end the connection at the worst', async () => {
    const server = await startWebSocketListener()
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 64 }), async (bytes) => {
        const connection = await openRawWebSocket(server.target)
        connection.send(Buffer.from(bytes))
        connection.socket.end()
        await connection.closed
      }),
      { numRuns: 100 },
    )
    const client = await connectWebSocket(server)
    client.webSocket.send('still here')
    // Random bytes can be whole frames too, such as that of an empty text, so it need not be the first.
    await until(() => server.received.includes('still here'), 'a message of somebody else')
    expect(server.received.at(-1)).toBe('still here')
  })

  const closeCode = (bytes: string): number => {
    const at = bytes.indexOf('\x88')
    return Buffer.from(bytes, 'latin1').readUInt16BE(at + 2)
  }

  it.each([
    ['a binary one', frame(OPCODE.binary, 'x'), 1003],
    ['one without mask', frame(OPCODE.text, 'x', { masked: false }), 1002],
    ['text that is no UTF-8', frame(OPCODE.text, Buffer.from([0xff])), 1007],
    ['a reserved bit', Buffer.concat([Buffer.of(0xc1), frame(OPCODE.text, 'x').subarray(1)]), 1002],
    ['a continuation of nothing', frame(OPCODE.continuation, 'x'), 1002],
    ['a message that is too long', frame(OPCODE.text, 'x'.repeat(101)), 1009],
    [
      'fragments that are too long together',
      Buffer.concat([
        frame(OPCODE.text, 'x'.repeat(60), { fin: false }),
        frame(OPCODE.continuation, 'x'.repeat(60)),
      ]),
      1009,
    ],
    [
      'fragments without end',
      Buffer.concat(Array.from({ length: 4_098 }, (_, at) => frame(at && 0, '', { fin: false }))),
      1008,
    ],
  ])('end the connection with a code: %s', async (name, bytes, code) => {
    const server = await startWebSocketListener({ terms: { maxMessageBytes: 100 } })
    const connection = await openRawWebSocket(server.target)
    const sent =
      name === 'fragments without end'
        ? Buffer.concat([frame(OPCODE.text, '', { fin: false }), bytes])
        : bytes
    connection.send(sent)
    const answer = await connection.until((it) => it.includes('\x88') && it.length >= 4)
    expect(closeCode(answer)).toBe(code)
    expect(server.received).toEqual([])
  })
})

describe('a client that is behind', () => {
  const big = Buffer.alloc(4_000_000, 'x')

  it('is waited for, and then the writer told', async () => {
    const server = await startWebSocketListener()
    const client = await connectWebSocket(server)
    client.webSocket.pause()
    expect(server.link?.write(big)).toBe(false)
    client.webSocket.resume()
    await until(() => server.drains.length === 1, 'the drain')
    await until(() => client.received.length === 1, 'the message')
    expect(client.received[0]).toHaveLength(big.length)
  })

  it('is cut when it reads nothing for the slow-reader time', async () => {
    const server = await startWebSocketListener({ limits: { slowReaderTimeoutMs: 200 } })
    const client = await connectWebSocket(server)
    client.webSocket.pause()
    server.link?.write(big)
    await until(() => server.ends.length === 1, 'the end')
    expect(server.ends).toEqual(['slow-reader'])
    expect(await server.count('slowReaders')).toBe(1)
    await until(async () => (await server.count('connections')) === 0, 'the connection to close')
  })
})

describe('reading', () => {
  it('stops and goes on as told', async () => {
    const server = await startWebSocketListener()
    const client = await connectWebSocket(server)
    server.link?.setReading(false)
    client.webSocket.send('held')
    client.webSocket.ping()
    let isAnswered = false
    client.webSocket.once('pong', () => (isAnswered = true))
    const witness = await connectWebSocket(server)
    witness.webSocket.send('witness')
    await until(() => server.received.includes('witness'), 'the other message')
    expect(isAnswered).toBe(false)
    // The link is the latest one's by now.
    expect(server.received).toEqual(['witness'])
  })
})

describe('signs of life', () => {
  it('keep a connection that answers', async () => {
    const server = await startWebSocketListener()
    const client = await connectWebSocket(server)
    let pings = 0
    client.webSocket.on('ping', () => {
      pings += 1
    })
    for (let count = 1; count <= 3; count++) {
      server.link?.ping()
      await until(() => pings === count, 'the ping')
      // The pong has arrived once something sent behind it has.
      client.webSocket.send(`after ${count}`)
      await until(() => server.received.length === count, 'the message behind the pong')
    }
    expect(server.ends).toEqual([])
  })

  it('cut a connection that does not', async () => {
    const server = await startWebSocketListener()
    const connection = await openRawWebSocket(server.target)
    server.link?.ping()
    await connection.until((bytes) => bytes.includes('\x89'))
    server.link?.ping()
    await connection.closed
    expect(server.ends).toEqual(['client-gone'])
    expect(await server.count('connectionsShed', { reason: 'idle' })).toBe(1)
  })

  it('outlast the idle time of the listener', async () => {
    const server = await startWebSocketListener({ limits: { idleTimeoutMs: 100 } })
    const client = await connectWebSocket(server)
    // Longer than the idle time: a kept-alive connection of the same listener is closed meanwhile.
    const kept = await startListener({ limits: { idleTimeoutMs: 300 } })
    const idle = await openRaw(kept.target)
    idle.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await idle.closed
    client.webSocket.send('awake')
    await until(() => server.received.length === 1, 'the message')
    expect(server.ends).toEqual([])
  })
})

describe('the end', () => {
  it('says why', async () => {
    const server = await startWebSocketListener()
    const client = await connectWebSocket(server)
    server.link?.write(Buffer.from('last'))
    server.link?.close(1001, 'stopping')
    server.link?.write(Buffer.from('too late'))
    expect(await client.closed).toEqual({ code: 1001, reason: 'stopping' })
    expect(client.received).toEqual(['last'])
    await until(() => server.ends.length === 1, 'the end')
    expect(server.ends).toEqual(['finished'])
    await until(async () => (await server.count('connections')) === 0, 'the connection to close')
  })

  it('is told when the client closes, or is gone', async () => {
    const server = await startWebSocketListener()
    const polite = await connectWebSocket(server)
    polite.webSocket.close()
    await polite.closed
    await until(() => server.ends.length === 1, 'the end')
    const rude = await connectWebSocket(server)
    rude.webSocket.terminate()
    await until(() => server.ends.length === 2, 'the other end')
    expect(server.ends).toEqual(['finished', 'client-gone'])
  })

  it('waits for whoever accepted, but not beyond the deadline of a stop', async () => {
    const server = await startWebSocketListener()
    const client = await connectWebSocket(server)
    const stopped = server.listener.stop(300)
    client.webSocket.send('under way')
    await until(() => server.received.length === 1, 'the message')
    await stopped
    expect((await client.closed).code).toBe(1006)
    expect(server.ends).toEqual(['client-gone'])
    expect(await server.count('connections')).toBe(0)
  })

  it('lets a stop go on at once when the WebSocket is closed', async () => {
    const server = await startWebSocketListener()
    const client = await connectWebSocket(server)
    const stopped = server.listener.stop(LONG_MS)
    server.link?.close(1001, '')
    expect((await client.closed).code).toBe(1001)
    await stopped
  })

  it('refuses a handshake during a stop', async () => {
    const server = await startWebSocketListener()
    const connection = await openRaw(server.target)
    connection.send(upgradeRequest().slice(0, 20))
    const client = await connectWebSocket(server)
    const stopped = server.listener.stop(LONG_MS)
    connection.send(upgradeRequest().slice(20))
    expect((await connection.answer())?.status).toBe(503)
    server.link?.close(1001, '')
    await client.closed
    await stopped
  })
})

it('counts towards the connections of the listener', async () => {
  const server = await startWebSocketListener({ limits: { maxConnections: 1 } })
  const client = await connectWebSocket(server)
  expect((await rawHttp(server.target, upgradeRequest()))?.status).toBe(503)
  client.webSocket.close()
  await client.closed
  await until(async () => (await server.count('connections')) === 0, 'the connection to close')
  expect((await rawHttp(server.target, upgradeRequest()))?.status).toBe(101)
})
