// The official clients of both eras, unmodified, through HTTPS with a certificate of the demo's authority, to real servers
// over Streamable HTTP and stdio.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Client as ModernClient, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  type CallToolResult,
} from '@modelcontextprotocol/sdk/types.js'
import { Agent, fetch as undiciFetch, type RequestInit as UndiciInit } from 'undici'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { keepCertificates } from '../../demo/certificates.ts'
import type { EndpointOptions } from '../../src/upstream/index.ts'
import {
  startEverythingServer,
  type EverythingServer,
} from '../fixtures/everything-server/server.ts'
import { callText, connectClient, type Era } from '../fixtures/everything-stdio/answering-client.ts'
import { httpEndpoint, nodeEndpoint, startTestGateway } from '../support/gateway.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { serverTlsOptions } from '../support/tls-options.ts'

const fixture = (name: string): string =>
  resolve(import.meta.dirname, `../fixtures/everything-stdio/${name}.ts`)

interface SecureGateway {
  readonly url: string
  /** A fetch that trusts the demo's authority and nothing else. */
  readonly trustingFetch: typeof fetch
}

async function startSecureGateway(
  servers: Readonly<Record<string, readonly EndpointOptions[]>>,
): Promise<SecureGateway> {
  const { caFile, server } = await keepCertificates(temporaryFolder(), [
    { kind: 'dns', value: 'localhost' },
  ])
  const gateway = await startTestGateway({
    servers,
    listener: { tls: serverTlsOptions(server), http2: true },
  })
  const agent = new Agent({ connect: { ca: readFileSync(caFile) } })
  onTestFinished(() => agent.destroy())
  const trustingFetch = ((input: string | URL, init?: RequestInit) =>
    undiciFetch(input, {
      ...(init as unknown as UndiciInit),
      dispatcher: agent,
    })) as unknown as typeof fetch
  return { url: gateway.url.replace('127.0.0.1', 'localhost'), trustingFetch }
}

/** The fixture server behind one HTTPS gateway, as one endpoint or two. */
async function startAll(replicas = 1) {
  const requestStateKey = 'one key for all replicas, long enough'
  const everything: EverythingServer[] = []
  for (let count = 0; count < replicas; count++) {
    const server = await startEverythingServer({ requestStateKey, name: `replica-${count}` })
    onTestFinished(() => server.close())
    everything.push(server)
  }
  const gateway = await startSecureGateway({
    http: everything.map(({ url }) => httpEndpoint(url)),
    'stdio-legacy': [nodeEndpoint([fixture('legacy')])],
    'stdio-modern': [nodeEndpoint([fixture('modern')])],
    'stdio-dual': [nodeEndpoint([fixture('dual')])],
  })
  return { ...gateway, everything }
}

async function connect({ url, trustingFetch }: SecureGateway, path: string, era: Era) {
  const transport = new StreamableHTTPClientTransport(new URL(url + path), { fetch: trustingFetch })
  const client = await connectClient(transport, era)
  onTestFinished(() => client.close())
  return client
}

async function connectV1({ url, trustingFetch }: SecureGateway, path: string) {
  const client = new LegacyClient(
    { name: 'v1', version: '1.0.0' },
    { capabilities: { sampling: {}, elicitation: {} } },
  )
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    role: 'assistant',
    content: { type: 'text', text: 'Paris' },
    model: 'test-model',
  }))
  client.setRequestHandler(ElicitRequestSchema, () => ({
    action: 'accept',
    content: { answer: 'Alice' },
  }))
  const transport = new LegacyTransport(new URL(url + path), { fetch: trustingFetch })
  // The SDK's own types disagree with each other under exactOptionalPropertyTypes.
  await client.connect(transport)
  onTestFinished(() => client.close())
  return client
}

const textOf = (result: unknown): string => {
  const [first] = (result as CallToolResult).content
  return first?.type === 'text' ? first.text : ''
}

describe.each(['/http', '/stdio-legacy', '/stdio-dual'])(
  'the client of the version 1 SDK, %s',
  (path) => {
    it('lists, calls, and is asked by sampling and elicitation', async () => {
      const client = await connectV1(await startAll(), path)
      expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo')
      const echoed = await client.callTool({ name: 'echo', arguments: { text: 'grüß 😀' } })
      expect(textOf(echoed)).toContain('grüß 😀')
      const asked = (kind: string) => client.callTool({ name: 'ask', arguments: { kind } })
      expect(textOf(await asked('elicitation'))).toContain('Alice')
      expect(textOf(await asked('sampling'))).toContain('Paris')
    })

    it('sees progress and cancels', async () => {
      const client = await connectV1(await startAll(), path)
      const leave = new AbortController()
      const seen: number[] = []
      const slow = client.callTool(
        { name: 'slow', arguments: { steps: 1_000, stepMs: 20 } },
        undefined,
        {
          signal: leave.signal,
          onprogress: ({ progress }) => {
            seen.push(progress)
            if (progress === 3) leave.abort('enough')
          },
        },
      )
      await expect(slow).rejects.toThrow('enough')
      expect(seen).toEqual([1, 2, 3])
      await expect
        .poll(async () =>
          JSON.parse(textOf(await client.callTool({ name: 'tally', arguments: {} }))),
        )
        .toMatchObject({ started: 1, finished: 0, cancelled: 1 })
    })
  },
)

