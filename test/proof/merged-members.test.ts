// The members of a merged route one by one: how what they offer is named, paged and put together, and what clients of both
// eras see of it when one of them hangs, dies, comes back, or has become a server of the other era.
import { resolve } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  startEverythingServer,
  type EverythingOptions,
} from '../fixtures/everything-server/server.ts'
import { startSdkV1Server } from '../fixtures/sdk-v1-http/server.ts'
import { askTask } from '../gateway/task-client.ts'
import { startTaskServer } from '../gateway/task-server.ts'
import {
  httpEndpoint,
  nodeEndpoint,
  startTestGateway,
  type TestGatewayOptions,
} from '../support/gateway.ts'
import { startHttpServer, until } from '../support/servers.ts'

type Era = 'modern' | 'legacy'

async function connect(url: string, era: Era): Promise<Client> {
  const mode = era === 'legacy' ? 'legacy' : { pin: '2026-07-28' as const }
  const client = new Client({ name: 'merged', version: '1' }, { versionNegotiation: { mode } })
  await client.connect(new StreamableHTTPClientTransport(new URL(url)))
  onTestFinished(() => client.close())
  return client
}

async function start(options: EverythingOptions) {
  const server = await startEverythingServer(options)
  let isClosed = false
  const close = async (): Promise<void> => {
    if (isClosed) return
    isClosed = true
    await server.close()
  }
  onTestFinished(close)
  return { ...server, close }
}

/** A modern server and a legacy one with the same tools, prompts and resources, and one over stdio. */
async function startThree(options: Partial<TestGatewayOptions> = {}) {
  const [modern, old] = [
    await start({ eras: 'modern', name: 'new' }),
    await start({ eras: 'legacy', name: 'old' }),
  ]
  const child = resolve(import.meta.dirname, '../fixtures/everything-stdio/legacy.ts')
  const gateway = await startTestGateway({
    servers: {
      new: [httpEndpoint(modern.url)],
      old: [httpEndpoint(old.url)],
      child: [nodeEndpoint([child])],
    },
    routes: { '/all': ['new', 'old', 'child'] },
    ...options,
    catalog: { timeoutMs: 3_000, ...options.catalog },
  })
  return { modern, old, gateway, url: `${gateway.url}/all` }
}

async function toolsOf(client: Client) {
  const { tools, _meta } = await client.listTools()
  return { names: tools.map(({ name }) => name), missing: _meta?.['sallyport/missingServers'] }
}

async function textOf(client: Client, name: string, args: Record<string, unknown> = {}) {
  const { content } = await client.callTool({ name, arguments: args })
  const [first] = content
  return first?.type === 'text' ? first.text : ''
}

const prefixesOf = (names: readonly string[]): string[] =>
  [...new Set(names.map((name) => name.split('_')[0] ?? ''))].toSorted()

const WAIT = { timeout: 20_000, interval: 50 }

