// Clients with one long channel through the endpoint as the gateway builds it, to servers of either era and transport.
import { resolve } from 'node:path'
import { SSEClientTransport } from '@modelcontextprotocol/client'
import { WebSocketClientTransport } from '@modelcontextprotocol/sdk/client/websocket.js'
import { describe, expect, it, onTestFinished } from 'vitest'
import { systemClock, type Exchange } from '../../../../src/core/index.ts'
import { buildMcp } from '../../../../src/gateway/build-mcp.ts'
import { buildPools } from '../../../../src/gateway/build-pools.ts'
import { callerKeyOf } from '../../../../src/mcp/caller.ts'
import type { CallReport, McpRoute } from '../../../../src/mcp/index.ts'
import { createMetrics, silentLog } from '../../../../src/observability/index.ts'
import { startEverythingServer } from '../../../fixtures/everything-server/server.ts'
import {
  callText,
  connectClient,
  type Era,
} from '../../../fixtures/everything-stdio/answering-client.ts'
import { gatewayOptions, httpEndpoint, nodeEndpoint } from '../../../support/gateway.ts'
import { until } from '../../../support/servers.ts'
import { startChannels, type TestChannels } from './start-channels.ts'

const fixture = (name: string): string =>
  resolve(import.meta.dirname, `../../../fixtures/everything-stdio/${name}.ts`)

interface Scene extends TestChannels {
  readonly calls: readonly CallReport[]
}

async function start(back: string): Promise<Scene> {
  const http = await startEverythingServer()
  onTestFinished(() => http.close())
  const endpoint = back === 'http' ? httpEndpoint(http.url) : nodeEndpoint([fixture(back)])
  const options = gatewayOptions({ servers: { mcp: [endpoint] } })
  const tools = { log: silentLog, metrics: createMetrics(), clock: systemClock }
  const pools = buildPools(options.servers, { ...tools, baseEnv: options.childEnv })
  const calls: CallReport[] = []
  const mcp = buildMcp(options, pools, {
    ...tools,
    keys: ['a key for tests, long enough for all'],
    viaName: 'sallyport-test',
    hooksOf: () => undefined,
    onCall: (report) => calls.push(report),
  })
  await Promise.all(pools.map((pool) => pool.start()))
  await mcp.start()
  onTestFinished(async () => {
    await mcp.stop(0)
    await Promise.all(pools.map((pool) => pool.stop(0)))
  })
  const route = mcp.routes[0] as McpRoute
  const channels = await startChannels({
    handle: (exchange: Exchange) => mcp.endpoint.handle(exchange, route),
  })
  return { ...channels, calls }
}

const TRANSPORTS = {
  'HTTP+SSE': (url: string) => new SSEClientTransport(new URL(`${url}/mcp`)),
  WebSocket: (url: string) =>
    new WebSocketClientTransport(new URL(`${url.replace('http:', 'ws:')}/mcp`)),
} as const

const BACKS = ['http', 'legacy', 'modern', 'dual'] as const
const ERAS: readonly Era[] = ['legacy', 'modern']

const cells = Object.keys(TRANSPORTS).flatMap((transport) =>
  BACKS.flatMap((back) => ERAS.map((era) => [transport, era, back] as const)),
)

describe.each(cells)('%s, %s client, %s server', (transport, era, back) => {
  it('lists, calls, and is asked', async () => {
    const { url, calls } = await start(back)
    const make = TRANSPORTS[transport as keyof typeof TRANSPORTS]
    const client = await connectClient(make(url), era)
    onTestFinished(() => client.close())
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo')
    expect(await callText(client, 'echo', { text: 'grüß 😀' })).toContain('grüß 😀')
    expect(await callText(client, 'ask', { kind: 'elicitation' })).toContain('Alice')
    await client.close()
    await until(() => calls.some(({ inbound }) => inbound?.method === 'tools/call'), 'the reports')
    const callers = new Set(calls.map(({ exchange }) => callerKeyOf(exchange)))
    expect([...callers]).toEqual(['from 127.0.0.1'])
  })
})
