// What is held at legacy servers for a legacy client of a route to several of them: it ends with the client, whichever way
// it spoke to the gateway, and nobody else's does.
import { resolve } from 'node:path'
import type { ServerResponse } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createMetrics, type Metrics } from '../../src/observability/index.ts'
import { startEverythingServer } from '../fixtures/everything-server/server.ts'
import { connectWebSocket } from '../listener/websocket-frames.ts'
import { INITIALIZE, INITIALIZED, openSse } from '../mcp/front/channel/sse-client.ts'
import { readEvents } from '../mcp/front/event-reader.ts'
import { httpEndpoint, nodeEndpoint, startTestGateway } from '../support/gateway.ts'
import { initialize, legacyMessage, openSession } from '../support/mcp-messages.ts'
import { startHttpServer, until } from '../support/servers.ts'

/** Far less than any idle timeout. */
const PROMPTLY_MS = 2_000
const NO_CERTIFICATE_AUTHORITY = Buffer.alloc(0)

/** A server of the legacy era that counts the sessions that were begun. */
async function startLegacyServer(name: string) {
  let begun = 0
  const server = await startEverythingServer({
    name,
    eras: 'legacy',
    onRequest: (_, body) => {
      if (body.includes('"method":"initialize"')) begun++
    },
  })
  onTestFinished(() => server.close())
  return { ...server, begun: () => begun }
}

async function startPair() {
  const servers = [await startLegacyServer('one'), await startLegacyServer('two')] as const
  const [one, two] = servers
  const gateway = await startTestGateway({
    servers: { one: [httpEndpoint(one.url)], two: [httpEndpoint(two.url)] },
    routes: { '/mcp': ['one', 'two'] },
  })
  const counts = () => servers.map((it) => it.sessionCount())
  const begun = () => servers.map((it) => it.begun())
  return { url: `${gateway.url}/mcp`, counts, begun }
}

const listTools = async (url: string, session: string): Promise<string> =>
  (await fetch(url, legacyMessage({ id: 1, method: 'tools/list' }, session))).text()

const end = (url: string, session: string): Promise<Response> =>
  fetch(url, { method: 'DELETE', headers: { 'mcp-session-id': session } })

describe('sessions at servers', () => {
  it('end with the session of the client they were for; another client keeps its own', async () => {
    const { url, counts, begun } = await startPair()
    const [leaving, staying] = [await openSession(url), await openSession(url)]
    for (const session of [leaving, staying]) await listTools(url, session)
    expect(counts()).toEqual([2, 2])
    expect((await end(url, leaving)).status).toBe(200)
    await until(() => counts().every((it) => it === 1), 'the end of one each', PROMPTLY_MS)
    expect(await listTools(url, staying)).toContain('one_whoami')
    // Neither for the one who stays nor for the one who left was another begun.
    expect([counts(), begun()]).toEqual([
      [1, 1],
      [2, 2],
    ])
    await end(url, staying)
    await until(() => counts().every((it) => it === 0), 'the end of all', PROMPTLY_MS)
    expect(begun()).toEqual([2, 2])
  })

  it('end while a call waits for what the server has asked', async () => {
    const { url, counts } = await startPair()
    const capabilities = { elicitation: { form: {} }, sampling: {} }
    const params = {
      protocolVersion: '2025-11-25',
      capabilities,
      clientInfo: { name: 'a', version: '1' },
    }
    const answer = await fetch(url, legacyMessage({ id: 0, method: 'initialize', params }))
    await answer.text()
    const session = answer.headers.get('mcp-session-id') ?? ''
    const call = { name: 'one_test_elicitation', arguments: { message: 'who?' } }
    const events = readEvents(
      await fetch(url, legacyMessage({ id: 1, method: 'tools/call', params: call }, session)),
    )
    expect(await events.message()).toMatchObject({ method: 'elicitation/create' })
    await end(url, session)
    expect(await events.rest()).toMatchObject([
      { method: 'notifications/cancelled' },
      { id: 1, error: { data: { code: 'GW_SESSION_NOT_FOUND' } } },
    ])
    await until(() => counts().every((it) => it === 0), 'the end of all', PROMPTLY_MS)
  })

  it('end when a client of HTTP+SSE has left', async () => {
    const { url, counts } = await startPair()
    const staying = await openSession(url)
    const client = await openSse(url)
    await client.post(INITIALIZE)
    await client.message(1)
    await client.post(INITIALIZED)
    expect(counts()).toEqual([2, 2])
    client.leave()
    await until(() => counts().every((it) => it === 1), 'the end of one each', PROMPTLY_MS)
    expect(await listTools(url, staying)).toContain('two_whoami')
    expect(counts()).toEqual([1, 1])
  })

  it('end when a WebSocket is closed', async () => {
    const { url, counts } = await startPair()
    const port = Number(new URL(url).port)
    const client = await connectWebSocket({ port, ca: NO_CERTIFICATE_AUTHORITY })
    client.webSocket.send(JSON.stringify(INITIALIZE))
    await until(() => client.received.length > 0, 'the answer')
    expect(counts()).toEqual([1, 1])
    client.webSocket.close()
    await until(() => counts().every((it) => it === 0), 'the end of all', PROMPTLY_MS)
  })

  it('end with their processes, where servers are programs', async () => {
    const metrics = createMetrics()
    const stdio = nodeEndpoint([
      resolve(import.meta.dirname, '../fixtures/everything-stdio/legacy.ts'),
    ])
    const gateway = await startTestGateway({
      servers: { one: [stdio], two: [stdio] },
      routes: { '/mcp': ['one', 'two'] },
      dependencies: { metrics },
    })
    const url = `${gateway.url}/mcp`
    const [leaving, staying] = [await openSession(url), await openSession(url)]
    const before = await childrenOf(metrics)
    await end(url, leaving)
    const one = before.map((it) => it - 1)
    const isOneLess = async () => (await childrenOf(metrics)).join() === one.join()
    await until(isOneLess, 'the end of one process each')
    expect(await listTools(url, staying)).toContain('one_echo')
    expect(await childrenOf(metrics)).toEqual(one)
  })
})

async function childrenOf({ children }: Metrics): Promise<readonly number[]> {
  const { values } = await children.get()
  return values.map(({ value }) => value)
}

it('a client that leaves while a server begins its session leaves none behind', async () => {
  const waiting: ServerResponse[] = []
  const ended: unknown[] = []
  const slow = await startHttpServer((request, response) => {
    if (request.method !== 'DELETE') {
      waiting.push(response)
      return
    }
    ended.push(request.headers['mcp-session-id'])
    response.writeHead(200).end()
  })
  const other = await startLegacyServer('other')
  const gateway = await startTestGateway({
    servers: {
      slow: [httpEndpoint(slow.url, { protocol: 'legacy' })],
      other: [httpEndpoint(other.url)],
    },
    routes: { '/mcp': ['slow', 'other'] },
  })
  const leave = new AbortController()
  const gone = fetch(`${gateway.url}/mcp`, { ...initialize(), signal: leave.signal })
  await until(() => waiting.length === 1 && other.sessionCount() === 1, 'both initialize')
  leave.abort()
  await expect(gone).rejects.toThrow('aborted')
  await until(() => other.sessionCount() === 0, 'the end of the session', PROMPTLY_MS)
  const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'slow' } }
  waiting[0]?.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'late' })
  waiting[0]?.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result }))
  await until(() => waiting.length === 2, 'notifications/initialized')
  waiting[1]?.writeHead(202).end()
  await until(() => ended.length > 0, 'the end of the late session', PROMPTLY_MS)
  expect(ended).toEqual(['late'])
})
