// Real servers behind the stdio endpoint of a whole gateway, with the official clients in front: above all what a client
// that negotiates the era by itself makes of each kind of server.
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

describe('a client that negotiates the era by itself', () => {
  it.each([
    ['legacy', '2025-11-25'],
    ['modern', '2026-07-28'],
    ['dual', '2026-07-28'],
  ])('is served by the %s server', async (name, version) => {
    const client = await connect(await startRoute(fixture(name)), 'auto')
    expect(client.getNegotiatedProtocolVersion()).toBe(version)
    expect(await callText(client, 'echo', { message: 'grüß 😀', text: 'grüß 😀' })).toContain(
      'grüß 😀',
    )
  })
})

describe('a client of one era at a server of the other', () => {
  it('modern at legacy fails to connect', async () => {
    const url = await startRoute(fixture('legacy'))
    await expect(connect(url, { pin: '2026-07-28' })).rejects.toThrow('2026-07-28')
  })

  it('legacy at modern is told which versions the server speaks', async () => {
    const url = await startRoute(fixture('modern'))
    const told = /speaks only the modern era of MCP \(2026-07-28\)/
    await expect(connect(url, 'legacy')).rejects.toThrow(told)
    await expect(connectV1(url)).rejects.toThrow(told)
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
