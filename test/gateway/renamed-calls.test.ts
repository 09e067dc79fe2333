// The short way of tool calls on a route of several servers: only the name changes on its way there, and on the way back only
// what leads to a resource.
import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, it } from 'vitest'
import { META } from '../../src/wire/index.ts'
import { httpEndpoint, startTestGateway } from '../support/gateway.ts'
import { modernRequest } from '../support/mcp-messages.ts'
import { startRpcServer } from '../support/servers.ts'

interface Seen {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const CALL = { 'content-type': 'application/json' }
const resultOf = (result: object): string => JSON.stringify({ jsonrpc: '2.0', id: 1, result })

/** A modern server with one resource that answers every call with the same bytes. */
async function startServer(answer: string, headers: Record<string, string> = CALL) {
  const calls: Seen[] = []
  const server = await startRpcServer(({ request, response, body, id, method }) => {
    if (method === 'tools/call') {
      calls.push({ headers: request.headers, body })
      response
        .writeHead(200, { ...headers, 'x-own': 'kept' })
        .end(answer.replace('"id":1,', `"id":${JSON.stringify(id)},`))
      return
    }
    response.writeHead(200, CALL).end(JSON.stringify({ jsonrpc: '2.0', id, result: own(method) }))
  })
  return { ...server, calls }
}

function own(method: string): object {
  const cache = { resultType: 'complete', ttlMs: 60_000, cacheScope: 'public' }
  const capabilities = { tools: {}, resources: {} }
  if (method === 'server/discover')
    return { ...cache, supportedVersions: ['2026-07-28'], capabilities }
  if (method === 'resources/list') return { ...cache, resources: [{ uri: 'x://same', name: 'r' }] }
  return { ...cache, tools: [], resourceTemplates: [], prompts: [] }
}

/** Two servers on one route, the first with this answer. The eras are known, as after the first list. */
async function startRoute(answer: string, headers?: Record<string, string>) {
  const first = await startServer(answer, headers)
  const second = await startServer(answer, headers)
  const gateway = await startTestGateway({
    servers: { one: [httpEndpoint(first.url)], two: [httpEndpoint(second.url)] },
    routes: { '/all': ['one', 'two'] },
  })
  const url = `${gateway.url}/all`
  await (await fetch(url, modernRequest('tools/list'))).text()
  await (await fetch(url, modernRequest('resources/list'))).text()
  return { url, first, second }
}

const PLAIN = resultOf({
  resultType: 'complete',
  content: [{ type: 'text', text: 'hi' }],
  own: 1.0,
})

describe('a tool call on a route of several servers', () => {
  it('reaches its server in the bytes of the client, but for the name', async () => {
    const { url, first, second } = await startRoute(PLAIN)
    const name = 'two_search'
    const params = { name, arguments: { name, big: 'x'.repeat(3_000), n: [1.5, { name }] } }
    const request = modernRequest('tools/call', params)
    // As written: blanks, a number of more digits than a double holds, the key once more in the arguments.
    const body = request.body.replace('"arguments":{', ' "arguments" : {"n0":12345678901234567890,')
    const answer = await fetch(url, { ...request, body })
    expect(await answer.text()).toBe(PLAIN)
    expect(answer.headers.get('x-own')).toBe('kept')
    expect(first.calls).toEqual([])
    expect(second.calls).toHaveLength(1)
    expect(second.calls[0]?.body).toBe(body.replace('"name":"two_search"', '"name":"search"'))
    expect(second.calls[0]?.headers).toMatchObject({
      'mcp-name': 'search',
      'mcp-method': 'tools/call',
      'content-length': String(Buffer.byteLength(second.calls[0]?.body ?? '')),
    })
  })

  it('carries a name beyond ASCII in both places', async () => {
    const { url, second } = await startRoute(PLAIN)
    const request = modernRequest('tools/call', { name: 'two_grüß' })
    const encoded = `=?base64?${Buffer.from('two_grüß').toString('base64')}?=`
    const headers = { ...request.headers, 'mcp-name': encoded }
    await (await fetch(url, { ...request, headers })).text()
    expect(second.calls[0]?.headers['mcp-name']).toBe(
      `=?base64?${Buffer.from('grüß').toString('base64')}?=`,
    )
    expect(JSON.parse(second.calls[0]?.body ?? '')).toMatchObject({ params: { name: 'grüß' } })
  })

  it.each([
    ['requestState', { requestState: 's', inputResponses: {} }],
    [
      'the tasks extension',
      { _meta: { [META.clientInfo]: { name: 'io.modelcontextprotocol/tasks' } } },
    ],
    ['an escape', { arguments: { text: '\u0001' } }],
  ])('with %s is decoded, and reaches its server all the same', async (_, more) => {
    const { url, second } = await startRoute(PLAIN)
    const answer = await fetch(url, modernRequest('tools/call', { name: 'two_search', ...more }))
    expect(await answer.json()).toMatchObject({ result: { content: [{ text: 'hi' }] } })
    expect(JSON.parse(second.calls[0]?.body ?? '')).toMatchObject({ params: { name: 'search' } })
  })

  it('of an unknown server is refused', async () => {
    const { url, first, second } = await startRoute(PLAIN)
    const answer = await fetch(url, modernRequest('tools/call', { name: 'three_search' }))
    expect(await answer.json()).toMatchObject({ error: { code: -32_602 } })
    expect([...first.calls, ...second.calls]).toEqual([])
  })
})

describe('its answer', () => {
  const LINK = resultOf({
    resultType: 'complete',
    content: [{ type: 'resource_link', uri: 'x://same', name: 'r' }],
  })
  const contentOf = async (url: string, name: string): Promise<unknown> => {
    const text = await (await fetch(url, modernRequest('tools/call', { name }))).text()
    const json = /^data: (.*)$/m.exec(text)?.[1] ?? text
    return (JSON.parse(json) as { result: { content: unknown } }).result.content
  }

  it('leads to the resource of its server where another has the same', async () => {
    const { url } = await startRoute(LINK)
    const [own, other] = [await contentOf(url, 'one_x'), await contentOf(url, 'two_x')]
    expect(own).toMatchObject([{ uri: 'x://same' }])
    expect(other).toMatchObject([{ uri: expect.stringMatching(/^sallyport:\/\/two\//) as string }])
  })

  it('does so in an event stream as well, behind notifications that pass', async () => {
    const progress = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}'
    const stream = `: hello\n\nevent: message\ndata: ${progress}\n\ndata: ${LINK}\n\n`
    const { url } = await startRoute(stream, { 'content-type': 'text/event-stream' })
    const answer = await fetch(url, modernRequest('tools/call', { name: 'two_x' }))
    const datas = [...(await answer.text()).matchAll(/^data: (.*)$/gm)].map(([, data]) => data)
    expect(datas).toHaveLength(2)
    expect(datas[0]).toBe(progress)
    expect(datas[1]).toContain('sallyport://two/')
  })

  it('is not changed when it only looks as if it named a resource', async () => {
    const odd = ` ${resultOf({ resultType: 'complete', content: [{ type: 'text', text: '"resource' }] })} `
    const { url } = await startRoute(odd)
    const answer = await fetch(url, modernRequest('tools/call', { name: 'one_x' }))
    expect(await answer.text()).toBe(odd)
  })

  it('fails when it is compressed, which nobody asked for', async () => {
    const { url } = await startRoute(PLAIN, { ...CALL, 'content-encoding': 'gzip' })
    const answer = await fetch(url, modernRequest('tools/call', { name: 'one_x' }))
    expect(answer.status).toBe(502)
  })
})
