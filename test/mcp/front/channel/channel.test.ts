// A channel between its client and the endpoint: what waits for the handshake, what answers become, and what a cancellation does.
// Seen over HTTP+SSE; the other transport shares it.
import { describe, expect, it } from 'vitest'
import type { Exchange } from '../../../../src/core/index.ts'
import { modernRequest } from '../../../support/mcp-messages.ts'
import { until } from '../../../support/servers.ts'
import {
  answerEmpty,
  answerJson,
  event,
  EVENT_STREAM,
  heldEndpoint,
  INITIALIZE,
  INITIALIZED,
  messageOf,
  openSession,
  openSse,
  ping,
  result,
  scriptedServer,
} from './sse-client.ts'
import { startChannels } from './start-channels.ts'

describe('the handshake', () => {
  it('is over before anything behind it is passed on; answers of the client do not wait', async () => {
    const { open, handle } = heldEndpoint()
    const { url } = await startChannels({ handle })
    const client = await openSse(`${url}/mcp`)
    await client.post(INITIALIZE)
    await client.post(ping(1))
    await client.post(INITIALIZED)
    await client.post(result('asked'))
    expect(await Promise.all(open.map(messageOf))).toEqual([INITIALIZE, result('asked')])
    if (open[0]) answerJson(open[0], result('init', { protocolVersion: '2025-06-18' }))
    await until(() => open.length === 4, 'what waited')
    expect(await Promise.all(open.slice(2).map(messageOf))).toEqual([ping(1), INITIALIZED])
    await client.post(ping(2))
    expect(open).toHaveLength(4)
    if (open[3]) answerEmpty(open[3], 202)
    await until(() => open.length === 5, 'what waited for the rest of the handshake')
    expect(open[4]?.header('mcp-protocol-version')).toBe('2025-06-18')
  })

  it('lets the rest pass when it fails', async () => {
    const { open, handle } = heldEndpoint()
    const { url } = await startChannels({ handle })
    const client = await openSse(`${url}/mcp`)
    await client.post(INITIALIZE)
    await client.post(ping(1))
    open[0]?.answer.abort()
    await until(() => open.length === 2, 'what waited')
    expect(await client.message(1)).toMatchObject({ id: 'init', error: { code: -32603 } })
    expect(open[1]?.header('mcp-protocol-version')).toBeUndefined()
  })

  it('does not wait for the end of the stream that its answer came on', async () => {
    const { open, handle } = heldEndpoint()
    const { url } = await startChannels({ handle })
    const client = await openSse(`${url}/mcp`)
    await client.post(INITIALIZE)
    await client.post(ping(1))
    open[0]?.answer.start(200, EVENT_STREAM)
    open[0]?.answer.write(event(result('init', { protocolVersion: '2025-06-18' })))
    await until(() => open.length === 2, 'what waited')
    expect(open[0]?.answer.closed).toBe(false)
  })

  it('refuses what is more than it keeps waiting', async () => {
    const { handle } = heldEndpoint()
    const { url } = await startChannels({ handle, limits: { maxBodyBytes: 5_000_000 } })
    const client = await openSse(`${url}/mcp`)
    await client.post(INITIALIZE)
    const big = { ...ping(1), params: { text: 'x'.repeat(4_500_000) } }
    expect((await client.post(big)).status).toBe(202)
    const refused = await client.post({ ...big, id: 2 })
    expect(refused.status).toBe(503)
    expect(refused.body).toContain('GW_CHANNEL_FULL')
  })
})