const v2Paths: readonly [Era, string][] = [
  ['legacy', '/http'],
  ['modern', '/http'],
  ['legacy', '/stdio-legacy'],
  ['modern', '/stdio-modern'],
  ['legacy', '/stdio-dual'],
  ['modern', '/stdio-dual'],
]

describe.each(v2Paths)('the client of the version 2 SDK, %s, %s', (era, path) => {
  it('lists, calls, and is asked for input', async () => {
    const client = await connect(await startAll(), path, era)
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo')
    expect(await callText(client, 'echo', { text: 'grüß 😀' })).toContain('grüß 😀')
    expect(await callText(client, 'ask', { kind: 'elicitation' })).toContain('Alice')
    expect(await callText(client, 'ask', { kind: 'sampling' })).toContain('Paris')
  })

  it('sees progress and cancels', async () => {
    const client = await connect(await startAll(), path, era)
    const leave = new AbortController()
    const slow = client.callTool(
      { name: 'slow', arguments: { steps: 1_000, stepMs: 20 } },
      {
        signal: leave.signal,
        onprogress: ({ progress }) => {
          if (progress === 3) leave.abort('enough')
        },
      },
    )
    await expect(slow).rejects.toThrow('enough')
    await expect
      .poll(async () => JSON.parse(await callText(client, 'tally')) as object)
      .toMatchObject({ started: 1, finished: 0, cancelled: 1 })
  })

  it('hears of a resource that changed', async () => {
    const gateway = await startAll()
    const client = await connect(gateway, path, era)
    const uri = 'test://watched-resource'
    const seen = vi.fn<(uri: string) => void>()
    client.setNotificationHandler('notifications/resources/updated', ({ params }) =>
      seen(params.uri),
    )
    if (era === 'modern') await client.listen({ resourceSubscriptions: [uri] })
    else await client.subscribeResource({ uri })
    // A legacy client opens its event stream on its own time, and what is sent before is lost.
    await expect
      .poll(async () => {
        await callText(client, 'touch')
        return seen.mock.calls.length
      })
      .toBeGreaterThan(0)
    expect(seen).toHaveBeenCalledWith(uri)
  })
})

describe('over two replicas', () => {
  it('a legacy session stays on one, and modern calls take turns', async () => {
    const gateway = await startAll(2)
    const legacy = await connect(gateway, '/http', 'legacy')
    const modern = await connect(gateway, '/http', 'modern')
    const names = async (client: ModernClient) => {
      const texts = new Set<string>()
      for (let count = 0; count < 6; count++) {
        texts.add(/replica-\d/.exec(await callText(client, 'whoami'))?.[0] ?? '')
      }
      return texts
    }
    expect((await names(legacy)).size).toBe(1)
    expect(await names(modern)).toEqual(new Set(['replica-0', 'replica-1']))
  })

  it('a question of the modern era is answered on whichever is next', async () => {
    const client = await connect(await startAll(2), '/http', 'modern')
    expect(await callText(client, 'test_input_required_result_multi_round')).toBe('You like blue')
  })
})

describe('a client that finds a server of the other era', () => {
  it('falls back to the legacy era by itself when it speaks both', async () => {
    const { url, trustingFetch } = await startAll()
    const client = new ModernClient(
      { name: 'dual', version: '1' },
      { versionNegotiation: { mode: 'auto' } },
    )
    const target = new URL(`${url}/stdio-legacy`)
    await client.connect(new StreamableHTTPClientTransport(target, { fetch: trustingFetch }))
    onTestFinished(() => client.close())
    expect(await callText(client, 'echo', { text: 'hi' })).toContain('hi')
  })

  it('is served in its own words when it speaks no other', async () => {
    const gateway = await startAll()
    const modern = await connect(gateway, '/stdio-legacy', 'modern')
    expect(await callText(modern, 'ask', { kind: 'elicitation' })).toContain('Alice')
    const legacy = await connectV1(gateway, '/stdio-modern')
    const asked = await legacy.callTool({ name: 'ask', arguments: { kind: 'sampling' } })
    expect(textOf(asked)).toContain('Paris')
  })
})

it('the gateway is not trusted by a client that does not know its authority', async () => {
  const { url } = await startAll()
  await expect(fetch(`${url}/http`)).rejects.toThrow(/fetch failed/)
})
