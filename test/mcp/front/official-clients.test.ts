// The official clients, unmodified, before both fronts and real servers of the one era and of the other.
import { Client as ModernClient, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CallToolResultSchema,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
  type CallToolResult,
} from '@modelcontextprotocol/sdk/types.js'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ServerView } from '../../../src/mcp/view/server-view.ts'
import {
  startEverythingServer,
  type EverythingServer,
} from '../../fixtures/everything-server/server.ts'
import {
  callText,
  connectClient,
  type Era,
} from '../../fixtures/everything-stdio/answering-client.ts'
import { until } from '../../support/servers.ts'
import { backOf as legacyBackOf } from '../back/legacy/back-of.ts'
import { backOf as modernBackOf } from '../back/modern/view-of.ts'
import { progress, ScriptedView, textResult } from './scripted-view.ts'
import { startFronts, type TestFronts } from './start-fronts.ts'

const URI = 'test://watched-resource'

async function startBefore(
  era: Era,
): Promise<TestFronts & { readonly everything: EverythingServer }> {
  const everything = await startEverythingServer({ eras: era })
  onTestFinished(() => everything.close())
  const view: ServerView =
    era === 'modern'
      ? (await modernBackOf([everything.url])).view
      : (await legacyBackOf([everything.url])).back
  return { ...(await startFronts({ view })), everything }
}

async function connectOld(url: string): Promise<OldClient> {
  const client = new OldClient(
    { name: 'old', version: '1.0.0' },
    { capabilities: { sampling: {}, elicitation: {}, roots: { listChanged: true } } },
  )
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    role: 'assistant',
    content: { type: 'text', text: 'Paris' },
    model: 'test-model',
  }))
  client.setRequestHandler(ElicitRequestSchema, () => ({
    action: 'accept',
    content: { answer: 'Alice', name: 'Alice', color: 'blue', ok: true },
  }))
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///root' }] }))
  const transport = new OldTransport(new URL(url))
  await client.connect(transport)
  onTestFinished(() => client.close())
  return client
}

async function connectNew(url: string, era: Era): Promise<ModernClient> {
  const client = await connectClient(new StreamableHTTPClientTransport(new URL(url)), era)
  onTestFinished(() => client.close())
  return client
}

const textOf = (result: unknown): string => {
  const [first] = (result as CallToolResult).content
  return first?.type === 'text' ? first.text : ''
}

describe.each(['modern', 'legacy'] as const)(
  'the client of the version 1 SDK, before a %s server',
  (era) => {
    it('lists, reads, completes, calls, and is asked for all there is to ask', async () => {
      const { url } = await startBefore(era)
      const client = await connectOld(url)
      expect(client.getServerVersion()?.name).toBe('everything-server')
      await client.ping()
      expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo')
      expect((await client.listPrompts()).prompts.length).toBeGreaterThan(0)
      expect((await client.listResourceTemplates()).resourceTemplates.length).toBeGreaterThan(0)
      expect((await client.readResource({ uri: URI })).contents.length).toBe(1)
      const call = (name: string, args: object) => client.callTool({ name, arguments: { ...args } })
      expect(textOf(await call('echo', { text: 'grüß 😀' }))).toContain('grüß 😀')
      expect(textOf(await call('ask', { kind: 'elicitation' }))).toContain('Alice')
      expect(textOf(await call('ask', { kind: 'sampling' }))).toContain('Paris')
      expect(textOf(await call('ask', { kind: 'roots' }))).toContain('file:///root')
      expect(await call('fail', {})).toMatchObject({ isError: true })
      await expect(client.readResource({ uri: 'test://none' })).rejects.toMatchObject({
        code: -32_002,
      })
    })

    it('sees progress and logs, and cancels', async () => {
      const { url, everything } = await startBefore(era)
      const client = await connectOld(url)
      const logs: unknown[] = []
      client.setNotificationHandler(
        LoggingMessageNotificationSchema,
        ({ params }) => void logs.push(params.data),
      )
      await client.setLoggingLevel('warning')
      await client.callTool({ name: 'log', arguments: { messages: 2, level: 'info' } })
      await client.callTool({ name: 'log', arguments: { messages: 2, level: 'error' } })
      expect(logs).toEqual(['log 1', 'log 2'])
      const leave = new AbortController()
      const seen: number[] = []
      const slow = client.callTool(
        { name: 'slow', arguments: { steps: 1_000, stepMs: 20 } },
        CallToolResultSchema,
        {
          signal: leave.signal,
          onprogress: ({ progress: count }) => {
            seen.push(count)
            if (count === 3) leave.abort('enough')
          },
        },
      )
      await expect(slow).rejects.toThrow('enough')
      expect(seen).toEqual([1, 2, 3])
      await until(() => everything.tally.cancelled === 1, 'the cancellation')
      expect(everything.tally).toMatchObject({ started: 1, finished: 0 })
    })

    it('hears of changes to a list and to a resource', async () => {
      const { url } = await startBefore(era)
      const client = await connectOld(url)
      const heard = new Set<string>()
      client.setNotificationHandler(
        ToolListChangedNotificationSchema,
        () => void heard.add('tools'),
      )
      client.setNotificationHandler(
        ResourceUpdatedNotificationSchema,
        ({ params }) => void heard.add(params.uri),
      )
      await client.subscribeResource({ uri: URI })
      await until(async () => {
        await client.callTool({ name: 'touch', arguments: {} })
        await client.callTool({ name: 'test_trigger_tool_change', arguments: {} })
        return heard.size === 2
      }, 'both changes')
      expect(heard).toEqual(new Set([URI, 'tools']))
      await client.unsubscribeResource({ uri: URI })
    })
  },
)

