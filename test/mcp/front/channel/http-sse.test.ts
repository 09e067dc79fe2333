// HTTP+SSE: what opens a channel, who may post to it, what comes of a post, and how it ends.
import { describe, expect, it } from 'vitest'
import type { Exchange } from '../../../../src/core/index.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { until } from '../../../support/servers.ts'
import {
  answerEmpty,
  answerJson,
  INITIALIZE,
  openSession,
  openSse,
  ping,
  post,
  scriptedServer,
} from './sse-client.ts'
import { startChannels } from './start-channels.ts'

const CHANNEL = /^\?sallyport-channel=[\w-]+$/

describe('a GET', () => {
  it('for an event stream is answered with one that says where to post', async () => {
    const { url, handled, counts } = await startChannels({ handle: scriptedServer() })
    const client = await openSse(`${url}/mcp`)
    expect(client.status).toBe(200)
    expect(client.bytes()).toMatch(/^event: endpoint\ndata: \?sallyport-channel=[\w-]+\n\n$/)
    expect(handled).toHaveLength(0)
    expect(counts).toEqual(['+http-sse'])
  })

  it('keeps its own query in where to post, but not an earlier channel', async () => {
    const { url } = await startChannels({ handle: scriptedServer() })
    const client = await openSse(`${url}/mcp?a=1&sallyport-channel=old&b=2`)
    expect(client.reference()).toMatch(/^\?a=1&b=2&sallyport-channel=[\w-]+$/)
  })

  it.each([
    ['/mcp', 'http://gateway/mcp'],
    ['/tenants/7/tools', 'http://gateway/tenants/7/tools'],
    ['/trailing/', 'http://gateway/trailing/'],
    ['/mcp?key=1', 'http://gateway/mcp'],
  ])('says it so that every URL that led here works: %s', async (path, expected) => {
    const { url } = await startChannels({ handle: scriptedServer() })
    const client = await openSse(`${url}/mcp`)
    const resolved = new URL(client.reference(), `http://gateway${path}`)
    expect(resolved.origin + resolved.pathname).toBe(expected)
    expect(resolved.search).toMatch(CHANNEL)
  })

  it.each([
    ['a session', { 'mcp-session-id': 'x' }],
    ['a version', { 'mcp-protocol-version': '2025-06-18' }],
    ['an event id', { 'last-event-id': '1' }],
    ['anything else accepted', { accept: '*/*' }],
    ['JSON accepted', { accept: 'application/json' }],
  ])('goes to the endpoint with %s', async (_, headers) => {
    const { url, handled } = await startChannels({ handle: (it) => answerEmpty(it, 405) })
    expect((await openSse(`${url}/mcp`, { headers })).status).toBe(405)
    expect(handled).toHaveLength(1)
  })

  it('goes to the endpoint where HTTP+SSE is off, and a POST with a channel too', async () => {
    const { url, handled } = await startChannels({
      handle: (it) => answerEmpty(it, 405),
      options: { httpSse: false },
    })
    expect((await openSse(`${url}/mcp`)).status).toBe(405)
    expect((await post(`${url}/mcp?sallyport-channel=x`, ping(1))).status).toBe(405)
    expect(handled).toHaveLength(2)
  })

  it('takes any list of accepted types that has event streams in it', async () => {
    const { url } = await startChannels({ handle: scriptedServer() })
    const headers = { accept: 'application/json, text/event-stream;q=0.9' }
    expect((await openSse(`${url}/mcp`, { headers })).reference()).toMatch(CHANNEL)
  })

  it('is refused when as many channels are open as there may be', async () => {
    const { url, reports } = await startChannels({
      handle: scriptedServer(),
      channelLimits: { maxOpen: 1 },
    })
    const first = await openSse(`${url}/mcp`)
    const second = await openSse(`${url}/mcp`)
    expect(second.status).toBe(503)
    expect(second.body).toContain('GW_TOO_MANY_CHANNELS')
    expect(reports[0]).toMatchObject({ outcome: 'failed', error: { code: 'GW_TOO_MANY_CHANNELS' } })
    first.leave()
    await until(async () => (await openSse(`${url}/mcp`)).status === 200, 'a place')
  })

  it('from a foreign page is refused', async () => {
    const { url } = await startChannels({ handle: scriptedServer() })
    const headers = { origin: 'https://evil.example' }
    expect((await openSse(`${url}/mcp`, { headers })).status).toBe(403)
  })
})