describe.each(['modern', 'legacy'] as const)('a %s client', (era) => {
  it('sees names with a prefix only where two servers have the same', async () => {
    const { url } = await startThree({ catalog: { names: 'prefix_on_conflict' } })
    const client = await connect(url, era)
    const { names } = await toolsOf(client)
    expect(names).toContain('new_echo')
    expect(names).toContain('child_echo')
    expect(names).toContain('old_whoami')
    expect(names).not.toContain('echo')
    // Only the program has it.
    expect(names).toContain('pid')
    expect(await textOf(client, 'pid')).toMatch(/^\d+$/)
    expect(JSON.parse(await textOf(client, 'old_whoami'))).toMatchObject({ name: 'old' })
  })

  it('sees names as they are, of the server listed first where two have the same', async () => {
    const { url } = await startThree({ catalog: { names: 'keep' } })
    const client = await connect(url, era)
    const { names } = await toolsOf(client)
    expect(names.filter((name) => name === 'whoami')).toHaveLength(1)
    expect(new Set(names).size).toBe(names.length)
    expect(JSON.parse(await textOf(client, 'whoami'))).toMatchObject({ name: 'new' })
    expect(await textOf(client, 'pid')).toMatch(/^\d+$/)
  })

  it('sees the tools that the rules let through, by the names they give, also of one server', async () => {
    const tools = {
      new: { allow: ['e*', 'whoami'], rename: new Map([['echo', 'say']]) },
      old: { deny: ['test_*', 'slow'] },
      child: { allow: [] },
    }
    const { gateway, url } = await startThree({ tools })
    const merged = await connect(url, era)
    const { names } = await toolsOf(merged)
    expect(names.filter((name) => name.startsWith('new_')).toSorted()).toEqual([
      'new_say',
      'new_whoami',
    ])
    expect(names.filter((name) => /^(?:old_(?:test_|slow)|child_)/.test(name))).toEqual([])
    expect(await textOf(merged, 'new_say', { text: 'hi' })).toBe('hi')
    const alone = await connect(`${gateway.url}/new`, era)
    expect((await toolsOf(alone)).names.toSorted()).toEqual(['say', 'whoami'])
    expect(await textOf(alone, 'say', { text: 'hi' })).toBe('hi')
    for (const [client, name] of [
      [alone, 'echo'],
      [merged, 'new_echo'],
      [merged, 'old_slow'],
    ] as const) {
      await expect(client.callTool({ name })).rejects.toMatchObject({ code: -32_602 })
    }
  })

  it('gets what all servers say of themselves, together', async () => {
    const { url } = await startThree()
    const client = await connect(url, era)
    expect(client.getServerVersion()?.name).toBe('sallyport')
    expect(client.getServerCapabilities()).toMatchObject({
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { listChanged: true, subscribe: true },
      completions: {},
      logging: {},
    })
    expect(client.getInstructions()).toMatch(
      /^# new\n\nA server for tests[^]*\n\n# old\n\nA server/,
    )
  })

  it('hears that a list of any server has changed, and gets the new one', async () => {
    const { url } = await startThree()
    const client = await connect(url, era)
    let changes = 0
    client.setNotificationHandler('notifications/tools/list_changed', () => void changes++)
    if (era === 'modern') await client.listen({ toolsListChanged: true })
    for (const server of ['new', 'old']) {
      expect((await toolsOf(client)).names).not.toContain(`${server}_extra_tool`)
      // A legacy client opens its event stream, and the gateway that of the server, in their own time: what comes before is
      // not heard of.
      await expect
        .poll(async () => {
          const before = changes
          const told = await textOf(client, `${server}_test_trigger_tool_change`)
          const isSeen = async (): Promise<boolean> => {
            const { names } = await toolsOf(client)
            const isThere = names.includes(`${server}_extra_tool`)
            return changes > before && isThere === (told === 'added')
          }
          return until(isSeen, 'the change', 2_000).then(
            () => true,
            () => false,
          )
        }, WAIT)
        .toBe(true)
    }
  })

  it('reads resources, templates and prompts of the same names from the server it means', async () => {
    const { url } = await startThree()
    const client = await connect(url, era)
    const { resources } = await client.listResources()
    const uris = resources.map(({ uri }) => uri)
    expect(uris).toContain('test://watched-resource')
    expect(new Set(uris).size).toBe(uris.length)
    const revisions = async () =>
      Promise.all(
        ['', 'sallyport://old/', 'sallyport://child/'].map(async (wrap) => {
          const uri = `${wrap}test://watched-resource`
          const { contents } = await client.readResource({ uri })
          expect(contents[0]?.uri).toBe(uri)
          return (contents[0] as { text?: string }).text
        }),
      )
    expect(await revisions()).toEqual(['revision 1', 'revision 1', 'revision 1'])
    await textOf(client, 'old_touch')
    expect(await revisions()).toEqual(['revision 1', 'revision 2', 'revision 1'])
    const { prompts } = await client.listPrompts()
    const greetings = prompts.map(({ name }) => name).filter((name) => name.endsWith('_greeting'))
    expect(greetings).toEqual(['new_greeting', 'old_greeting', 'child_greeting'])
    for (const name of greetings) {
      const { messages } = await client.getPrompt({ name, arguments: { who: 'Ada' } })
      expect(messages[0]?.content).toMatchObject({ text: 'Please greet Ada.' })
    }
  })

  it('gets the tools of the others in time when one server hangs, and is told which is missing', async () => {
    const hanging = await startHttpServer(() => undefined)
    const { modern, old } = await startThree()
    const gateway = await startTestGateway({
      servers: {
        new: [httpEndpoint(modern.url)],
        old: [httpEndpoint(old.url)],
        hangs: [httpEndpoint(hanging.url)],
      },
      routes: { '/all': ['new', 'hangs', 'old'] },
      catalog: { timeoutMs: 500 },
    })
    const client = await connect(`${gateway.url}/all`, era)
    const begun = performance.now()
    const { names, missing } = await toolsOf(client)
    expect(performance.now() - begun).toBeLessThan(1_500)
    expect(prefixesOf(names)).toEqual(['new', 'old'])
    expect(missing).toEqual(['hangs'])
  })

  it('sees a server go and come back, and that it has become one of the other era', async () => {
    const { modern, url } = await startThree({
      healthIntervalMs: 200,
      catalog: { pollIntervalMs: 300 },
    })
    const client = await connect(url, era)
    expect(prefixesOf((await toolsOf(client)).names)).toEqual(['child', 'new', 'old'])
    await modern.close()
    await expect(client.callTool({ name: 'new_whoami' })).rejects.toThrow(
      /GW_UPSTREAM_|endpoint could not be reached|The endpoint/,
    )
    // The others are not held up by it.
    expect(JSON.parse(await textOf(client, 'old_whoami'))).toMatchObject({ name: 'old' })
    for (const eras of ['modern', 'legacy', 'modern'] as const) {
      const next = await start({ eras, name: `now ${eras}`, port: modern.port })
      await expect
        .poll(() => textOf(client, 'new_whoami').catch(String), WAIT)
        .toContain(`"now ${eras}"`)
      expect(prefixesOf((await toolsOf(client)).names)).toEqual(['child', 'new', 'old'])
      await next.close()
    }
  })
})