describe('an answer', () => {
  const json = ['content-type', 'application/json']
  const nameless = { jsonrpc: '2.0', error: { code: -32_000, message: 'No', data: { n: 1 } } }

  /** What the client hears of a request that is answered like this. */
  async function heardOf(status: number, headers: string[], body: string): Promise<string> {
    const { url } = await startChannels({
      handle: scriptedServer(({ answer }) => {
        answer.start(status, headers)
        answer.end(Buffer.from(body))
      }),
    })
    const client = await openSession(`${url}/mcp`)
    await client.post(ping(1))
    await client.message(2)
    // And nothing else.
    await client.post(INITIALIZED)
    expect(client.messages).toHaveLength(2)
    return client.messages[1] ?? ''
  }

  it.each([
    ['as it is', 200, '{"id":1,"jsonrpc":"2.0","result":{}}', undefined],
    ['as it is, be it an error', 400, '{"id":1,"jsonrpc":"2.0","error":{"code":-1}}', undefined],
    [
      'in one line',
      200,
      '{\n"id":1,\r\n"jsonrpc":"2.0","result":{}}',
      '{ "id":1,  "jsonrpc":"2.0","result":{}}',
    ],
    [
      'without byte order mark',
      200,
      '\ufeff{"id":1,"jsonrpc":"2.0","result":{}}',
      '{"id":1,"jsonrpc":"2.0","result":{}}',
    ],
  ])('comes through %s', async (_, status, body, expected) => {
    expect(await heardOf(status, json, body)).toBe(expected ?? body)
  })

  it.each([
    ['without id', nameless],
    ['whose id is null', { ...nameless, id: null }],
  ])('that is an error %s is given that of the request', async (_, body) => {
    const message: unknown = JSON.parse(await heardOf(400, json, JSON.stringify(body)))
    expect(message).toEqual({ ...nameless, id: 1 })
  })

  const big = 'x'.repeat(1_000_000)

  it.each([
    ['text', 502, ['content-type', 'text/html'], '<h1>Bad</h1>', 'GW_UPSTREAM_PROTOCOL'],
    ['nothing', 200, [], '', 'GW_UPSTREAM_BROKEN'],
    ['no JSON', 200, json, '{"id":1', 'GW_UPSTREAM_BROKEN'],
    ['JSON that is no message', 200, json, '"done"', 'GW_UPSTREAM_BROKEN'],
    [
      'compressed',
      200,
      [...json, 'content-encoding', 'gzip'],
      '{"id":1,"jsonrpc":"2.0","result":{}}',
      'GW_UPSTREAM_BROKEN',
    ],
    ['more than may be held', 200, json, `{"t":"${big}"}`, 'GW_ANSWER_TOO_LARGE'],
    ['a longer event', 200, EVENT_STREAM, `data: "${big}"\n\n`, 'GW_ANSWER_TOO_LARGE'],
  ])('that is %s fails the request', async (_, status, headers, body, code) => {
    const message: unknown = JSON.parse(await heardOf(status, headers, body))
    expect(message).toMatchObject({ jsonrpc: '2.0', id: 1, error: { data: { code } } })
  })

  it('to a message that nobody could read has no id', async () => {
    const error = { jsonrpc: '2.0', error: { code: -32_700, message: 'no JSON' } }
    const { url } = await startChannels({
      handle: (exchange) => answerJson(exchange, error, { status: 400 }),
    })
    const client = await openSse(`${url}/mcp`)
    expect((await client.post('{')).status).toBe(202)
    expect(await client.message(1)).toEqual(error)
  })

  it('in events comes as messages in their order, be they questions of the server', async () => {
    const said = [
      { jsonrpc: '2.0', method: 'notifications/progress', params: {} },
      { jsonrpc: '2.0', id: 1, method: 'sampling/createMessage', params: {} },
      result(1),
    ]
    const { url } = await startChannels({
      handle: scriptedServer(({ answer }) => {
        answer.start(200, EVENT_STREAM)
        answer.write(Buffer.from(': comment\nevent: other\ndata: {"jsonrpc":"2.0"}\n\n'))
        for (const message of said) answer.write(event(message))
        answer.end()
      }),
    })
    const client = await openSession(`${url}/mcp`)
    await client.post(ping(1))
    await until(() => client.messages.length === 4, 'all of them')
    expect(client.messages.slice(1).map((it) => JSON.parse(it) as unknown)).toEqual(said)
  })

  it('of a batch is one for each of its requests', async () => {
    const { url } = await startChannels({
      handle: ({ answer, method }) => {
        if (method !== 'POST') return
        answer.start(200, EVENT_STREAM)
        answer.write(event(result('a')))
        answer.end()
      },
    })
    const client = await openSse(`${url}/mcp`)
    await client.post([ping('a'), ping('b'), INITIALIZED])
    expect(await client.message(1)).toEqual(result('a'))
    expect(await client.message(2)).toMatchObject({
      id: 'b',
      error: { data: { code: 'GW_UPSTREAM_BROKEN' } },
    })
  })

  it('frees what it held, however it ends', async () => {
    const { url } = await startChannels({
      channelLimits: { maxMessageBytes: 1_000 },
      handle: scriptedServer(({ answer }, { id }) => {
        answer.start(200, ['content-type', 'application/json'])
        answer.write(Buffer.from('x'.repeat(900)))
        if (Number(id) % 2 === 0) answer.abort()
        else answer.end()
      }),
    })
    const client = await openSession(`${url}/mcp`)
    for (let id = 1; id <= 20; id++) {
      await client.post(ping(id))
      const message = await client.message(1 + id)
      expect(message).toMatchObject({ id, error: { data: { code: 'GW_UPSTREAM_BROKEN' } } })
    }
  })

  it('is given up when too many are held at once', async () => {
    const held = heldEndpoint()
    const { url } = await startChannels({
      channelLimits: { maxMessageBytes: 1_000 },
      handle: scriptedServer(held.handle),
    })
    const client = await openSession(`${url}/mcp`)
    for (let id = 0; id < 5; id++) await client.post(ping(id))
    await until(() => held.open.length === 5, 'the exchanges')
    for (const { answer } of held.open) {
      answer.start(200, ['content-type', 'application/json'])
      answer.write(Buffer.from('x'.repeat(900)))
    }
    expect(await client.message(2)).toMatchObject({
      id: 4,
      error: { data: { code: 'GW_ANSWER_TOO_LARGE' } },
    })
    await until(() => held.open[4]?.answer.closed === true, 'the endpoint to be told')
    expect(held.open.slice(0, 4).map(({ answer }) => answer.closed)).toEqual([
      false,
      false,
      false,
      false,
    ])
  })
})

