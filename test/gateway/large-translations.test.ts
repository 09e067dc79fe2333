// Large calls where the gateway says everything in another era's words, or in those of a merged view: what is large stays the
// bytes that it was, in both directions. Every byte of it is compared, because a piece in the wrong place, or given
// back too early, shows as another call's bytes.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { jsonValue } from '../../src/wire/index.ts'
import { httpEndpoint, startTestGateway } from '../support/gateway.ts'
import {
  legacyMessage,
  modernRequest,
  openSession,
  type PostedMessage,
} from '../support/mcp-messages.ts'
import { startHttpServer } from '../support/servers.ts'

type Era = 'modern' | 'legacy'

/** How a server sends its answers: in which form, and how much at a time. */
interface Manner {
  readonly isStream: boolean
  readonly pieceBytes: number
  /** When a call is answered; default: at once. */
  readonly after?: Promise<void>
}

const WHOLE: Manner = { isStream: false, pieceBytes: Infinity }
const MANNERS: readonly Manner[] = [
  WHOLE,
  { isStream: false, pieceBytes: 5_000 },
  { isStream: true, pieceBytes: Infinity },
  { isStream: true, pieceBytes: 5_000 },
]

/** A server of one era that answers each call with its arguments, byte for byte, as text and as structured content. */
async function startEcho(era: Era, manner: Manner, prefix: object[] = []) {
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request)
    if (request.method !== 'POST') {
      response.writeHead(405).end()
      return
    }
    if ((request.headers['mcp-method'] !== undefined) !== (era === 'modern')) {
      refuse(response)
      return
    }
    const { id, method } = JSON.parse(String(body)) as { id?: unknown; method: string }
    const head = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":`
    const isFirst = jsonValue(body, ['params', 'requestState']) === undefined
    const name = String(jsonValue(body, ['params', 'name']))
    if (id === undefined) response.writeHead(202).end()
    else if (name === '"twice"' && isFirst) {
      const result = { resultType: 'input_required', inputRequests: {}, requestState: 'again' }
      await send(response, WHOLE, `${head}${JSON.stringify(result)}}`)
    } else if (method === 'tools/call') {
      const args = String(jsonValue(body, ['params', 'arguments']))
      const blocks = [...prefix, { type: 'text', text: args }].map((it) => JSON.stringify(it))
      const type = era === 'modern' ? '"resultType":"complete",' : ''
      const result = `{${type}"content":[${blocks.join(', ')}],"structuredContent":${args}}`
      await send(response, manner, `${head}${result}}`)
    } else {
      const result = era === 'modern' ? modernOwn(method) : LEGACY_OWN
      response.setHeader('mcp-session-id', 's-1')
      await send(response, WHOLE, `${head}${JSON.stringify(result)}}`)
    }
  }
  const server = await startHttpServer((request, response) => void take(request, response))
  return httpEndpoint(server.url, { maxConnections: 6 })
}

/** As servers do that know nothing of the other era. */
function refuse(response: ServerResponse): void {
  const error = { code: -32_600, message: 'Bad Request: Unsupported protocol version' }
  const headers = { 'content-type': 'application/json' }
  response.writeHead(400, headers).end(JSON.stringify({ jsonrpc: '2.0', id: null, error }))
}

async function send(
  response: ServerResponse,
  { isStream, pieceBytes, after }: Manner,
  json: string,
): Promise<void> {
  await after
  response.setHeader('content-type', isStream ? 'text/event-stream' : 'application/json')
  const bytes = Buffer.from(isStream ? `data: ${json}\n\n` : json)
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    if (!response.write(bytes.subarray(at, at + pieceBytes))) await once(response, 'drain')
  }
  response.end()
}

function modernOwn(method: string): object {
  const cache = { resultType: 'complete', ttlMs: 60_000, cacheScope: 'public' }
  const capabilities = { tools: {}, resources: {} }
  if (method === 'server/discover')
    return { ...cache, supportedVersions: ['2026-07-28'], capabilities }
  return { ...cache, tools: [], resources: [], resourceTemplates: [], prompts: [] }
}

