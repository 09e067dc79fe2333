// Calls with values large enough to stay bytes on the working lane, through a whole gateway with a plugin: what goes on is
// compared with what came, because memory that was given back too early shows as another call's bytes.
import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import type { HookName } from '../../../src/plugins/index.ts'
import type { JsonObject } from '../../../src/wire/index.ts'
import { optionsOf } from '../../plugins/chain-of.ts'
import { httpEndpoint, startTestGateway } from '../../support/gateway.ts'
import {
  initialize,
  legacyMessage,
  modernRequest,
  openSession,
} from '../../support/mcp-messages.ts'
import { startHttpServer } from '../../support/servers.ts'

const DISCOVERED = {
  resultType: 'complete',
  ttlMs: 60_000,
  cacheScope: 'public',
  supportedVersions: ['2026-07-28'],
  capabilities: { tools: {} },
}

type CallParams = { readonly name: string; readonly arguments: JsonObject }

/** A modern server that answers tool calls with what `answer` writes as the result. */
async function startServer(answer: (params: CallParams) => string) {
  /** As they came. */
  const bodies: string[] = []
  const { url } = await startHttpServer((request, response) => {
    void buffer(request).then((bytes) => {
      const body = String(bytes)
      const { id, method, params } = JSON.parse(body) as {
        id: number
        method: string
        params: CallParams
      }
      const isCall = method === 'tools/call'
      if (isCall) bodies.push(body)
      const result = isCall ? answer(params) : JSON.stringify({ ...DISCOVERED, tools: [] })
      response.writeHead(200, { 'content-type': 'application/json' })
      return response.end(`{"jsonrpc":"2.0","id":${id},"result":${result}}`)
    })
  })
  return { url, bodies }
}

interface PluginCall {
  readonly hook_type: HookName
  readonly payload: JsonObject
}

/** A gateway with one server and one plugin on the route. */
async function start(
  answer: (params: CallParams) => string,
  hooks: readonly HookName[],
  modify: (payload: JsonObject) => JsonObject | undefined = () => undefined,
) {
  const server = await startServer(answer)
  const seen: JsonObject[] = []
  const guard = await startServer(({ arguments: args }) => {
    const { payload } = args as unknown as PluginCall
    seen.push(payload)
    const result = { continue_processing: true, modified_payload: modify(payload) }
    const text = JSON.stringify({ plugin_name: 'guard', result })
    return JSON.stringify({ resultType: 'complete', content: [{ type: 'text', text }] })
  })
  const gateway = await startTestGateway({
    servers: { weather: [httpEndpoint(server.url)] },
    plugins: [optionsOf('guard', { hooks, endpoint: httpEndpoint(guard.url) })],
  })
  return { url: `${gateway.url}/weather`, server, guard, seen }
}

const textOf = (bytes: number): string => randomBytes(bytes / 2).toString('hex')

const resultOf = (text: string): string =>
  JSON.stringify({ resultType: 'complete', content: [{ type: 'text', text }] })

interface Answered {
  readonly id: number
  readonly result: JsonObject & { readonly content: readonly { readonly text: string }[] }
}

async function call(url: string, args: string): Promise<Answered> {
  const message = modernRequest('tools/call', { name: 'echo', arguments: 0 })
  const body = message.body.replace('"arguments":0', () => `"arguments":${args}`)
  const response = await fetch(url, { ...message, body })
  return (await response.json()) as Answered
}