/** The pages of a list, one after the other; `between` runs before each but the first. */
async function pages(url: string, between: (page: number) => Promise<void> = async () => {}) {
  const names: string[][] = []
  let cursor: unknown
  do {
    if (names.length > 0) await between(names.length)
    const { result, error } = await askTask(
      url,
      'tools/list',
      cursor === undefined ? {} : { cursor },
    )
    if (result === undefined) throw new Error(JSON.stringify(error))
    names.push((result['tools'] as { name: string }[]).map(({ name }) => name))
    cursor = result['nextCursor']
  } while (cursor !== undefined)
  return names
}

describe('pages of a merged list', () => {
  it('are no longer than said, and together are the list, in the order of the servers', async () => {
    const { url } = await startThree({ catalog: { pageSize: 7 } })
    const each = await pages(url)
    expect(each.slice(0, -1).every(({ length }) => length === 7)).toBe(true)
    const all = each.flat()
    expect(new Set(all).size).toBe(all.length)
    const order = ['new', 'old', 'child']
    const places = all.map((name) => order.indexOf(name.split('_')[0] ?? ''))
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    expect((await pages(url)).flat()).toEqual(all)
  })

  it('go on where they were when a server leaves between two of them, and when it comes back', async () => {
    const { old, url } = await startThree({
      healthIntervalMs: 100,
      catalog: { pageSize: 7, pollIntervalMs: 200 },
    })
    const whole = (await pages(url)).flat()
    const isOld = (name: string): boolean => name.startsWith('old_')
    const seen = await pages(url, async (page) => {
      if (page === 1) await old.close()
      if (page === 2) await start({ eras: 'legacy', name: 'old', port: old.port })
    })
    const all = seen.flat()
    expect(new Set(all).size).toBe(all.length)
    // Nothing of the servers that stayed is left out or said twice.
    expect(all.filter((name) => !isOld(name))).toEqual(whole.filter((name) => !isOld(name)))
  })

  it('have cursors that are good for this route alone', async () => {
    const { gateway, url } = await startThree({
      catalog: { pageSize: 7 },
      routes: { '/all': ['new', 'old', 'child'], '/two': ['new', 'old'] },
    })
    const { result } = await askTask(url, 'tools/list', {})
    const cursor = result?.['nextCursor'] as string
    for (const [path, method, given] of [
      ['/two', 'tools/list', cursor],
      ['/all', 'prompts/list', cursor],
      ['/all', 'tools/list', `${cursor}A`],
    ] as const) {
      const refused = await askTask(gateway.url + path, method, { cursor: given })
      expect(refused.error).toMatchObject({ code: -32_602 })
    }
  })
})