describe('a cancellation', () => {
  const cancelled = (requestId: string | number) => ({
    jsonrpc: '2.0',
    method: 'notifications/cancelled',
    params: { requestId },
  })

  it('of the legacy era goes to the server, which may leave the request without an answer', async () => {
    const held = heldEndpoint()
    const { url, handled } = await startChannels({ handle: scriptedServer(held.handle) })
    const client = await openSession(`${url}/mcp`)
    await client.post(ping(1))
    await until(() => held.open.length === 1, 'the exchange')
    await client.post(cancelled(1))
    expect(await messageOf(handled.at(-1) as Exchange)).toEqual(cancelled(1))
    held.open[0]?.answer.start(200, EVENT_STREAM)
    held.open[0]?.answer.end()
    await client.post(ping(2))
    await until(() => held.open.length === 2, 'the next')
    expect(client.messages).toHaveLength(1)
  })

  it('of the modern era ends the stream of the answer, and goes no further', async () => {
    const held = heldEndpoint()
    const { url } = await startChannels({ handle: held.handle })
    const client = await openSse(`${url}/mcp`)
    await client.post(modernRequest('tools/call', { name: 'grüß' }, 'x').body)
    await client.post(modernRequest('tools/list', {}, 'y').body)
    await until(() => held.open.length === 2, 'the exchanges')
    const [called, listed] = held.open
    expect(called?.header('mcp-method')).toBe('tools/call')
    expect(called?.header('mcp-name')).toBe('=?base64?Z3LDvMOf?=')
    expect(called?.header('mcp-protocol-version')).toBe('2026-07-28')
    const ends: string[] = []
    called?.answer.onClose((end) => ends.push(end))
    await client.post(cancelled('x'))
    await until(() => ends.length === 1, 'the end')
    expect(ends).toEqual(['client-gone'])
    expect(listed?.answer.closed).toBe(false)
    expect(held.open).toHaveLength(2)
  })
})
