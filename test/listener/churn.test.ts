// Connections that come and go in every way: nothing of them may stay.
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { openRaw } from '../support/raw-http.ts'
import { until } from '../support/servers.ts'
import { openHttp2, request } from './http2-client.ts'
import { FLAG, FRAME, headerBlock, openRawHttp2, requestFields } from './raw-http2.ts'
import { startListener } from './start-listener.ts'

const GET = 'GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n'
const ROUNDS = 25

describe('after connections that', () => {
  it.each(['tcp', 'tls'])('leave at any point over %s, none is left', async (over) => {
    const { target, count, exchanges } = await startListener({
      tls: over === 'tls',
      onExchange: ({ answer }) => answer.start(200, ['content-type', 'text/event-stream']),
    })
    const beginnings = ['', 'GET /mcp HT', GET, GET + GET, 'garbage\r\n\r\n']
    for (let round = 0; round < ROUNDS; round += 1) {
      const connections = await Promise.all(beginnings.map(() => openRaw(target)))
      connections.forEach((connection, at) => {
        connection.send(beginnings[at] ?? '')
        if (round % 2 === 0) connection.socket.destroy()
        else connection.socket.end()
      })
    }
    await until(async () => (await count('connections')) === 0, 'no connection')
    await until(() => exchanges.every(({ answer }) => answer.closed), 'every answer to be over')
    expect(exchanges.length).toBeGreaterThan(0)
  })

  it('leave in the handshake, none is left', async () => {
    const { port, ca, count } = await startListener({ tls: true })
    let closed = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      const plain = connectTcp(port, '127.0.0.1', () => plain.resetAndDestroy())
      const shaking = connectTls({ port, ca, servername: 'localhost' })
      shaking.once('connect', () => shaking.destroy())
      for (const socket of [plain, shaking]) {
        socket.on('error', () => {})
        socket.on('close', () => (closed += 1))
      }
    }
    await until(() => closed === 2 * ROUNDS, 'all to have left')
    await until(async () => (await count('connections')) === 0, 'no connection')
    expect(await count('connectionsShed', { reason: 'handshake_timeout' })).toBe(0)
  })

  it('leave in the middle of HTTP/2 streams, none is left', async () => {
    const server = await startListener({
      tls: true,
      onExchange: ({ answer }) => answer.start(200, ['content-type', 'text/event-stream']),
    })
    for (let round = 0; round < ROUNDS; round += 1) {
      const session = openHttp2(server)
      const streams = [1, 2, 3].map(() => request(session, { ':path': '/' }))
      await new Promise((resolve) => session.once('connect', resolve))
      session.destroy()
      await Promise.all(streams)
      // And without a word of HTTP/2.
      const client = await openRawHttp2(server)
      client.send(FRAME.headers, FLAG.endHeaders, 1, headerBlock(requestFields('POST')))
      client.socket.destroy()
    }
    await until(async () => (await server.count('connections')) === 0, 'no connection')
    await until(() => server.exchanges.every(({ answer }) => answer.closed), 'every answer over')
    expect(server.refusals).toEqual([])
  })
})
