// What a server writes arrives in pieces that end anywhere: in the middle of a line, of a character, of a chunk's size. For
// translated calls each message of an answer is the same, wherever it was split.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { META } from '../../src/wire/index.ts'
import { httpEndpoint, nodeEndpoint, startTestGateway } from '../support/gateway.ts'
import { legacyMessage, modernRequest, openSession } from '../support/mcp-messages.ts'
import { jsonOf, startHttpServer } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { json } from './one-era-servers.ts'
import { messagesOf, RawCaller } from './raw-caller.ts'

type Era = 'legacy' | 'modern'

/** In every tongue of UTF-8: one to four bytes a character. */
const TEXT = 'a ü € 😀 \u2028 "\\'
const TOKEN = 'the client’s'

interface Request {
  readonly id?: string | number
  readonly method?: string
  readonly params?: { readonly _meta?: { readonly progressToken?: string | number } }
}

/** What a server of either era says to a call, in the order of saying it. */
function messagesFor({ id, params }: Request, era: Era): readonly object[] {
  const progressToken = params?._meta?.progressToken
  const progress = { progressToken, progress: 1, message: TEXT }
  const content = [{ type: 'text', text: TEXT }]
  return [
    { jsonrpc: '2.0', method: 'notifications/progress', params: progress },
    {
      jsonrpc: '2.0',
      id,
      result: { ...(era === 'modern' && { resultType: 'complete' }), content },
    },
  ]
}

/** As events: with every ending a line may have, a byte order mark, comments, an id, and data on several lines. */
function eventsOf([progress, result]: readonly object[]): string {
  const onLines = JSON.stringify(result, undefined, 1).replaceAll('\n', '\r\ndata: ')
  return (
    `\uFEFF: hello ü\r\n\r\nevent: message\rdata: ${JSON.stringify(progress)}\r\r` +
    `:\n\nid: 7\nretry: 50\nevent:message\r\ndata:${onLines}\r\n\r\n`
  )
}

const chunk = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])

/** A whole answer of HTTP/1.1, its body in three chunks, one of which ends in the middle of a character. */
function streamed(messages: readonly object[]): Buffer {
  const body = Buffer.from(eventsOf(messages))
  const inside = body.indexOf('😀') + 2
  const head =
    'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n'
  return Buffer.concat([
    Buffer.from(`${head}Connection: close\r\n\r\n`),
    chunk(body.subarray(0, inside)),
    chunk(body.subarray(inside, inside + 1)),
    chunk(body.subarray(inside + 1)),
    Buffer.from('0\r\n\r\n'),
  ])
}

