// MCP over WebSocket: who gets one, what is said on it, and how it ends. What it shares with HTTP+SSE is tested there.
import { describe, expect, it } from 'vitest'
import type { Exchange } from '../../../../src/core/index.ts'
import {
  connectWebSocket,
  upgradeRequest,
  type Client,
} from '../../../listener/websocket-frames.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { rawHttp } from '../../../support/raw-http.ts'
import { until } from '../../../support/servers.ts'
import {
  answerEmpty,
  answerJson,
  INITIALIZE,
  INITIALIZED,
  messageOf,
  ping,
  scriptedServer,
} from './sse-client.ts'
import { startChannels, type TestChannels } from './start-channels.ts'

const say = ({ webSocket }: Client, message: object): void => {
  webSocket.send(JSON.stringify(message))
}

async function heard({ received }: Client, count: number): Promise<object> {
  await until(() => received.length >= count, `message ${count}`)
  return JSON.parse(received[count - 1] ?? '') as object
}

/** Connects and initializes; the answer is the first message. */
async function connect({ listener }: TestChannels): Promise<Client> {
  const client = await connectWebSocket(listener)
  say(client, INITIALIZE)
  await heard(client, 1)
  say(client, INITIALIZED)
  return client
}

describe('an upgrade', () => {
  it.each([
    ['where the route has no WebSocket', {}, { webSocket: false }, 400, 'GW_BAD_FRAMING'],
    [
      'without the subprotocol',
      { 'sec-websocket-protocol': 'soap' },
      {},
      400,
      'GW_WEBSOCKET_HANDSHAKE',
    ],
    [
      'without any subprotocol',
      { 'sec-websocket-protocol': undefined },
      {},
      400,
      'GW_WEBSOCKET_HANDSHAKE',
    ],
    ['from a foreign page', { origin: 'https://evil.example' }, {}, 403, 'GW_ORIGIN_NOT_ALLOWED'],
    ['for a foreign host', { host: 'evil.example' }, {}, 403, 'GW_HOST_NOT_ALLOWED'],
  ])('is refused %s', async (_, fields, options, status, code) => {
    const { listener, handled } = await startChannels({ handle: scriptedServer(), options })
    const answer = await rawHttp(listener.target, upgradeRequest(fields))
    expect(answer?.status).toBe(status)
    expect(answer?.body).toContain(code)
    expect(handled).toHaveLength(0)
  })

  it('is refused where no route is', async () => {
    const { listener } = await startChannels({ handle: scriptedServer() })
    const answer = await rawHttp(listener.target, upgradeRequest({}, 'GET /nowhere HTTP/1.1'))
    expect(answer?.status).toBe(404)
  })

  it('is granted to the page of the gateway itself, and to one that offers more', async () => {
    const { listener } = await startChannels({ handle: scriptedServer() })
    const fields = { origin: 'http://localhost', 'sec-websocket-protocol': 'other, mcp' }
    const answer = await rawHttp(listener.target, upgradeRequest(fields))
    expect(answer?.status).toBe(101)
    expect(answer?.headers['sec-websocket-protocol']).toBe('mcp')
  })

  it('is refused when as many channels are open as there may be', async () => {
    const scene = await startChannels({ handle: scriptedServer(), channelLimits: { maxOpen: 1 } })
    await connect(scene)
    const answer = await rawHttp(scene.listener.target, upgradeRequest())
    expect(answer?.status).toBe(503)
    expect(answer?.body).toContain('GW_TOO_MANY_CHANNELS')
  })
})