describe('a large result that no plugin changes', () => {
  it('reaches plugin and client whole, call after call', async () => {
    const echo = ({ arguments: args }: CallParams): string => resultOf(String(args['text']))
    const { url, seen } = await start(echo, ['tool_post_invoke'])
    const texts = Array.from({ length: 12 }, () => textOf(200_000))
    const answers = await Promise.all(texts.map((text) => call(url, JSON.stringify({ text }))))
    expect(answers.map(({ result }) => result.content[0]?.text === texts.shift())).toEqual(
      answers.map(() => true),
    )
    expect(seen).toHaveLength(answers.length)
    const shown = seen.map(({ result }) => JSON.stringify(result).length)
    expect(Math.min(...shown)).toBeGreaterThan(200_000)
  })

  it('reaches a legacy client whole, in a batch as well', async () => {
    const echo = ({ arguments: args }: CallParams): string => resultOf(String(args['text']))
    const { url } = await start(echo, ['tool_post_invoke'])
    const [first, second] = [textOf(200_000), textOf(200_000)]
    const requestOf = (id: number, text: string) => ({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: { name: 'echo', arguments: { text } },
    })
    const session = await openSession(url)
    const one = await fetch(url, legacyMessage(requestOf(1, first), session))
    expect(((await one.json()) as Answered).result.content[0]?.text === first).toBe(true)

    const old = initialize()
    const body = old.body.replace('2025-11-25', '2025-03-26')
    const opened = await fetch(url, { ...old, body })
    await opened.text()
    const id = opened.headers.get('mcp-session-id') ?? ''
    const { headers } = legacyMessage({}, id)
    const batch = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'mcp-protocol-version': '2025-03-26' },
      body: JSON.stringify([requestOf(1, first), requestOf(2, second)]),
    })
    const answers = (await batch.json()) as Answered[]
    const texts = answers.toSorted((a, b) => a.id - b.id).map((it) => it.result.content[0]?.text)
    expect(texts.map((text) => text === first || text === second)).toEqual([true, true])
    expect(new Set(texts).size).toBe(2)
  })

  it('says the same to plugin and client where its bytes repeat a name', async () => {
    const structured = `{"pad":"${textOf(20_000)}","who":"eve","who":"bob"}`
    const answer = (): string =>
      `{"resultType":"complete","content":[],"structuredContent":${structured}}`
    const { url, seen } = await start(answer, ['tool_post_invoke'])
    const message = modernRequest('tools/call', { name: 'echo', arguments: {} })
    const body = await (await fetch(url, message)).text()
    expect(body).toContain('"who":"bob"')
    expect(body).not.toContain('eve')
    expect(JSON.stringify(seen)).toContain('"who":"bob"')
  })
})

describe('a large result that a plugin changes', () => {
  it('reaches the client as it was changed', async () => {
    const replacement = textOf(300_000)
    const { url } = await start(
      () => resultOf(`secret ${textOf(200_000)}`),
      ['tool_post_invoke'],
      () => ({ result: { content: [{ type: 'text', text: replacement }] } }),
    )
    const { result } = await call(url, '{}')
    expect(result.content[0]?.text === replacement).toBe(true)
    expect(JSON.stringify(result)).not.toContain('secret')
  })
})

describe('large arguments', () => {
  const done = (): string => resultOf('done')

  it('that no plugin changes say the same to plugin and server where their bytes repeat a name', async () => {
    const { url, server, guard } = await start(done, ['tool_pre_invoke'])
    const pad = textOf(20_000)
    await call(url, `{"pad":"${pad}","n":12345678901234567890,"who":"eve","who":"bob"}`)
    const expected = `{"pad":"${pad}","n":12345678901234567890,"who":"bob"}`
    expect(guard.bodies[0]?.includes(`"args":${expected}`)).toBe(true)
    expect(server.bodies[0]?.includes(`"arguments":${expected}`)).toBe(true)
  })

  it('stay as they are written where no plugin looks at them', async () => {
    const { url, server } = await start(done, ['tool_post_invoke'])
    const args = `{ "pad": "${textOf(20_000)}", "x": 1.0 }`
    await call(url, args)
    expect(server.bodies[0]?.includes(`"arguments":${args}`)).toBe(true)
  })

  it('reach the server as a plugin changed them', async () => {
    const replacement = textOf(20_000)
    const { url, server } = await start(done, ['tool_pre_invoke'], () => ({
      name: 'other',
      args: { text: replacement },
    }))
    await call(url, JSON.stringify({ text: `secret ${textOf(20_000)}` }))
    const { params } = JSON.parse(server.bodies[0] ?? '') as { params: CallParams }
    expect(params.name).toBe('other')
    expect(params.arguments['text'] === replacement).toBe(true)
    expect(server.bodies[0]).not.toContain('secret')
  })
})
