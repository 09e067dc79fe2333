// Stopping: what is idle goes at once, what is under way may finish, and after the deadline nothing is left.
import { createServer, type AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { silentLog, createMetrics } from '../../src/observability/index.ts'
import { systemClock, type Exchange } from '../../src/core/index.ts'
import { createListener } from '../../src/listener/index.ts'
import { issueCert } from '../support/certificates.ts'
import { serverTlsOptions } from '../support/tls-options.ts'
import { openRaw, rawHttp } from '../support/raw-http.ts'
import { until } from '../support/servers.ts'
import { openHttp2, request } from './http2-client.ts'
import { FRAME, openRawHttp2 } from './raw-http2.ts'
import { answerText, LIMITS, startListener, type TestListener } from './start-listener.ts'

const GET = 'GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n'
const LONG_MS = 60_000

/** A listener whose exchanges stay open until the test answers them. */
async function startHolding(tls: boolean): Promise<TestListener & { readonly open: Exchange[] }> {
  const open: Exchange[] = []
  const server = await startListener({ tls, onExchange: (exchange) => open.push(exchange) })
  return { ...server, open }
}

describe.each(['tcp', 'tls'])('stopping over %s', (over) => {
  const tls = over === 'tls'

  it('refuses new connections and closes idle ones, used and unused', async () => {
    const { listener, target } = await startListener({ tls })
    const [used, unused] = [await openRaw(target), await openRaw(target)]
    used.send(GET)
    await used.answer()
    await listener.stop(LONG_MS)
    await Promise.all([used.closed, unused.closed])
    expect(await rawHttp(target, GET)).toBeUndefined()
  })

  it('lets an answer under way finish and says that it is the last', async () => {
    const { listener, target, open } = await startHolding(tls)
    const connection = await openRaw(target)
    connection.send(GET)
    await until(() => open.length === 1, 'the exchange')
    const stopped = listener.stop(LONG_MS)
    const [exchange] = open
    if (exchange !== undefined) answerText(exchange, 'late')
    const answer = await connection.answer()
    expect(answer).toMatchObject({ status: 200, body: 'late' })
    expect(answer?.headers['connection']).toBe('close')
    await stopped
  })

  it('closes the connection after an answer that had begun before', async () => {
    const { listener, target, open } = await startHolding(tls)
    const connection = await openRaw(target)
    connection.send(GET)
    await until(() => open.length === 1, 'the exchange')
    open[0]?.answer.start(200, ['content-type', 'text/event-stream'])
    await connection.until((bytes) => bytes.includes('\r\n\r\n'))
    const stopped = listener.stop(LONG_MS)
    open[0]?.answer.end(Buffer.from('data: 1\n\n'))
    expect((await connection.answer())?.body).toBe('data: 1\n\n')
    await connection.closed
    await stopped
  })

  it('brings home an answer that has just ended', async () => {
    const { listener, target } = await startListener({
      tls,
      onExchange: (exchange) => {
        answerText(exchange, 'a'.repeat(50_000))
        void listener.stop(LONG_MS)
      },
    })
    const connection = await openRaw(target)
    connection.send(GET)
    expect((await connection.answer())?.body).toHaveLength(50_000)
    await connection.closed
  })

  it('answers 503 to a request that was on its way', async () => {
    const { listener, target, open } = await startHolding(tls)
    const connection = await openRaw(target)
    connection.send('GET /mcp HTTP/1.1\r\nHost: local')
    const witness = await openRaw(target)
    witness.send(GET)
    await until(() => open.length === 1, 'the other exchange')
    const stopped = listener.stop(LONG_MS)
    connection.send('host\r\n\r\n')
    const answer = await connection.answer()
    expect(answer?.status).toBe(503)
    expect(answer?.body).toContain('GW_DRAINING')
    expect(open).toHaveLength(1)
    witness.socket.destroy()
    await stopped
  })

  it('cuts what is still under way at the deadline', async () => {
    const { listener, target, open } = await startHolding(tls)
    const connection = await openRaw(target)
    connection.send(GET)
    await until(() => open.length === 1, 'the exchange')
    const ends: string[] = []
    open[0]?.answer.onClose((end) => ends.push(end))
    await listener.stop(50)
    await connection.closed
    expect(await connection.answer()).toBeUndefined()
    expect(ends).toEqual(['client-gone'])
  })

  it('keeps to a shorter deadline when it is stopped again', async () => {
    const { listener, target, open } = await startHolding(tls)
    const connection = await openRaw(target)
    connection.send(GET)
    await until(() => open.length === 1, 'the exchange')
    const first = listener.stop(LONG_MS)
    await listener.stop(0)
    await first
    await connection.closed
    expect(await connection.answer()).toBeUndefined()
  })
})

describe('stopping over HTTP/2', () => {
  it('sends GOAWAY, finishes streams under way, and closes', async () => {
    const server = await startHolding(true)
    const session = openHttp2(server)
    const answer = request(session, { ':path': '/' })
    await until(() => server.open.length === 1, 'the exchange')
    const goaway = new Promise((resolve) => session.once('goaway', resolve))
    const stopped = server.listener.stop(LONG_MS)
    // Without error.
    expect(await goaway).toBe(0)
    const [exchange] = server.open
    if (exchange !== undefined) answerText(exchange, 'late')
    expect(await answer).toMatchObject({ status: 200, body: 'late', resetCode: 0 })
    await stopped
    expect(await server.count('connections')).toBe(0)
  })

  it('closes a session without streams although the client does not', async () => {
    const server = await startListener({ tls: true })
    const client = await openRawHttp2(server)
    await client.frame(({ type }) => type === FRAME.settings)
    await server.listener.stop(LONG_MS)
    expect(client.frames.some(({ type }) => type === FRAME.goaway)).toBe(true)
    expect(await server.count('connections')).toBe(0)
  })

  it('cuts streams at the deadline', async () => {
    const server = await startHolding(true)
    const answer = request(openHttp2(server), { ':path': '/' })
    await until(() => server.open.length === 1, 'the exchange')
    await server.listener.stop(50)
    expect((await answer).status).toBe(0)
  })
})

describe('stopping in the handshake', () => {
  it('does not wait for a client that has not begun it', async () => {
    const { listener, port, count } = await startListener({ tls: true })
    const connection = await openRaw({ port })
    await until(async () => (await count('connections')) === 1, 'the connection')
    await listener.stop(LONG_MS)
    await connection.closed
    await until(async () => (await count('connections')) === 0, 'no connection')
    expect(await count('connectionsShed', { reason: 'handshake_timeout' })).toBe(0)
  })
})

describe('stopAccepting', () => {
  it('goes on serving the connections that are open', async () => {
    const { listener, target } = await startListener()
    const connection = await openRaw(target)
    connection.send(GET)
    await connection.answer()
    listener.stopAccepting()
    expect(await rawHttp(target, GET)).toBeUndefined()
    connection.send(GET)
    expect((await connection.answer())?.status).toBe(200)
  })
})

describe('a listener that could not start', () => {
  const context = {
    log: silentLog,
    metrics: createMetrics(),
    clock: systemClock,
    onExchange: () => {},
    onRefusal: () => {},
  }

  it('says why and can be stopped all the same', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void taken.close())
    const { port } = taken.address() as AddressInfo
    const listener = createListener(
      {
        name: 'taken',
        host: '127.0.0.1',
        port,
        tls: undefined,
        http2: false,
        securityHeaders: [],
        limits: LIMITS,
      },
      context,
    )
    await expect(listener.start()).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await listener.stop(LONG_MS)
  })

  it('can be stopped while it starts', async () => {
    const metrics = createMetrics()
    const listener = createListener(
      {
        name: 'soon',
        host: '127.0.0.1',
        port: 0,
        tls: serverTlsOptions(issueCert()),
        http2: true,
        securityHeaders: [],
        limits: LIMITS,
      },
      { ...context, metrics },
    )
    const started = listener.start()
    await listener.stop(LONG_MS)
    await started
    expect(await rawHttp({ port: listener.address.port }, GET)).toBeUndefined()
  })

  it('can be stopped before it was started, and twice', async () => {
    const listener = createListener(
      {
        name: 'never',
        host: '127.0.0.1',
        port: 0,
        tls: undefined,
        http2: false,
        securityHeaders: [],
        limits: LIMITS,
      },
      context,
    )
    await listener.stop(LONG_MS)
    await listener.stop(LONG_MS)
    expect(listener.address).toEqual({ host: '127.0.0.1', port: 0 })
  })
})