describe('a message', () => {
  it('reaches the endpoint as one of Streamable HTTP would, without what was of the upgrade', async () => {
    const scene = await startChannels({ handle: scriptedServer() })
    const client = await connect(scene)
    say(client, ping(1))
    expect(await heard(client, 2)).toEqual({ jsonrpc: '2.0', id: 1, result: {} })
    const exchange = scene.handled.at(-1)
    expect(`${exchange?.method} ${exchange?.path}`).toBe('POST /mcp')
    expect(exchange?.webSocket).toBeUndefined()
    expect(exchange?.isVirtual).toBe(true)
    expect(exchange?.header('mcp-session-id')).toBe('secret-session')
    const names = exchange?.rawHeaders.filter((_, at) => at % 2 === 0).map((it) => it.toLowerCase())
    expect(names).toContain('content-type')
    for (const name of ['upgrade', 'connection', 'sec-websocket-key', 'sec-websocket-version']) {
      expect(names).not.toContain(name)
      expect(exchange?.header(name)).toBeUndefined()
    }
    const ids = scene.handled.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('that is one too many is answered with an error of its own', async () => {
    const open: Exchange[] = []
    const scene = await startChannels({
      handle: scriptedServer((it) => open.push(it)),
      channelLimits: { maxCalls: 1 },
    })
    const client = await connect(scene)
    say(client, ping('a'))
    say(client, ping('b'))
    expect(await heard(client, 2)).toMatchObject({
      id: 'b',
      error: { data: { code: 'GW_CHANNEL_FULL' } },
    })
    if (open[0]) answerJson(open[0], { jsonrpc: '2.0', id: 'a', result: {} })
    expect(await heard(client, 3)).toMatchObject({ id: 'a' })
    expect(open).toHaveLength(1)
  })

  it('that is too long ends the connection', async () => {
    const scene = await startChannels({
      handle: scriptedServer(),
      limits: { maxBodyBytes: 1_000 },
    })
    const client = await connect(scene)
    client.webSocket.send('x'.repeat(1_001))
    expect((await client.closed).code).toBe(1009)
    await until(() => scene.channels.size === 0, 'the end of the channel')
  })

  it('in bytes ends the connection', async () => {
    const scene = await startChannels({ handle: scriptedServer() })
    const client = await connect(scene)
    client.webSocket.send(Buffer.from(JSON.stringify(ping(1))), { binary: true })
    expect((await client.closed).code).toBe(1003)
    await until(() => scene.handled.at(-1)?.method === 'DELETE', 'the end of the session')
  })
})

describe('a client that sends more than the server takes', () => {
  it('is not read any further, and nothing of it is lost', async () => {
    const taken: Exchange[] = []
    let isHolding = true
    const scene = await startChannels({
      channelLimits: { maxCalls: 10 },
      handle: (exchange) => {
        taken.push(exchange)
        if (!isHolding) answerEmpty(exchange, 202)
      },
    })
    const client = await connectWebSocket(scene.listener)
    const total = 12_000
    const text = 'x'.repeat(1_000)
    for (let n = 0; n < total; n++) {
      say(client, { jsonrpc: '2.0', method: 'n', params: { n, text } })
    }
    let still = -1
    await until(async () => {
      const before = still
      still = client.webSocket.bufferedAmount
      await new Promise((resolve) => setTimeout(resolve, 50))
      return before === still
    }, 'the client to be held back')
    expect(client.webSocket.bufferedAmount).toBeGreaterThan(0)
    expect(taken).toHaveLength(10)
    isHolding = false
    for (const exchange of taken.slice(0, 10)) answerEmpty(exchange, 202)
    await until(() => taken.length === total, 'all of them', 20_000)
    const messages = await Promise.all(taken.map(messageOf))
    const misplaced = messages.findIndex(({ params }, at) => (params as { n: number }).n !== at)
    expect(misplaced).toBe(-1)
    expect(client.received).toEqual([])
  }, 30_000)

  it('and does not read is not read either', async () => {
    const text = 'x'.repeat(50_000)
    const scene = await startChannels({
      handle: scriptedServer((exchange, { id }) =>
        answerJson(exchange, { jsonrpc: '2.0', id, result: { text } }),
      ),
    })
    const client = await connect(scene)
    client.webSocket.pause()
    const total = 400
    for (let id = 0; id < total; id++) say(client, { ...ping(id), params: { text } })
    let last = -1
    await until(async () => {
      const isStill = scene.handled.length === last && last > 3
      last = scene.handled.length
      await new Promise((resolve) => setTimeout(resolve, 50))
      return isStill
    }, 'the client to be held back')
    expect(scene.handled.length).toBeLessThan(total)
    client.webSocket.resume()
    await until(() => client.received.length === total + 1, 'all answers', 20_000)
  }, 30_000)
})

describe('the connection', () => {
  it('is asked for signs of life, and cut when there are none', async () => {
    const clock = manualClock()
    const scene = await startChannels({ handle: scriptedServer(), clock })
    const client = await connectWebSocket(scene.listener, { autoPong: false })
    let pings = 0
    client.webSocket.on('ping', () => {
      pings += 1
    })
    clock.advance(15_000)
    await until(() => pings === 1, 'the ping')
    clock.advance(15_000)
    expect((await client.closed).code).toBe(1006)
    await until(() => scene.channels.size === 0, 'the end of the channel')
    expect(scene.reports.at(-1)?.outcome).toBe('client-gone')
    expect(clock.pending).toBe(0)
  })

  it('ends with the gateway once what is under way is answered', async () => {
    const open: Exchange[] = []
    const scene = await startChannels({ handle: scriptedServer((it) => open.push(it)) })
    const idle = await connect(scene)
    const busy = await connect(scene)
    say(busy, ping(1))
    await until(() => open.length === 1, 'the exchange')
    const stopped = scene.listener.listener.stop(60_000)
    scene.channels.drain()
    expect((await idle.closed).code).toBe(1001)
    say(busy, ping(2))
    expect(await heard(busy, 2)).toMatchObject({ id: 2, error: { data: { code: 'GW_DRAINING' } } })
    if (open[0]) answerJson(open[0], { jsonrpc: '2.0', id: 1, result: {} })
    expect(await heard(busy, 3)).toMatchObject({ id: 1, result: {} })
    expect((await busy.closed).code).toBe(1001)
    await stopped
    expect(scene.counts).toEqual(['+websocket', '+websocket', '-websocket', '-websocket'])
  })

  it('is closed with 1011 when the server no longer knows the session', async () => {
    const scene = await startChannels({
      handle: scriptedServer((exchange) => answerEmpty(exchange, 404)),
    })
    const client = await connect(scene)
    say(client, ping(1))
    expect((await client.closed).code).toBe(1011)
    expect(client.received).toHaveLength(2)
  })

  it('takes what is under way with it when the client leaves, and ends the session', async () => {
    const ends: string[] = []
    const scene = await startChannels({
      handle: scriptedServer(({ answer }) => answer.onClose((end) => ends.push(end))),
    })
    const client = await connect(scene)
    say(client, ping(1))
    await until(() => scene.handled.length === 4, 'the exchange')
    client.webSocket.terminate()
    await until(() => scene.handled.at(-1)?.method === 'DELETE', 'the end of the session')
    await until(() => ends.length === 1, 'the endpoint to be told')
    expect(ends).toEqual(['client-gone'])
  })
})
