// The session that the client of a channel is in without seeing it: its streams, its end, and answers that are gone on with.
import { describe, expect, it } from 'vitest'
import type { Exchange } from '../../../../src/core/index.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { until } from '../../../support/servers.ts'
import {
  answerEmpty,
  answerJson,
  event,
  EVENT_STREAM,
  heldEndpoint,
  INITIALIZE,
  openSession,
  openSse,
  ping,
  result,
  scriptedServer,
} from './sse-client.ts'
import { startChannels } from './start-channels.ts'

describe('a session', () => {
  it('gets a stream for what the server says of its own accord, and gets it again', async () => {
    const clock = manualClock()
    const streams: Exchange[] = []
    const server = scriptedServer()
    const { url } = await startChannels({
      clock,
      handle: (exchange) => {
        if (exchange.method !== 'GET') server(exchange)
        else {
          streams.push(exchange)
          exchange.answer.start(200, EVENT_STREAM)
        }
      },
    })
    const client = await openSession(`${url}/mcp`)
    await until(() => streams.length === 1, 'the stream')
    expect(streams[0]?.header('accept')).toBe('text/event-stream')
    expect(streams[0]?.header('mcp-session-id')).toBe('secret-session')
    const note = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }
    streams[0]?.answer.write(Buffer.from('id: 7\nretry: 200\n\n'))
    streams[0]?.answer.write(event(note))
    expect(await client.message(2)).toEqual(note)
    streams[0]?.answer.end()
    clock.advance(199)
    expect(streams).toHaveLength(1)
    clock.advance(1)
    await until(() => streams.length === 2, 'the stream anew')
    expect(streams[1]?.header('last-event-id')).toBe('7')
    // Longer and longer apart while nothing comes of it.
    streams[1]?.answer.abort()
    clock.advance(399)
    expect(streams).toHaveLength(2)
    clock.advance(1)
    expect(streams).toHaveLength(3)
    streams[2]?.answer.abort()
    client.leave()
    await until(() => clock.pending === 0, 'no timer left')
  })

  it('goes without where the server has no such stream', async () => {
    const clock = manualClock()
    const { url, handled } = await startChannels({ clock, handle: scriptedServer() })
    const client = await openSession(`${url}/mcp`)
    await until(() => handled.some(({ method }) => method === 'GET'), 'the stream')
    clock.advance(600_000)
    await client.post(ping(1))
    await client.message(2)
    expect(handled.filter(({ method }) => method === 'GET')).toHaveLength(1)
  })

  it('is ended when the client leaves, and so is all that is under way', async () => {
    const held = heldEndpoint()
    const ends: string[] = []
    const { url, handled } = await startChannels({
      handle: scriptedServer((exchange) => {
        exchange.answer.onClose((end) => ends.push(end))
        held.handle(exchange)
      }),
    })
    const client = await openSession(`${url}/mcp`)
    await client.post(ping(1))
    await until(() => held.open.length === 1, 'the exchange')
    client.leave()
    await until(() => handled.at(-1)?.method === 'DELETE', 'the end of the session')
    expect(handled.at(-1)?.header('mcp-session-id')).toBe('secret-session')
    expect(handled.at(-1)?.header('mcp-protocol-version')).toBe('2025-11-25')
    await until(() => ends.length === 1, 'the endpoint to be told')
    expect(ends).toEqual(['client-gone'])
  })

  it('is ended although its id comes after the client has left', async () => {
    const { open, handle } = heldEndpoint()
    const { url, channels } = await startChannels({ handle })
    const client = await openSse(`${url}/mcp`)
    await client.post(INITIALIZE)
    client.leave()
    await until(() => channels.size === 0, 'the end of the channel')
    expect(open).toHaveLength(1)
    if (open[0]) answerJson(open[0], result('init'), { headers: ['Mcp-Session-Id', 'late'] })
    await until(() => open.length === 2, 'the end of the session')
    expect(open[1]).toMatchObject({ method: 'DELETE' })
    expect(open[1]?.header('mcp-session-id')).toBe('late')
  })

  it('takes the channel with it when the server no longer knows it', async () => {
    const { url, handled, channels } = await startChannels({
      handle: scriptedServer((exchange) => answerEmpty(exchange, 404)),
    })
    const client = await openSession(`${url}/mcp`)
    await client.post(ping(1))
    await client.closed
    expect(await client.message(2)).toMatchObject({
      id: 1,
      error: { data: { code: 'GW_SESSION_NOT_FOUND' } },
    })
    await until(() => channels.size === 0, 'the end of the channel')
    expect(handled.some(({ method }) => method === 'DELETE')).toBe(false)
  })

  it('is left for another when the client initializes again', async () => {
    let count = 0
    const { url, handled } = await startChannels({
      handle: (exchange) => {
        count += 1
        if (exchange.method !== 'POST') answerEmpty(exchange, 405)
        else
          answerJson(exchange, result('init'), { headers: ['mcp-session-id', `number ${count}`] })
      },
    })
    const client = await openSse(`${url}/mcp`)
    await client.post(INITIALIZE)
    await client.message(1)
    await client.post(INITIALIZE)
    await client.message(2)
    await until(() => handled.length === 3, 'the end of the first')
    const sessions = handled.map((it) => `${it.method} ${it.header('mcp-session-id')}`)
    expect(sessions).toEqual(['POST undefined', 'POST undefined', 'DELETE number 1'])
  })
})

describe('an answer whose stream ends early', () => {
  it('is gone on with where it carries ids, at the time the server says', async () => {
    const clock = manualClock()
    const held = heldEndpoint()
    const streams: Exchange[] = []
    const server = scriptedServer(held.handle)
    const { url } = await startChannels({
      clock,
      handle: (exchange) => {
        if (exchange.header('last-event-id') === undefined) server(exchange)
        else streams.push(exchange)
      },
    })
    const client = await openSession(`${url}/mcp`)
    await client.post(ping(1))
    await until(() => held.open.length === 1, 'the exchange')
    held.open[0]?.answer.start(200, EVENT_STREAM)
    held.open[0]?.answer.end(Buffer.from('id: s1-0\nretry: 300\ndata:\n\n'))
    clock.advance(300)
    await until(() => streams.length === 1, 'the stream')
    expect(streams[0]?.header('last-event-id')).toBe('s1-0')
    streams[0]?.answer.start(200, EVENT_STREAM)
    streams[0]?.answer.write(Buffer.concat([Buffer.from('id: s1-1\n'), event(result(1, { a: 1 }))]))
    expect(await client.message(2)).toEqual(result(1, { a: 1 }))
    await until(() => streams[0]?.answer.closed === true, 'the end of the stream')
    clock.advance(60_000)
    expect(streams).toHaveLength(1)
  })

  it('fails its request when it cannot be gone on with', async () => {
    const clock = manualClock()
    let pulls = 0
    const server = scriptedServer(({ answer }) => {
      answer.start(200, EVENT_STREAM)
      answer.end(Buffer.from('id: 1\ndata:\n\n'))
    })
    const { url } = await startChannels({
      clock,
      handle: (exchange) => {
        if (exchange.header('last-event-id') === undefined) server(exchange)
        else {
          pulls += 1
          exchange.answer.abort()
        }
      },
    })
    const client = await openSession(`${url}/mcp`)
    await client.post(ping(1))
    await until(() => {
      clock.advance(30_000)
      return client.messages.length === 2
    }, 'the failure')
    expect(await client.message(2)).toMatchObject({
      id: 1,
      error: { data: { code: 'GW_UPSTREAM_BROKEN' } },
    })
    expect(pulls).toBe(6)
  })
})
