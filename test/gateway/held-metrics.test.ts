// What is held for clients, as the admin listener tells it: the figures rise with it and are zero when it is gone.
import { expect, it, onTestFinished } from 'vitest'
import { startGateway } from '../../src/gateway/index.ts'
import { silentLog } from '../../src/observability/index.ts'
import { startEverythingServer } from '../fixtures/everything-server/server.ts'
import { connectWebSocket } from '../listener/websocket-frames.ts'
import { openSse } from '../mcp/front/channel/sse-client.ts'
import { readEvents } from '../mcp/front/event-reader.ts'
import { gatewayOptions, httpEndpoint } from '../support/gateway.ts'
import { legacyMessage, openSession } from '../support/mcp-messages.ts'
import { until } from '../support/servers.ts'

const PARAMS = {
  protocolVersion: '2025-11-25',
  capabilities: { elicitation: { form: {} } },
  clientInfo: { name: 'asked', version: '1' },
}

/** A gateway before two servers of the legacy era; `read` is one figure of its `/metrics`. */
async function start() {
  const servers = [
    await startEverythingServer({ eras: 'legacy' }),
    await startEverythingServer({ eras: 'legacy' }),
  ] as const
  onTestFinished(async () => void (await Promise.all(servers.map((it) => it.close()))))
  const [one, two] = servers
  const options = gatewayOptions({
    servers: { one: [httpEndpoint(one.url)], two: [httpEndpoint(two.url)] },
    routes: { '/mcp': ['one', 'two'] },
    overrides: { admin: { name: 'admin', host: '127.0.0.1', port: 0 } },
  })
  const gateway = await startGateway(options, { log: silentLog })
  onTestFinished(() => gateway.stopNow())
  const [origin = ''] = gateway.addresses.map(({ url }) => url)
  const read = async (figure: string): Promise<string | undefined> => {
    const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
    const line = text.split('\n').find((it) => it.startsWith(`sallyport_${figure} `))
    return line?.slice(line.lastIndexOf(' ') + 1)
  }
  const becomes = (figure: string, value: string): Promise<void> =>
    until(async () => (await read(figure)) === value, `${figure} ${value}`)
  return { url: `${origin}/mcp`, port: Number(new URL(origin).port), read, becomes }
}

const end = (url: string, session: string): Promise<Response> =>
  fetch(url, { method: 'DELETE', headers: { 'mcp-session-id': session } })

it('counts sessions of clients, and those with servers', async () => {
  const { url, read, becomes } = await start()
  const figures = ['sessions', 'upstream_sessions{server="one"}', 'upstream_sessions{server="two"}']
  for (const figure of figures) expect(await read(figure)).toBe('0')
  const sessions = [await openSession(url), await openSession(url)]
  for (const figure of figures) expect(await read(figure)).toBe('2')
  for (const session of sessions) await end(url, session)
  for (const figure of figures) await becomes(figure, '0')
})

it('counts calls that wait for input, by server, and the event streams they wait on', async () => {
  const { url, read } = await start()
  const begun = await fetch(url, legacyMessage({ id: 0, method: 'initialize', params: PARAMS }))
  await begun.text()
  const session = begun.headers.get('mcp-session-id') ?? ''
  expect(await read('parked_calls{server="one"}')).toBe('0')
  const params = { name: 'one_test_elicitation', arguments: { message: 'who?' } }
  const events = readEvents(
    await fetch(url, legacyMessage({ id: 1, method: 'tools/call', params }, session)),
  )
  const question = await events.message()
  expect(await read('parked_calls{server="one"}')).toBe('1')
  expect(await read('parked_calls{server="two"}')).toBe('0')
  expect(await read('event_streams{route="/mcp"}')).toBe('1')
  await fetch(url, legacyMessage({ id: question?.['id'], result: { action: 'decline' } }, session))
  expect(await events.rest()).toMatchObject([{ id: 1, result: {} }])
  expect(await read('parked_calls{server="one"}')).toBe('0')
  expect(await read('event_streams{route="/mcp"}')).toBe('0')
})

it('counts open channels, by kind', async () => {
  const { url, port, read, becomes } = await start()
  const [sse, webSocket] = ['http-sse', 'websocket'].map(
    (kind) => `channels{route="/mcp",kind="${kind}"}`,
  ) as [string, string]
  const reader = await openSse(url)
  await becomes(sse, '1')
  const socket = await connectWebSocket({ port, ca: Buffer.alloc(0) })
  await becomes(webSocket, '1')
  reader.leave()
  socket.webSocket.close()
  await becomes(sse, '0')
  await becomes(webSocket, '0')
  expect([await read(sse), await read(webSocket)]).toEqual(['0', '0'])
})
