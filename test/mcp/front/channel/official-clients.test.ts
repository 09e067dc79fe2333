// The official clients of transports with one long channel, unmodified, before a real server: HTTP+SSE of both SDKs and the
// WebSocket of the first.
import { request } from 'node:http'
import {
  Client as ModernSdkClient,
  SSEClientTransport as ModernSdkSse,
} from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { WebSocketClientTransport } from '@modelcontextprotocol/sdk/client/websocket.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  type CallToolResult,
} from '@modelcontextprotocol/sdk/types.js'
import { describe, expect, it, onTestFinished } from 'vitest'
import { HEADER } from '../../../../src/wire/index.ts'
import {
  startEverythingServer,
  type EverythingServer,
} from '../../../fixtures/everything-server/server.ts'
import { callText, connectClient } from '../../../fixtures/everything-stdio/answering-client.ts'
import { startHttpServer, until } from '../../../support/servers.ts'
import { forwardTo } from './forward.ts'
import { startChannels, type TestChannels } from './start-channels.ts'

interface Scene extends TestChannels {
  readonly server: EverythingServer
}

async function start(): Promise<Scene> {
  const server = await startEverythingServer({ retryMs: 50 })
  onTestFinished(() => server.close())
  const channels = await startChannels({ handle: forwardTo(server.url) })
  return { ...channels, server }
}

const TRANSPORTS = {
  'HTTP+SSE': (url: string) => new SSEClientTransport(new URL(`${url}/mcp`)),
  WebSocket: (url: string) =>
    new WebSocketClientTransport(new URL(`${url.replace('http:', 'ws:')}/mcp`)),
} as const

async function connect(transport: Transport): Promise<Client> {
  const client = new Client(
    { name: 'old client', version: '1.0.0' },
    { capabilities: { sampling: {}, elicitation: {} } },
  )
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    role: 'assistant',
    content: { type: 'text', text: 'Paris' },
    model: 'test-model',
  }))
  client.setRequestHandler(ElicitRequestSchema, () => ({
    action: 'accept',
    content: { answer: 'Alice', name: 'Alice', username: 'Alice', email: 'alice@example.com' },
  }))
  await client.connect(transport)
  onTestFinished(() => client.close())
  return client
}

const textOf = (result: unknown): string => {
  const [first] = (result as CallToolResult).content
  return first?.type === 'text' ? first.text : JSON.stringify(first)
}

describe.each(Object.entries(TRANSPORTS))('the client of the version 1 SDK over %s', (_, make) => {
  it('lists, calls, and is asked by elicitation and sampling', async () => {
    const { url } = await start()
    const client = await connect(make(url))
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo')
    const echoed = await client.callTool({ name: 'echo', arguments: { text: 'grüß 😀' } })
    expect(textOf(echoed)).toContain('grüß 😀')
    const asked = (kind: string) => client.callTool({ name: 'ask', arguments: { kind } })
    expect(textOf(await asked('elicitation'))).toContain('Alice')
    expect(textOf(await asked('sampling'))).toContain('Paris')
  })

  it('sees progress, logs and errors', async () => {
    const { url } = await start()
    const client = await connect(make(url))
    const seen: number[] = []
    const logs: unknown[] = []
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
      logs.push(params.data)
    })
    await client.callTool({ name: 'test_tool_with_progress', arguments: {} }, undefined, {
      onprogress: ({ progress }) => seen.push(progress),
    })
    // This client forgets whom to tell of progress when the answer comes right behind the last of it.
    expect(seen.slice(0, 2)).toEqual([0, 50])
    await client.setLoggingLevel('debug')
    await client.callTool({ name: 'test_tool_with_logging', arguments: {} })
    expect(logs).toHaveLength(3)
    await expect(client.readResource({ uri: 'test://nowhere' })).rejects.toMatchObject({
      code: expect.any(Number) as number,
    })
  })

  it('runs calls at the same time, and each gets its own answer', async () => {
    const { url } = await start()
    const client = await connect(make(url))
    const texts = Array.from({ length: 50 }, (_unused, at) => `call ${at}`)
    const answers = await Promise.all(
      texts.map((text) => client.callTool({ name: 'echo', arguments: { text } })),
    )
    for (const [at, answer] of answers.entries()) expect(textOf(answer)).toContain(`call ${at}`)
  })

  it('cancels a call, and the server hears of it', async () => {
    const { url, server } = await start()
    const client = await connect(make(url))
    const leave = new AbortController()
    const slow = client.callTool(
      { name: 'slow', arguments: { steps: 1_000, stepMs: 10 } },
      undefined,
      {
        signal: leave.signal,
        onprogress: () => leave.abort(),
      },
    )
    await expect(slow).rejects.toThrow(/abort/i)
    await until(() => server.tally.cancelled === 1, 'the cancellation')
    const errors: Error[] = []
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- It is no event target.
    client.onerror = (error) => errors.push(error)
    // No answer to the cancelled call comes behind it.
    await client.listTools()
    expect(errors.filter(({ message }) => message.includes('response'))).toEqual([])
  })

  it('hears what the server says of its own accord', async () => {
    const { url } = await start()
    const client = await connect(make(url))
    const updated: string[] = []
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
      updated.push(params.uri)
    })
    const { resources } = await client.listResources()
    const watched = resources.find(({ uri }) => uri.includes('watched')) ?? resources[0]
    await client.subscribeResource({ uri: watched?.uri ?? '' })
    await until(async () => {
      await client.callTool({ name: 'touch', arguments: { uri: watched?.uri ?? '' } })
      return updated.length > 0
    }, 'the notification')
    expect(updated[0]).toBe(watched?.uri)
  })

  it('gets an answer whose stream the server closed on the way', async () => {
    const { url, handled } = await start()
    const client = await connect(make(url))
    const answer = await client.callTool({ name: 'test_reconnection', arguments: {} })
    expect(textOf(answer)).toContain('Answered after the stream was closed')
    expect(handled.some((it) => it.header('last-event-id') !== undefined)).toBe(true)
  })

  it('is in a session that it does not see, and that ends with it', async () => {
    const { url, server, handled, counts } = await start()
    const client = await connect(make(url))
    await client.listTools()
    expect(server.sessionCount()).toBe(1)
    const ids = new Set(handled.map((it) => it.header(HEADER.sessionId)))
    expect([...ids]).toEqual([undefined, expect.any(String)])
    const versions = handled.map((it) => it.header(HEADER.protocolVersion))
    expect(versions[0]).toBeUndefined()
    expect(versions.slice(1)).toEqual(versions.slice(1).map(() => '2025-11-25'))
    await client.close()
    await until(() => server.sessionCount() === 0, 'the end of the session')
    await until(() => counts.length === 2, 'the end of the channel')
  })
})