const LEGACY_OWN = {
  protocolVersion: '2025-11-25',
  capabilities: { tools: {} },
  serverInfo: { name: 'echo', version: '1' },
}

/** Nothing that JSON.parse and JSON.stringify would leave as it is. */
const argumentsOf = (bytes: number): string => {
  const text = randomBytes(Math.ceil(bytes / 2)).toString('hex')
  return `{ "n" : 12345678901234567890 , "x": 1.0, "t": "\\u0041\\/€${text}", "a": [ ] }`
}

/** The message with these arguments, as written. */
const withArguments = ({ body, ...message }: PostedMessage, args: string): PostedMessage => ({
  ...message,
  body: body.replace('"arguments":0', () => `"arguments":${args}`),
})

async function post(
  url: string,
  { method, headers, body }: PostedMessage,
  beforeReading?: () => Promise<unknown>,
): Promise<Buffer> {
  const fields = { ...headers, 'content-length': Buffer.byteLength(body) }
  const request = httpRequest(url, { method, headers: fields, agent: false })
  const answered = once(request, 'response') as Promise<[IncomingMessage]>
  request.end(body)
  const [response] = await answered
  await beforeReading?.()
  const bytes = await buffer(response)
  const isStream = response.headers['content-type'] === 'text/event-stream'
  return isStream ? Buffer.from(/^data: (\{.*)$/m.exec(String(bytes))?.[1] ?? '') : bytes
}

interface Heard {
  readonly id: number
  readonly content: readonly { readonly text: string }[]
  /** As written. */
  readonly structured: string
}

function heard(answer: Buffer): Heard {
  const { id, result } = JSON.parse(String(answer)) as { id: number; result: Heard }
  const structured = String(jsonValue(answer, ['result', 'structuredContent']))
  return { id, content: result.content, structured }
}

/** A caller for clients of one era. */
async function caller(era: Era, url: string, name = 'echo') {
  const sessionId = era === 'legacy' ? await openSession(url) : undefined
  return (id: number, args: string, beforeReading?: () => Promise<unknown>) => {
    const params = { name, arguments: 0 }
    const message =
      era === 'modern'
        ? modernRequest('tools/call', params, id)
        : legacyMessage({ id, method: 'tools/call', params }, sessionId)
    return post(url, withArguments(message, args), beforeReading)
  }
}

const SIZES = [100, 9_000, 64_000, 65_536, 131_072, 300_000, 1_500_000]

describe.each([
  ['modern', 'legacy'],
  ['legacy', 'modern'],
] as const)('large calls of a %s client at a %s server', (client, server) => {
  it.each(MANNERS)('come back whole and to the right caller, answered as %o', async (manner) => {
    const gateway = await startTestGateway({ servers: { mcp: [await startEcho(server, manner)] } })
    const call = await caller(client, `${gateway.url}/mcp`)
    for (let round = 0; round < 2; round++) {
      const calls = SIZES.map((size, at) => ({ id: at + 1, args: argumentsOf(size) }))
      const answers = await Promise.all(calls.map(({ id, args }) => call(id, args)))
      for (const [at, { id, args }] of calls.entries()) {
        const { id: answered, content, structured } = heard(answers[at] as Buffer)
        expect(answered).toBe(id)
        const [{ text } = { text: '' }] = content
        expect(JSON.parse(text)).toEqual(JSON.parse(args))
        expect(text).toContain('12345678901234567890')
        expect(JSON.parse(structured)).toEqual(JSON.parse(args))
        expect(structured).toContain('12345678901234567890')
      }
    }
  })

  it('wait for a client that does not read, while others go on', async () => {
    const gateway = await startTestGateway({ servers: { mcp: [await startEcho(server, WHOLE)] } })
    const call = await caller(client, `${gateway.url}/mcp`)
    const slow = argumentsOf(2_000_000)
    const others = async (): Promise<void> => {
      for (let id = 2; id < 10; id++) {
        const args = argumentsOf(100_000)
        expect(JSON.parse(heard(await call(id, args)).structured)).toEqual(JSON.parse(args))
      }
    }
    const { structured } = heard(await call(1, slow, others))
    expect(JSON.parse(structured)).toEqual(JSON.parse(slow))
  })
})

describe('a large call of a modern client at a legacy server', () => {
  it('keeps the bytes of its arguments and of its structured content', async () => {
    const endpoint = await startEcho('legacy', WHOLE)
    const gateway = await startTestGateway({ servers: { mcp: [endpoint] } })
    const call = await caller('modern', `${gateway.url}/mcp`)
    const args = argumentsOf(100_000)
    const { content, structured } = heard(await call(1, args))
    expect(content[0]?.text === args).toBe(true)
    expect(structured === args).toBe(true)
  })

  it('may have line breaks between tokens, which an event stream cannot carry', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const endpoint = await startEcho('legacy', { ...WHOLE, after: promise })
    // The stream is opened because nothing has come for so long.
    const limits = { keepAliveMs: 10 }
    const gateway = await startTestGateway({ servers: { mcp: [endpoint] }, limits })
    const call = await caller('modern', `${gateway.url}/mcp`)
    const args = argumentsOf(100_000).replace(' ,', '\r\n,\n')
    const { structured } = heard(await call(1, args, async () => resolve()))
    expect(structured === args.replace('\r\n,\n', '  , ')).toBe(true)
  })
})

