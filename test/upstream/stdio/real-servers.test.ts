// Real servers behind the stdio endpoint of a whole gateway, with the official clients in front.
import { resolve } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { describe, expect, it, onTestFinished } from 'vitest'
import { callText } from '../../fixtures/everything-stdio/answering-client.ts'
import { nodeEndpoint, startTestGateway } from '../../support/gateway.ts'

const root = resolve(import.meta.dirname, '../../..')
const fixture = (name: string) => [resolve(root, `test/fixtures/everything-stdio/${name}.ts`)]
const serverEverything = [
  resolve(root, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js'),
  'stdio',
]

/** The URL of a route to this command. */
async function startRoute(args: readonly string[]): Promise<URL> {
  const gateway = await startTestGateway({ servers: { server: [nodeEndpoint(args)] } })
  return new URL(`${gateway.url}/server`)
}

async function connect(url: URL, mode: 'auto' | 'legacy' | { pin: string }): Promise<Client> {
  const client = new Client({ name: 'v2', version: '1' }, { versionNegotiation: { mode } })
  onTestFinished(() => client.close())
  await client.connect(new StreamableHTTPClientTransport(url))
  return client
}

async function connectV1(url: URL): Promise<ClientV1> {
  const client = new ClientV1({ name: 'v1', version: '1' })
  onTestFinished(() => client.close())
  await client.connect(new TransportV1(url))
  return client
}

const SERVERS = ['legacy', 'modern', 'dual'] as const
const UNICODE = { message: 'grüß 😀', text: 'grüß 😀' }

describe('a client of version 2', () => {
  it.each(SERVERS)('that negotiates the era by itself is served by the %s server', async (name) => {
    const client = await connect(await startRoute(fixture(name)), 'auto')
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28')
    expect(await callText(client, 'echo', UNICODE)).toContain('grüß 😀')
  })

  it.each(SERVERS)('of either era alone is served by the %s server', async (name) => {
    const url = await startRoute(fixture(name))
    for (const mode of ['legacy', { pin: '2026-07-28' }] as const) {
      const client = await connect(url, mode)
      expect(await callText(client, 'echo', UNICODE)).toContain('grüß 😀')
    }
  })
})

describe('a client of version 1', () => {
  it.each(SERVERS)('is served by the %s server', async (name) => {
    const client = await connectV1(await startRoute(fixture(name)))
    const { content } = await client.callTool({ name: 'echo', arguments: UNICODE })
    expect(JSON.stringify(content)).toContain('grüß 😀')
  })
})

describe('the reference server of the protocol', () => {
  it('lists, calls and reports progress to clients of both SDKs', async () => {
    const url = await startRoute(serverEverything)
    const [v1, v2] = await Promise.all([connectV1(url), connect(url, 'auto')])
    expect((await v1.listTools()).tools.map(({ name }) => name)).toContain('echo')
    expect(await callText(v2, 'echo', { message: 'hello' })).toBe('Echo: hello')

    const progress: number[] = []
    const { tools } = await v2.listTools()
    const long = tools.find(({ name }) => name.toLowerCase().includes('long-running'))
    await v2.callTool(
      { name: long?.name ?? '', arguments: { duration: 0.2, steps: 4 } },
      { onprogress: (step) => progress.push(step.progress) },
    )
    expect(progress).toEqual([1, 2, 3, 4])
  })
})
