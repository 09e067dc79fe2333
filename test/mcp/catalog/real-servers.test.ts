// Real servers of both eras and transports behind one route of a whole gateway, with the official client in front.
import { resolve } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startEverythingServer } from '../../fixtures/everything-server/server.ts'
import { httpEndpoint, nodeEndpoint, startTestGateway } from '../../support/gateway.ts'
import { modernRequest } from '../../support/mcp-messages.ts'
import { deadPort } from '../../support/servers.ts'
import { META, type JsonObject } from '../../../src/wire/index.ts'

const stdio = (era: 'legacy' | 'modern') =>
  nodeEndpoint([resolve(import.meta.dirname, `../../fixtures/everything-stdio/${era}.ts`)])

type Mode = 'legacy' | 'auto'

async function startAll(mode: Mode, names: 'prefix' | 'prefix_on_conflict' | 'keep' = 'prefix') {
  const [one, two] = [
    await startEverythingServer({ name: 'one' }),
    await startEverythingServer({ name: 'two' }),
  ]
  onTestFinished(async () => void (await Promise.all([one.close(), two.close()])))
  const gateway = await startTestGateway({
    servers: {
      one: [httpEndpoint(one.url)],
      two: [httpEndpoint(two.url)],
      old: [stdio('legacy')],
      new: [stdio('modern')],
    },
    routes: { '/all': ['one', 'two', 'old', 'new'] },
    catalog: { names, pageSize: 10 },
    tools: { two: { deny: ['test_*'], rename: new Map([['whoami', 'who']]) } },
  })
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } })
  onTestFinished(() => client.close())
  await client.connect(new StreamableHTTPClientTransport(new URL(`${gateway.url}/all`)))
  return { client, one, two, gateway }
}

async function namesOf(client: Client): Promise<string[]> {
  const { tools } = await client.listTools()
  return tools.map((it) => it.name)
}

async function textOf(client: Client, name: string, args: Record<string, unknown> = {}) {
  const { content } = await client.callTool({ name, arguments: args })
  const [first] = content
  return first?.type === 'text' ? first.text : undefined
}

/** The messages of an event stream, as they come. */
async function* eventsOf(
  body: ReadableStream<Uint8Array> | null,
): AsyncGenerator<unknown, undefined> {
  let text = ''
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString()
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const data = text.slice(0, end).split('data: ')[1]
      text = text.slice(end + 2)
      if (data !== undefined) yield JSON.parse(data)
    }
  }
  return undefined
}

/** All tools, page by page, without a client that keeps them. */
async function listAll(url: string): Promise<string[]> {
  const names: string[] = []
  let cursor: string | undefined
  do {
    const page = await fetch(
      url,
      modernRequest('tools/list', cursor === undefined ? {} : { cursor }),
    )
    const { result } = (await page.json()) as {
      result: { tools: { name: string }[]; nextCursor?: string }
    }
    names.push(...result.tools.map((it) => it.name))
    cursor = result.nextCursor
  } while (cursor !== undefined)
  return names
}