describe('a POST to a channel', () => {
  it('is accepted at once and answered on the stream', async () => {
    const open: Exchange[] = []
    const { url } = await startChannels({ handle: scriptedServer((it) => open.push(it)) })
    const client = await openSession(`${url}/mcp`)
    expect(await client.post(ping(7))).toEqual({ status: 202, body: '' })
    await until(() => open.length === 1, 'the exchange')
    expect(client.messages).toHaveLength(1)
    if (open[0]) answerJson(open[0], '{"jsonrpc":"2.0","id":7,"result":{"n":9007199254740993.0}}')
    await until(() => client.messages.length === 2, 'the answer')
    // As it was written, down to the last digit.
    expect(client.messages[1]).toBe('{"jsonrpc":"2.0","id":7,"result":{"n":9007199254740993.0}}')
  })

  it('reaches the endpoint as one of Streamable HTTP would, with the session and the version', async () => {
    const { url, handled } = await startChannels({ handle: scriptedServer() })
    const client = await openSession(`${url}/mcp`)
    await client.post(ping(1), {
      'x-trace': 'abc',
      'accept-encoding': 'gzip',
      'mcp-name': 'forged',
    })
    await client.message(2)
    const exchange = handled.at(-1)
    const asked = (name: string): string | undefined => exchange?.header(name)
    expect(exchange).toMatchObject({ method: 'POST', path: '/mcp', query: '', httpVersion: '1.1' })
    expect(asked('content-type')).toBe('application/json')
    expect(asked('accept')).toBe('application/json, text/event-stream')
    expect(asked('accept-encoding')).toBe('identity')
    expect(asked('mcp-session-id')).toBe('secret-session')
    expect(asked('mcp-protocol-version')).toBe('2025-11-25')
    expect(asked('mcp-name')).toBeUndefined()
    expect(asked('x-trace')).toBe('abc')
    const names = exchange?.rawHeaders.filter((_, at) => at % 2 === 0).map((it) => it.toLowerCase())
    expect(new Set(names).size).toBe(names?.length)
    expect(names).not.toContain('mcp-name')
    expect(client.bytes()).not.toContain('secret-session')
  })

  it.each([
    ['made up', () => 'AAAA'],
    ['tampered with', (id: string) => id.slice(0, -2) + (id.endsWith('AA') ? 'BB' : 'AA')],
    ['empty', () => ''],
    ['endless', () => 'A'.repeat(5_000)],
  ])('finds nothing under an id that is %s', async (_, change) => {
    const { url, handled, reports } = await startChannels({ handle: scriptedServer() })
    const client = await openSse(`${url}/mcp`)
    const id = client.reference().split('=')[1] ?? ''
    const refused = await post(`${url}/mcp?sallyport-channel=${change(id)}`, ping(1))
    expect(refused.status).toBe(404)
    expect(refused.body).toContain('GW_CHANNEL_NOT_FOUND')
    expect(handled).toHaveLength(0)
    expect(reports).toMatchObject([{ outcome: 'failed', error: { code: 'GW_CHANNEL_NOT_FOUND' } }])
  })

  it('finds nothing for another caller, on another route, and when the stream is gone', async () => {
    const { url, handled, channels } = await startChannels({ handle: scriptedServer() })
    const client = await openSse(`${url}/mcp`)
    const target = `${url}/mcp${client.reference()}`
    const stranger = await post(target, ping(1), { localAddress: '127.0.0.2' })
    const elsewhere = await post(target.replace('/mcp', '/other'), ping(1))
    expect([stranger.status, elsewhere.status]).toEqual([404, 404])
    expect((await post(target, ping(1))).status).toBe(202)
    client.leave()
    await until(() => channels.size === 0, 'the end of the channel')
    expect((await post(target, ping(1))).status).toBe(404)
    expect(handled).toHaveLength(1)
  })

  it('of something else than JSON, or too much of it, is refused', async () => {
    const { url } = await startChannels({
      handle: scriptedServer(),
      limits: { maxBodyBytes: 1_000 },
    })
    const client = await openSse(`${url}/mcp`)
    expect((await client.post('x', { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await client.post(ping(1), { 'content-encoding': 'gzip' })).status).toBe(415)
    expect((await client.post('x'.repeat(1_001))).status).toBe(413)
    expect((await client.post(ping(1), { origin: 'https://evil.example' })).status).toBe(403)
  })

  it('is refused while as many requests are under way as there may be', async () => {
    const open: Exchange[] = []
    const { url } = await startChannels({
      handle: scriptedServer((it) => open.push(it)),
      channelLimits: { maxCalls: 2 },
    })
    const client = await openSession(`${url}/mcp`)
    const statuses = [await client.post(ping(1)), await client.post(ping(2))].map((it) => it.status)
    const third = await client.post(ping(3))
    expect([...statuses, third.status]).toEqual([202, 202, 503])
    expect(JSON.parse(third.body)).toMatchObject({
      id: 3,
      error: { data: { code: 'GW_CHANNEL_FULL' } },
    })
    // What the server waits for must get through all the same.
    const response = { jsonrpc: '2.0', id: 's1', result: {} }
    expect((await client.post(response)).status).toBe(202)
    await until(() => open.length === 2, 'the exchanges')
    if (open[0]) answerJson(open[0], { jsonrpc: '2.0', id: 1, result: {} })
    await client.message(2)
    expect((await client.post(ping(3))).status).toBe(202)
  })
})

describe('the stream', () => {
  it('is kept alive with comments while it is quiet', async () => {
    const clock = manualClock()
    const { url } = await startChannels({ handle: scriptedServer(), clock })
    const client = await openSse(`${url}/mcp`)
    clock.advance(15_000)
    await until(() => client.bytes().endsWith('\n\n: keep-alive\n'), 'the comment')
    await client.post(INITIALIZE)
    await client.message(1)
    const { length } = client.bytes()
    clock.advance(15_000)
    expect(client.bytes()).toHaveLength(length)
    clock.advance(15_000)
    await until(() => client.bytes().length > length, 'the next comment')
    client.leave()
    await until(() => clock.pending === 0, 'no timer left')
  })

  it('ends with the gateway once what is under way is answered', async () => {
    const open: Exchange[] = []
    const { url, channels, reports } = await startChannels({
      handle: scriptedServer((it) => open.push(it)),
    })
    const idle = await openSse(`${url}/mcp`)
    const busy = await openSession(`${url}/mcp`)
    await busy.post(ping(1))
    await until(() => open.length === 1, 'the exchange')
    channels.drain()
    await idle.closed
    expect((await busy.post(ping(2))).status).toBe(503)
    expect((await openSse(`${url}/mcp`)).status).toBe(503)
    expect(busy.isClosed()).toBe(false)
    if (open[0]) answerJson(open[0], { jsonrpc: '2.0', id: 1, result: {} })
    await busy.closed
    expect(busy.messages).toHaveLength(2)
    await until(() => channels.size === 0, 'the end of both')
    const ended = reports.filter(({ error }) => error === undefined)
    expect(ended.map(({ outcome }) => outcome)).toEqual(['answered', 'answered'])
  })

  it('holds the endpoint back while its client is behind', async () => {
    const chunk = `data: {"jsonrpc":"2.0","method":"x","params":{"text":"${'x'.repeat(60_000)}"}}\n\n`
    let written = 0
    let drains = 0
    const { url } = await startChannels({
      handle: scriptedServer(({ answer }) => {
        answer.start(200, ['content-type', 'text/event-stream'])
        const pump = (): void => {
          while (written < 200) {
            written += 1
            if (!answer.write(Buffer.from(chunk))) return
          }
          answer.end(Buffer.from('data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'))
        }
        answer.onDrain(() => {
          drains += 1
          pump()
        })
        pump()
      }),
    })
    const client = await openSession(`${url}/mcp`)
    client.pause()
    await client.post(ping(1))
    let last = -1
    // The kernel's buffers fill up; then nothing more is written.
    await until(async () => {
      const isStill = written === last && written > 0
      last = written
      await new Promise((resolve) => setTimeout(resolve, 50))
      return isStill
    }, 'the endpoint to be held back')
    expect(written).toBeLessThan(200)
    client.resume()
    await until(() => client.messages.length === 202, 'all messages', 10_000)
    expect(drains).toBeGreaterThan(0)
  })

  it('is cut when its client does not read, and the endpoint hears of it', async () => {
    const ends: string[] = []
    const { url, channels, reports } = await startChannels({
      listener: { limits: { slowReaderTimeoutMs: 100 } },
      channelLimits: { maxMessageBytes: 100_000_000 },
      handle: scriptedServer(({ answer }) => {
        answer.onClose((end) => ends.push(end))
        answer.start(200, ['content-type', 'text/event-stream'])
        const text = 'x'.repeat(20_000_000)
        answer.write(Buffer.from(`data: {"jsonrpc":"2.0","method":"${text}"}\n\n`))
      }),
    })
    const client = await openSession(`${url}/mcp`)
    client.pause()
    await client.post(ping(1))
    await until(() => channels.size === 0, 'the end of the channel')
    await until(() => ends.length === 1, 'the endpoint to be told')
    expect(ends).toEqual(['client-gone'])
    expect(reports.at(-1)?.outcome).toBe('client-gone')
  })
})