describe('tasks of several servers', () => {
  it('are told apart although their ids are the same, down to the endpoint that has them', async () => {
    const servers = { a: ['a1', 'a2'], b: ['b1', 'b2'] }
    const started = new Map<string, Awaited<ReturnType<typeof startTaskServer>>>()
    for (const name of Object.values(servers).flat()) started.set(name, await startTaskServer(name))
    const endpointsOf = (names: readonly string[]) =>
      names.map((name) => httpEndpoint(started.get(name)?.url ?? ''))
    const gateway = await startTestGateway({
      servers: { a: endpointsOf(servers.a), b: endpointsOf(servers.b) },
      routes: { '/all': ['a', 'b'] },
    })
    const url = `${gateway.url}/all`
    for (const server of ['a', 'b']) {
      const { result } = await askTask(url, 'tools/call', { name: `${server}_slow` })
      expect(result).toMatchObject({ resultType: 'task', taskId: `${server}:task-1` })
    }
    for (let turn = 0; turn < 3; turn++) {
      for (const server of ['b', 'a']) {
        const taskId = `${server}:task-1`
        const { result } = await askTask(url, 'tasks/get', { taskId })
        expect(result).toMatchObject({ taskId, status: 'working' })
        expect(JSON.stringify(result?.['result'])).toContain(`of ${server}`)
      }
    }
    expect((await askTask(url, 'tasks/get', { taskId: 'c:task-1' })).error?.code).toBe(-32_602)
  })

  it('are not made by a legacy server among them, whose tools answer directly', async () => {
    const [old, tasks] = [
      await startSdkV1Server({ sessions: 'stateful' }),
      await startTaskServer('new'),
    ]
    onTestFinished(() => old.close())
    const gateway = await startTestGateway({
      servers: { old: [httpEndpoint(old.url)], new: [httpEndpoint(tasks.url)] },
      routes: { '/all': ['old', 'new'] },
    })
    const url = `${gateway.url}/all`
    const called = await askTask(url, 'tools/call', { name: 'old_echo', arguments: { text: 'hi' } })
    expect(called.result).toMatchObject({ content: [{ text: 'hi' }] })
    const refused = await askTask(url, 'tasks/get', { taskId: 'old:task-1' })
    expect(refused.error?.message).toMatch(/"old" speaks an earlier version/)
  })
})

it('clients that come and go leave room for others, although each needs a process of its own', async () => {
  const child = resolve(import.meta.dirname, '../fixtures/everything-stdio/legacy.ts')
  const gateway = await startTestGateway({
    servers: {
      one: [nodeEndpoint([child], { maxChildren: 3 })],
      two: [nodeEndpoint([child], { maxChildren: 3 })],
    },
    routes: { '/all': ['one', 'two'] },
  })
  for (let turn = 0; turn < 8; turn++) {
    const transport = new StreamableHTTPClientTransport(new URL(`${gateway.url}/all`))
    const client = new Client(
      { name: 'passing', version: '1' },
      { versionNegotiation: { mode: 'legacy' } },
    )
    await client.connect(transport)
    expect(await textOf(client, 'one_echo', { text: `${turn}` })).toBe(`${turn}`)
    expect(await textOf(client, 'two_echo', { text: `${turn}` })).toBe(`${turn}`)
    expect((await toolsOf(client)).missing).toBeUndefined()
    await transport.terminateSession()
    await client.close()
  }
})