function whole(messages: readonly object[]): Buffer {
  const body = Buffer.from(JSON.stringify(messages.at(-1)))
  const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`
  return Buffer.concat([Buffer.from(`${head}Connection: close\r\n\r\n`), body])
}

/** Where an answer is to be split; a step of one: everywhere. */
type Cuts = readonly number[] | 'everywhere'

async function writeIn(socket: Socket, bytes: Buffer, cuts: Cuts): Promise<void> {
  const ends =
    cuts === 'everywhere' ? Array.from(bytes, (_, at) => at + 1) : [...cuts, bytes.length]
  let from = 0
  for (const end of ends) {
    await new Promise<void>((resolve) => socket.write(bytes.subarray(from, end), () => resolve()))
    // The gateway runs in this process: after a turn of the loop it has read what was written.
    await nextTurn()
    await nextTurn()
    from = end
  }
  socket.end()
}

const INITIALIZED = {
  protocolVersion: '2025-11-25',
  capabilities: { tools: {}, logging: {} },
  serverInfo: { name: 'split', version: '1' },
}
const DISCOVERED = {
  resultType: 'complete',
  supportedVersions: ['2026-07-28'],
  capabilities: INITIALIZED.capabilities,
  ttlMs: 60_000,
  cacheScope: 'public',
}

/** A server of one era that splits its next answer to a call as `cuts` says. */
async function startSplitting(era: Era, form: (messages: readonly object[]) => Buffer) {
  let cuts: Cuts = []
  let length = 0
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const message = (await jsonOf(request)) as Request
    const { id, method } = message
    const answer = (result: object): void => json(response, 200, { jsonrpc: '2.0', id, result })
    const refuse = (status: number, code: number): void =>
      json(response, status, { jsonrpc: '2.0', id, error: { code, message: 'no' } })
    const isOfOtherEra =
      era === 'legacy' && request.headers['mcp-protocol-version'] === '2026-07-28'
    if (isOfOtherEra) refuse(400, -32_000)
    else if (id === undefined) json(response, 202)
    else if (method === 'tools/call') {
      const bytes = form(messagesFor(message, era))
      length = bytes.length
      await writeIn(request.socket, bytes, cuts)
    } else if (method === 'tools/list') {
      answer({ ...DISCOVERED, tools: [{ name: 'a', inputSchema: {} }] })
    } else if (era === 'legacy' && method === 'initialize') answer(INITIALIZED)
    else if (era === 'modern' && method === 'server/discover') answer(DISCOVERED)
    else refuse(400, method === 'initialize' ? -32_022 : -32_000)
  }
  const server = await startHttpServer((request, response) => {
    if (request.method === 'POST') void serve(request, response)
    else json(response, 405)
  })
  return {
    url: server.url,
    splitAt: (at: Cuts) => (cuts = at),
    answerBytes: () => length,
  }
}

const PARAMS = { name: 'a', arguments: {}, _meta: { progressToken: TOKEN } }

/** A client of the other era than the server's, which calls and returns all messages of the answer. */
async function callerOf(era: Era, url: string) {
  const caller = new RawCaller()
  const session = era === 'legacy' ? await openSession(url) : undefined
  return async (): Promise<readonly object[]> => {
    const message =
      era === 'legacy'
        ? legacyMessage({ id: 'c', method: 'tools/call', params: PARAMS }, session)
        : modernRequest('tools/call', PARAMS, 'c')
    const { body } = await caller.send(url, message)
    return messagesOf(body)
  }
}

/** What the client is to hear. */
function expected(
  client: Era,
  serverInfo: object | undefined,
  isStream: boolean,
): readonly object[] {
  const params = { progressToken: TOKEN, progress: 1, message: TEXT }
  const progress = { jsonrpc: '2.0', method: 'notifications/progress', params }
  const content = [{ type: 'text', text: TEXT }]
  const ofModern = {
    resultType: 'complete',
    ...(serverInfo && { _meta: { [META.serverInfo]: serverInfo } }),
  }
  const result = {
    jsonrpc: '2.0',
    id: 'c',
    result: { content, ...(client === 'modern' && ofModern) },
  }
  return isStream ? [progress, result] : [result]
}

describe.each([
  ['modern', 'legacy', 'an event stream', streamed],
  ['legacy', 'modern', 'an event stream', streamed],
  ['modern', 'legacy', 'JSON', whole],
  ['legacy', 'modern', 'JSON', whole],
] as const)('a %s client of a %s server that answers with %s', (client, server, _, form) => {
  it('hears the same, wherever the answer is split', async () => {
    const splitting = await startSplitting(server, form)
    const gateway = await startTestGateway({ servers: { it: [httpEndpoint(splitting.url)] } })
    const call = await callerOf(client, `${gateway.url}/it`)
    const info = client === 'modern' ? INITIALIZED.serverInfo : undefined
    const right = expected(client, info, form === streamed)
    expect(await call()).toEqual(right)
    const length = splitting.answerBytes()
    expect(length).toBeGreaterThan(150)
    for (let at = 1; at < length; at++) {
      splitting.splitAt([at])
      expect([at, await call()]).toEqual([at, right])
    }
    splitting.splitAt('everywhere')
    expect(await call()).toEqual(right)
  })
})

/** A stdio server that writes its answer to a call in two pieces, cut at the byte that is next. */
const LINES = `
import { createInterface } from 'node:readline'
import { writeSync } from 'node:fs'
const era = process.argv[2]
const write = (bytes) => { for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at) }
const say = (message) => write(Buffer.from(JSON.stringify(message) + '\\n'))
const answers = JSON.parse(process.argv[3])
let cut = 0
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  if (id === undefined) return
  if (method === 'tools/list') return say({ jsonrpc: '2.0', id, result: { ...answers.discover, tools: [] } })
  if (method === 'initialize' && era === 'legacy') return say({ jsonrpc: '2.0', id, result: answers.initialize })
  if (method === 'server/discover' && era === 'modern') return say({ jsonrpc: '2.0', id, result: answers.discover })
  if (method !== 'tools/call') return say({ jsonrpc: '2.0', id, error: { code: -32601, message: 'no' } })
  const progressToken = params._meta?.progressToken
  const lines = [
    { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken, ...answers.progress } },
    { jsonrpc: '2.0', id, result: { ...answers.result, cut } },
  ].map((it) => JSON.stringify(it) + '\\n').join('')
  const bytes = Buffer.from(lines)
  const at = cut++
  if (at >= bytes.length) {
    // Every byte by itself.
    let next = 0
    const more = () => {
      write(bytes.subarray(next, ++next))
      if (next < bytes.length) setImmediate(more)
    }
    return more()
  }
  write(bytes.subarray(0, at))
  setTimeout(() => write(bytes.subarray(at)), 2)
})
`

describe.each([
  ['modern', 'legacy'],
  ['legacy', 'modern'],
] as const)('a %s client of a %s server over stdio', (client, server) => {
  it('hears the same, wherever the lines are split', async () => {
    const script = join(temporaryFolder(), 'lines.mjs')
    writeFileSync(script, LINES)
    const [progress, result] = messagesFor({}, server) as [{ params: object }, { result: object }]
    const answers = {
      initialize: INITIALIZED,
      discover: DISCOVERED,
      progress: progress.params,
      result: result.result,
    }
    const endpoint = nodeEndpoint([script, server, JSON.stringify(answers)])
    const gateway = await startTestGateway({ servers: { it: [endpoint] } })
    const call = await callerOf(client, `${gateway.url}/it`)
    const info = client === 'modern' ? INITIALIZED.serverInfo : undefined
    const [first, last] = expected(client, info, true) as [object, { result: object }]
    const sample = messagesFor(
      { id: 1_000, params: { _meta: { progressToken: 'sample' } } },
      server,
    )
    // Enough for every byte, and for some answers that come byte by byte.
    const most = Buffer.byteLength(sample.map((it) => JSON.stringify(it)).join('\n')) + 40
    for (let cut = 0; cut < most; cut++) {
      const right = [first, { ...last, result: { ...last.result, cut } }]
      expect(await call()).toEqual(right)
    }
  })
})