const V2: readonly [Era, Era][] = [
  ['legacy', 'modern'],
  ['legacy', 'legacy'],
  ['modern', 'modern'],
  ['modern', 'legacy'],
]

describe.each(V2)(
  'the client of the version 2 SDK, %s, before a %s server',
  (clientEra, serverEra) => {
    it('lists, calls, and is asked for all there is to ask', async () => {
      const { url } = await startBefore(serverEra)
      const client = await connectNew(url, clientEra)
      expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo')
      expect(await callText(client, 'echo', { text: 'grüß 😀' })).toContain('grüß 😀')
      expect(await callText(client, 'ask', { kind: 'elicitation' })).toContain('Alice')
      expect(await callText(client, 'ask', { kind: 'sampling' })).toContain('Paris')
      expect(await callText(client, 'ask', { kind: 'roots' })).toContain('file:///root')
    })

    it('sees progress and cancels', async () => {
      const { url, everything } = await startBefore(serverEra)
      const client = await connectNew(url, clientEra)
      const leave = new AbortController()
      const slow = client.callTool(
        { name: 'slow', arguments: { steps: 1_000, stepMs: 20 } },
        {
          signal: leave.signal,
          onprogress: ({ progress: count }) => {
            if (count === 3) leave.abort('enough')
          },
        },
      )
      await expect(slow).rejects.toThrow('enough')
      await until(() => everything.tally.cancelled === 1, 'the cancellation')
    })

    it('hears of a resource that changed', async () => {
      const { url } = await startBefore(serverEra)
      const client = await connectNew(url, clientEra)
      const heard = new Set<string>()
      client.setNotificationHandler(
        'notifications/resources/updated',
        ({ params }) => void heard.add(params.uri),
      )
      if (clientEra === 'modern') await client.listen({ resourceSubscriptions: [URI] })
      else await client.subscribeResource({ uri: URI })
      await until(async () => {
        await callText(client, 'touch')
        return heard.size === 1
      }, 'the change')
      expect(heard).toEqual(new Set([URI]))
    })
  },
)

/** A call that is cancelled after it began to stream, and how the client's attempts to resume it were answered. */
async function cancelStreaming(
  connect: (
    url: string,
    fetching: typeof fetch,
  ) => Promise<(signal: AbortSignal, onSeen: () => void) => Promise<unknown>>,
): Promise<readonly number[]> {
  const view = new ScriptedView({
    'tools/list': () => ({ tools: [] }),
    'tools/call': ({ sink, request }) => {
      const { progressToken } = request.params['_meta'] as { progressToken: unknown }
      sink.onNotification(progress(progressToken, 1))
      return undefined
    },
  })
  const { url } = await startFronts({ view })
  const resumed: number[] = []
  const call = await connect(url, async (input, init) => {
    const answer = await fetch(input, init)
    if (new Headers(init?.headers).has('last-event-id')) resumed.push(answer.status)
    return answer
  })
  const leave = new AbortController()
  await expect(call(leave.signal, () => leave.abort('enough'))).rejects.toThrow('enough')
  await until(() => resumed.length > 0, 'the client to come back')
  return resumed
}

describe('a legacy client that cancels a call on a stream', () => {
  it('comes back for the rest, because the stream ended without an answer, and is told that there is none', async () => {
    const old = await cancelStreaming(async (url, fetching) => {
      const client = new OldClient({ name: 'old', version: '1' })
      await client.connect(new OldTransport(new URL(url), { fetch: fetching }))
      onTestFinished(() => client.close())
      return (signal, onprogress) =>
        client.callTool({ name: 'x' }, CallToolResultSchema, { signal, onprogress })
    })
    expect(old).toEqual([204])
    const newer = await cancelStreaming(async (url, fetching) => {
      const transport = new StreamableHTTPClientTransport(new URL(url), { fetch: fetching })
      const client = await connectClient(transport, 'legacy')
      onTestFinished(() => client.close())
      return (signal, onprogress) => client.callTool({ name: 'x' }, { signal, onprogress })
    })
    expect(newer).toEqual([204])
  })
})

describe('a legacy client whose connection breaks', () => {
  it('gets the rest of its call, and the answer, by itself', async () => {
    const view = new ScriptedView({
      'tools/list': () => ({ tools: [] }),
      'tools/call': ({ sink, request }) => {
        sink.onNotification(
          progress((request.params['_meta'] as { progressToken: unknown }).progressToken, 1),
        )
        return undefined
      },
    })
    const { url } = await startFronts({ view })
    const cut = new AbortController()
    const fetchCut: typeof fetch = async (input, init) => {
      const isCall = typeof init?.body === 'string' && init.body.includes('tools/call')
      return fetch(input, { ...init, ...(isCall && { signal: cut.signal }) })
    }
    const client = new OldClient({ name: 'old', version: '1' })
    await client.connect(new OldTransport(new URL(url), { fetch: fetchCut }))
    onTestFinished(() => client.close())
    const seen: number[] = []
    const call = client.callTool({ name: 'x' }, CallToolResultSchema, {
      onprogress: ({ progress: count }) => {
        seen.push(count)
        if (count === 1) cut.abort()
      },
    })
    await until(() => seen.length === 1, 'the first progress')
    const [{ sink, request, ...scripted }] = view.of('tools/call') as [(typeof view.calls)[0]]
    const token = (request.params['_meta'] as { progressToken: unknown }).progressToken
    sink.onNotification(progress(token, 2))
    sink.onResult({ resultType: 'complete', ...textResult('after all') })
    expect(textOf(await call)).toBe('after all')
    expect(seen).toEqual([1, 2])
    expect(scripted.cancelled).toBe(false)
  })
})