describe('HTTP+SSE', () => {
  it('serves the client of the version 2 SDK', async () => {
    const { url } = await start()
    const client = await connectClient(new ModernSdkSse(new URL(`${url}/mcp`)), 'legacy')
    onTestFinished(() => client.close())
    expect(client).toBeInstanceOf(ModernSdkClient)
    expect(await callText(client, 'echo', { text: 'hello' })).toContain('hello')
    expect(await callText(client, 'ask', { kind: 'elicitation' })).toContain('Alice')
  })

  it('works behind a proxy with a path prefix and a query of its own', async () => {
    const { url, handled } = await start()
    const proxy = await startHttpServer((incoming, response) => {
      const { method, headers } = incoming
      const path = incoming.url?.replace('/tenants/7/tools', '/mcp') ?? ''
      const outgoing = request(`${url}${path}`, {
        method,
        headers: { ...headers, host: 'localhost' },
      })
      outgoing.on('error', () => response.destroy())
      outgoing.on('response', (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers)
        response.flushHeaders()
        answer.pipe(response)
      })
      incoming.pipe(outgoing)
    })
    const client = await connect(
      new SSEClientTransport(new URL(`http://127.0.0.1:${proxy.port}/tenants/7/tools?key=1`)),
    )
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'x' } }))).toContain('x')
    expect(new Set(handled.map(({ query }) => query))).toEqual(new Set(['?key=1']))
  })
})

describe('WebSocket', () => {
  it('serves a client of the modern era', async () => {
    const { url, handled, server } = await start()
    const transport = new WebSocketClientTransport(new URL(`${url.replace('http:', 'ws:')}/mcp`))
    const client = await connectClient(transport, 'modern')
    onTestFinished(() => client.close())
    expect(await callText(client, 'echo', { text: 'hello' })).toContain('hello')
    expect(await callText(client, 'ask', { kind: 'elicitation' })).toContain('Alice')
    const call = handled.find((it) => it.header(HEADER.method) === 'tools/call')
    expect(call?.header(HEADER.name)).toBe('echo')
    expect(call?.header(HEADER.protocolVersion)).toBe('2026-07-28')
    const leave = new AbortController()
    const slow = client.callTool(
      { name: 'slow', arguments: { steps: 1_000, stepMs: 10 } },
      { signal: leave.signal, onprogress: () => leave.abort() },
    )
    await expect(slow).rejects.toThrow(/abort/i)
    await until(() => server.tally.cancelled === 1, 'the cancellation')
    expect(handled.some((it) => it.header(HEADER.method) === 'notifications/cancelled')).toBe(false)
  })
})