describe('a large call of a legacy client at a modern server', () => {
  it('is whole when the server wants it once more', async () => {
    const gateway = await startTestGateway({ servers: { mcp: [await startEcho('modern', WHOLE)] } })
    const call = await caller('legacy', `${gateway.url}/mcp`, 'twice')
    const calls = [1, 2, 3, 4].map((id) => ({ id, args: argumentsOf(200_000) }))
    const answers = await Promise.all(calls.map(({ id, args }) => call(id, args)))
    for (const [at, { args }] of calls.entries()) {
      const { structured } = heard(answers[at] as Buffer)
      expect(JSON.parse(structured)).toEqual(JSON.parse(args))
    }
  })
})

describe('a large call on a route of several servers', () => {
  it.each(MANNERS)(
    'comes back whole where both are of the modern era, answered as %o',
    async (manner) => {
      const gateway = await startTestGateway({
        servers: {
          one: [await startEcho('modern', manner)],
          two: [await startEcho('modern', manner)],
        },
        routes: { '/all': ['one', 'two'] },
      })
      const call = await caller('modern', `${gateway.url}/all`, 'two_echo')
      for (const [at, size] of SIZES.entries()) {
        const args = argumentsOf(size)
        const { id, content, structured } = heard(await call(at + 1, args))
        expect(id).toBe(at + 1)
        expect(JSON.parse(String(content[0]?.text))).toEqual(JSON.parse(args))
        expect(JSON.parse(structured)).toEqual(JSON.parse(args))
        expect(structured).toContain('12345678901234567890')
      }
    },
  )

  it.each(['modern', 'legacy'] as const)('of a %s client has its URIs exposed', async (client) => {
    const uri = 'x://same'
    const blob = randomBytes(50_000).toString('base64')
    const prefix = [
      { type: 'resource', resource: { uri, blob } },
      { type: 'resource_link', uri, name: 'r' },
    ]
    const gateway = await startTestGateway({
      servers: {
        one: [await startEcho('modern', WHOLE, prefix)],
        two: [await startEcho('legacy', WHOLE, prefix)],
      },
      routes: { '/all': ['one', 'two'] },
    })
    for (const server of ['one', 'two']) {
      const call = await caller(client, `${gateway.url}/all`, `${server}_echo`)
      const args = argumentsOf(100_000)
      const { content, structured } = heard(await call(1, args))
      const [embedded, link, echoed] = content as readonly Record<string, unknown>[]
      expect(embedded).toMatchObject({ resource: { blob } })
      expect(embedded?.['resource']).toMatchObject({ uri: link?.['uri'] })
      expect(JSON.parse(String(echoed?.['text']))).toEqual(JSON.parse(args))
      expect(JSON.parse(structured)).toEqual(JSON.parse(args))
    }
  })
})