describe.each(['auto', 'legacy'] as const)('a client that connects in mode %s', (mode) => {
  it('sees and calls the tools of all servers', async () => {
    const { client } = await startAll(mode)
    const names = await namesOf(client)
    const servers = ['one', 'two', 'old', 'new']
    expect(names.map((name) => name.split('_')[0])).toEqual(
      names
        .map((name) => name.split('_')[0])
        .toSorted((a, b) => servers.indexOf(a ?? '') - servers.indexOf(b ?? '')),
    )
    expect(new Set(names.map((name) => name.split('_')[0]))).toEqual(new Set(servers))
    expect(names.filter((name) => name.startsWith('two_test_'))).toEqual([])
    expect(JSON.parse((await textOf(client, 'one_whoami')) ?? '')).toMatchObject({ name: 'one' })
    expect(JSON.parse((await textOf(client, 'two_who')) ?? '')).toMatchObject({ name: 'two' })
    for (const server of ['old', 'new']) {
      expect(
        await textOf(client, `${server}_echo`, { text: 'grüß 😀', message: 'grüß 😀' }),
      ).toContain('grüß 😀')
    }
    await expect(client.callTool({ name: 'two_test_simple_text' })).rejects.toMatchObject({
      code: -32_602,
    })
  })

  it('reads the resources of two servers that share their URIs', async () => {
    const { client } = await startAll(mode)
    const { resources } = await client.listResources()
    const uris = resources.map((it) => it.uri)
    expect(uris).toContain('test://static-text')
    expect(uris).toContain('sallyport://two/test://static-text')
    for (const uri of [
      'test://static-text',
      'sallyport://two/test://static-text',
      'sallyport://two/test://template/7/data',
    ]) {
      const { contents } = await client.readResource({ uri })
      expect(contents.map((it) => it.uri)).toEqual([uri])
    }
    const { resourceTemplates } = await client.listResourceTemplates()
    expect(resourceTemplates.map((it) => it.uriTemplate)).toContain(
      'sallyport://two/test://template/{id}/data',
    )
    await expect(client.readResource({ uri: 'test://nowhere' })).rejects.toMatchObject({
      code: expect.toSatisfy((code: number) => code === -32_602 || code === -32_002),
    })
  })

  it('gets the prompts of each', async () => {
    const { client } = await startAll(mode)
    const { prompts } = await client.listPrompts()
    expect(prompts.map((it) => it.name)).toContain('two_test_simple_prompt')
    const { messages } = await client.getPrompt({ name: 'two_test_simple_prompt' })
    expect(messages.length).toBeGreaterThan(0)
  })
})

describe('a merged route', () => {
  it('tells who listens of a change, and then gives the new list', async () => {
    const { client, gateway } = await startAll('auto')
    const url = `${gateway.url}/all`
    expect(await listAll(url)).not.toContain('one_extra_tool')
    const stop = new AbortController()
    onTestFinished(() => stop.abort())
    const notifications = {
      toolsListChanged: true,
      resourceSubscriptions: ['sallyport://two/test://static-text', 'test://nowhere'],
    }
    const request = modernRequest('subscriptions/listen', { notifications }, 'mine')
    const { body } = await fetch(url, { ...request, signal: stop.signal })
    const heard = eventsOf(body)
    const next = async () => (await heard.next()).value as { method: string; params: JsonObject }
    const acknowledged = await next()
    expect(acknowledged.method).toBe('notifications/subscriptions/acknowledged')
    expect(acknowledged.params).toMatchObject({
      notifications: {
        toolsListChanged: true,
        resourceSubscriptions: ['sallyport://two/test://static-text'],
      },
      _meta: { [META.subscriptionId]: 'mine' },
    })
    await textOf(client, 'one_test_trigger_tool_change')
    expect((await next()).method).toBe('notifications/tools/list_changed')
    expect(await listAll(url)).toContain('one_extra_tool')
  })

  it('answers without a server that is not there', async () => {
    const one = await startEverythingServer({ name: 'one' })
    onTestFinished(() => one.close())
    const gateway = await startTestGateway({
      servers: {
        one: [httpEndpoint(one.url)],
        gone: [httpEndpoint(`http://127.0.0.1:${await deadPort()}/mcp`)],
      },
      routes: { '/all': ['one', 'gone'] },
    })
    const client = new Client(
      { name: 'test', version: '1' },
      { versionNegotiation: { mode: 'auto' } },
    )
    onTestFinished(() => client.close())
    await client.connect(new StreamableHTTPClientTransport(new URL(`${gateway.url}/all`)))
    const { tools, _meta } = await client.listTools()
    expect(tools.length).toBeGreaterThan(10)
    expect(_meta).toMatchObject({ 'sallyport/missingServers': ['gone'] })
  })
})
