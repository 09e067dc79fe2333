// The demo's MCP server by itself, called by the official clients of both eras.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startDemoServer } from '../../demo/server.ts'

type Era = 'legacy' | 'modern'

async function startServer(name = 'one'): Promise<string> {
  const server = await startDemoServer({ name, port: 0 })
  onTestFinished(() => server.close())
  return server.url
}

async function connect(url: string, era: Era): Promise<Client> {
  const mode = era === 'legacy' ? era : { pin: '2026-07-28' }
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } })
  await client.connect(new StreamableHTTPClientTransport(new URL(url)))
  onTestFinished(() => client.close())
  return client
}

describe.each<Era>(['legacy', 'modern'])('to a client of the %s era, the demo server', (era) => {
  it('lists what it offers', async () => {
    const client = await connect(await startServer(), era)
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual(['echo', 'add', 'whoami', 'count_down'])
    const { resources } = await client.listResources()
    expect(resources.map(({ uri }) => uri)).toEqual(['demo://about'])
    const { prompts } = await client.listPrompts()
    expect(prompts.map(({ name }) => name)).toEqual(['tour'])
  })

  it.each([
    ['echo', { text: 'hé' }, 'hé'],
    ['add', { a: 1.5, b: -4 }, '-2.5'],
    ['whoami', {}, `replica-a, process ${process.pid}`],
    ['count_down', { from: 2, step_ms: 1 }, 'counted down from 2'],
  ])('answers %s', async (name, args, text) => {
    const client = await connect(await startServer('replica-a'), era)
    const { content } = await client.callTool({ name, arguments: args })
    expect(content).toEqual([{ type: 'text', text }])
  })

  it('tells the progress of a countdown to who asks for it', async () => {
    const client = await connect(await startServer(), era)
    const seen: unknown[] = []
    await client.callTool(
      { name: 'count_down', arguments: { from: 3, step_ms: 1 } },
      { onprogress: (progress) => seen.push(progress) },
    )
    expect(seen).toEqual([
      { progress: 1, total: 3, message: '2 to go' },
      { progress: 2, total: 3, message: '1 to go' },
      { progress: 3, total: 3, message: '0 to go' },
    ])
  })

  it('reads its resource and gives out its prompt', async () => {
    const client = await connect(await startServer('replica-a'), era)
    const { contents } = await client.readResource({ uri: 'demo://about' })
    expect(contents).toMatchObject([{ text: expect.stringContaining('replica-a') }])
    const { messages } = await client.getPrompt({ name: 'tour' })
    expect(messages).toMatchObject([{ role: 'user', content: { type: 'text' } }])
  })
})

describe('the demo server', () => {
  const initialize = (url: string, headers: Readonly<Record<string, string>> = {}) =>
    fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: {
          protocolVersion: '2025-11-25',
          capabilities: {},
          clientInfo: { name: 'test', version: '1' },
        },
      }),
    })

  it('gives each legacy client a session of its own', async () => {
    const url = await startServer()
    const [one, two] = await Promise.all([initialize(url), initialize(url)])
    const ids = [one, two].map(({ headers }) => headers.get('mcp-session-id'))
    expect(ids).toEqual([expect.stringMatching(/^\S+$/), expect.stringMatching(/^\S+$/)])
    expect(ids[0]).not.toBe(ids[1])
  })

  it('answers 404 for an unknown session id', async () => {
    const response = await initialize(await startServer(), { 'mcp-session-id': 'unknown' })
    expect(response.status).toBe(404)
  })

  it('ends the oldest session when there are more than a hundred', async () => {
    const url = await startServer()
    const open = async () => (await initialize(url)).headers.get('mcp-session-id') ?? ''
    const ping = (id: string) =>
      fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2025-11-25',
          'mcp-session-id': id,
        },
        body: '{"jsonrpc":"2.0","id":2,"method":"ping"}',
      })
    const oldest = await open()
    const second = await open()
    for (let count = 2; count < 100; count += 1) await open()
    expect((await ping(oldest)).status).toBe(200)
    await open()
    expect((await ping(oldest)).status).toBe(404)
    expect((await ping(second)).status).toBe(200)
  })

  it('answers to a page of another origin with 403', async () => {
    const response = await initialize(await startServer(), { origin: 'https://evil.example' })
    expect(response.status).toBe(403)
  })
})
