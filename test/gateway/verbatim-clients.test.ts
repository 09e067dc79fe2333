// The official client of the legacy era, over each of its transports, at one of several legacy servers of each kind: calls go in its
// own bytes, and are answered, asked about and told of as if they did not.
import { resolve } from 'node:path'
import { SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { WebSocketClientTransport } from '@modelcontextprotocol/sdk/client/websocket.js'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { EndpointOptions } from '../../src/upstream/index.ts'
import { startEverythingServer } from '../fixtures/everything-server/server.ts'
import { callText, connectClient } from '../fixtures/everything-stdio/answering-client.ts'
import { httpEndpoint, nodeEndpoint, startTestGateway } from '../support/gateway.ts'

const FIXTURE = resolve(import.meta.dirname, '../fixtures/everything-stdio/legacy.ts')

const SERVERS: Readonly<Record<string, () => Promise<EndpointOptions>>> = {
  http: async () => {
    const server = await startEverythingServer({ eras: 'legacy' })
    onTestFinished(() => server.close())
    return httpEndpoint(server.url)
  },
  stdio: async () => nodeEndpoint([FIXTURE]),
}

const TRANSPORTS = {
  'Streamable HTTP': (url: string) => new StreamableHTTPClientTransport(new URL(url)),
  'HTTP+SSE': (url: string) => new SSEClientTransport(new URL(url)),
  WebSocket: (url: string) => new WebSocketClientTransport(new URL(url.replace('http:', 'ws:'))),
} as const

const cells = Object.keys(TRANSPORTS).flatMap((transport) =>
  Object.keys(SERVERS).map((server) => [transport, server] as const),
)

describe.each(cells)('over %s, at one of several %s servers', (transport, kind) => {
  it('a client calls, again and again and at once, and is asked', async () => {
    const start = SERVERS[kind] as () => Promise<EndpointOptions>
    const gateway = await startTestGateway({
      servers: { one: [await start()], two: [await start()] },
      routes: { '/all': ['one', 'two'] },
    })
    const make = TRANSPORTS[transport as keyof typeof TRANSPORTS]
    const client = await connectClient(make(`${gateway.url}/all`), 'legacy')
    onTestFinished(() => client.close())
    const names = (await client.listTools()).tools.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['one_echo', 'two_echo']))
    const echo = async (text: string): Promise<void> => {
      expect(await callText(client, 'two_echo', { text })).toContain(text)
    }
    await echo('first')
    const texts = [...Array.from({ length: 20 }, (_, at) => `grüß ${at}`), 'x'.repeat(100_000)]
    await Promise.all(texts.map(echo))
    expect(await callText(client, 'two_ask', { kind: 'elicitation' })).toContain('Alice')
    await echo('last')
  })
})
