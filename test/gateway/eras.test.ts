// Which lane a message takes when the eras of client and server are not known to be the same: found out on the way, once, and
// again when it turns out wrong.
import type { ServerResponse } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startEverythingServer } from '../fixtures/everything-server/server.ts'
import { startSdkV1Server } from '../fixtures/sdk-v1-http/server.ts'
import { httpEndpoint, startTestGateway } from '../support/gateway.ts'
import { initialize, legacyMessage, modernRequest, openSession } from '../support/mcp-messages.ts'
import { startHttpServer, startRpcServer, until } from '../support/servers.ts'

interface RpcAnswer {
  readonly id?: unknown
  readonly result?: { readonly [name: string]: unknown }
  readonly error?: { readonly code: number }
}

/** The JSON-RPC answer in a response, whichever form it has. */
async function answerOf(response: Response): Promise<RpcAnswer> {
  const text = await response.text()
  const data = /^data: (\{.*\})$/m.exec(text)?.[1] ?? text
  return JSON.parse(data) as RpcAnswer
}

const callEcho = (id: number) =>
  modernRequest('tools/call', { name: 'echo', arguments: { text: 'hi' } }, id)

/** A server of one era whose requests are noted. */
async function startServer(eras: 'legacy' | 'modern', port?: number) {
  const seen: string[] = []
  const server = await startEverythingServer({
    eras,
    ...(port !== undefined && { port }),
    onRequest: ({ method, headers }, body) => {
      const { method: rpc } = (body.length > 0 ? JSON.parse(body.toString()) : {}) as {
        method?: string
      }
      seen.push([rpc ?? method, headers['mcp-protocol-version'] ?? '-'].join(' '))
    },
  })
  let isClosed = false
  const close = async (): Promise<void> => {
    if (isClosed) return
    isClosed = true
    await server.close()
  }
  onTestFinished(close)
  return { ...server, seen, close }
}

describe('a modern client of a legacy server', () => {
  it('is served, after its own request was refused and the server was asked once', async () => {
    const server = await startServer('legacy')
    const gateway = await startTestGateway({ servers: { old: [httpEndpoint(server.url)] } })
    const answer = await fetch(`${gateway.url}/old`, callEcho(7))
    expect(answer.status).toBe(200)
    expect(await answerOf(answer)).toMatchObject({
      id: 7,
      result: { resultType: 'complete', content: [{ text: 'hi' }] },
    })
    expect(server.seen.slice(0, 4)).toEqual([
      'tools/call 2026-07-28',
      'server/discover 2026-07-28',
      'initialize -',
      'notifications/initialized 2025-11-25',
    ])
    server.seen.length = 0
    await (await fetch(`${gateway.url}/old`, callEcho(8))).text()
    expect(server.seen).toEqual(['tools/call 2025-11-25'])
  })

  it('costs one probe, however many call at once', async () => {
    const server = await startServer('legacy')
    const gateway = await startTestGateway({ servers: { old: [httpEndpoint(server.url)] } })
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, id) => fetch(`${gateway.url}/old`, callEcho(id))),
    )
    const ids = await Promise.all(answers.map(async (it) => (await answerOf(it)).id))
    expect(ids).toEqual(Array.from({ length: 20 }, (_, id) => id))
    expect(server.seen.filter((it) => it.startsWith('server/discover'))).toHaveLength(1)
    expect(server.seen.filter((it) => it.startsWith('initialize'))).toHaveLength(1)
  })

  it('is served by the newer server that takes its place', async () => {
    const old = await startServer('legacy')
    const gateway = await startTestGateway({ servers: { it: [httpEndpoint(old.url)] } })
    await (await fetch(`${gateway.url}/it`, callEcho(1))).text()
    await old.close()
    const newer = await startServer('modern', old.port)
    await expect
      .poll(async () => (await answerOf(await fetch(`${gateway.url}/it`, callEcho(2)))).result)
      .toMatchObject({ content: [{ text: 'hi' }] })
    expect(newer.seen.at(-1)).toBe('tools/call 2026-07-28')
  })
})

describe('a legacy client of a modern server', () => {
  it('gets a session that the gateway holds', async () => {
    const server = await startServer('modern')
    const gateway = await startTestGateway({ servers: { new: [httpEndpoint(server.url)] } })
    const session = await openSession(`${gateway.url}/new`)
    const call = legacyMessage(
      { id: 3, method: 'tools/call', params: { name: 'echo', arguments: { text: 'hi' } } },
      session,
    )
    const answer = await answerOf(await fetch(`${gateway.url}/new`, call))
    expect(answer).toEqual({
      jsonrpc: '2.0',
      id: 3,
      result: { content: [{ type: 'text', text: 'hi' }] },
    })
    expect(server.seen.filter((it) => it.startsWith('initialize'))).toHaveLength(1)
    server.seen.length = 0
    await openSession(`${gateway.url}/new`)
    expect(server.seen.filter((it) => it.startsWith('initialize'))).toEqual([])
    // Ended by the gateway itself.
    const headers = { 'mcp-session-id': session }
    expect((await fetch(`${gateway.url}/new`, { method: 'DELETE', headers })).status).toBe(200)
    expect((await fetch(`${gateway.url}/new`, call)).status).toBe(404)
  })

  it('is served by the older server that takes its place', async () => {
    const newer = await startServer('modern')
    const gateway = await startTestGateway({ servers: { it: [httpEndpoint(newer.url)] } })
    await openSession(`${gateway.url}/it`)
    await newer.close()
    const old = await startServer('legacy', newer.port)
    await until(async () => (await fetch(`${gateway.url}/it`, initialize())).ok, 'a session')
    expect(old.seen).toContain('initialize -')
  })
})

describe('a refusal that has nothing to do with eras', () => {
  const refuse = (response: ServerResponse, status: number, body: string): void => {
    response.writeHead(status, { 'content-type': 'application/json', 'x-own': 'kept' }).end(body)
  }

  it('reaches a modern client as the server wrote it', async () => {
    const body = '{ "jsonrpc":"2.0", "id":1, "error":{"code":-32000,"message":"not today"} }'
    const server = await startRpcServer(({ response, id, method }) => {
      if (method !== 'server/discover') refuse(response, 400, body)
      else refuse(response, 200, JSON.stringify({ jsonrpc: '2.0', id, result: {} }))
    })
    const gateway = await startTestGateway({ servers: { it: [httpEndpoint(server.url)] } })
    const answer = await fetch(`${gateway.url}/it`, callEcho(1))
    expect(answer.status).toBe(400)
    expect(answer.headers.get('x-own')).toBe('kept')
    expect(await answer.text()).toBe(body)
  })

  it.each([400, 404, 405, 406, 415, 422])(
    'reaches a legacy client as the server wrote it (%i), when nothing says that it is modern',
    async (status) => {
      const body = '{"jsonrpc":"2.0","error":{"code":-32000,"message":"nobody home"},"id":null}'
      const server = await startHttpServer((_, response) => refuse(response, status, body))
      const gateway = await startTestGateway({ servers: { it: [httpEndpoint(server.url)] } })
      const answer = await fetch(`${gateway.url}/it`, initialize())
      expect(answer.status).toBe(status)
      expect(await answer.text()).toBe(body)
    },
  )

  it('reaches the client whole when it is longer than what is held', async () => {
    const body = JSON.stringify({
      jsonrpc: '2.0',
      error: { code: -32_000, message: 'x'.repeat(200_000) },
    })
    const server = await startHttpServer((_, response) => refuse(response, 400, body))
    const gateway = await startTestGateway({ servers: { it: [httpEndpoint(server.url)] } })
    expect(await (await fetch(`${gateway.url}/it`, callEcho(1))).text()).toBe(body)
  })

  it('leaves nothing behind when the client has gone meanwhile', async () => {
    let isAsked = false
    const server = await startRpcServer(({ response, method }) => {
      if (method !== 'server/discover') refuse(response, 400, '{}')
      else isAsked = true
    })
    const gateway = await startTestGateway({ servers: { it: [httpEndpoint(server.url)] } })
    const leave = new AbortController()
    const gone = fetch(`${gateway.url}/it`, { ...callEcho(1), signal: leave.signal })
    await until(() => isAsked, 'the question about the era')
    leave.abort()
    await expect(gone).rejects.toThrow('aborted')
    await gateway.stop()
  })
})

describe('protocol', () => {
  it('legacy: a modern request never reaches the server as it is', async () => {
    const server = await startServer('legacy')
    const endpoint = httpEndpoint(server.url, { protocol: 'legacy' })
    const gateway = await startTestGateway({ servers: { old: [endpoint] } })
    await (await fetch(`${gateway.url}/old`, callEcho(1))).text()
    expect(server.seen[0]).toBe('initialize -')
    expect(server.seen.some((it) => it.includes('2026'))).toBe(false)
  })

  it('modern: initialize never reaches the server', async () => {
    const server = await startServer('modern')
    const endpoint = httpEndpoint(server.url, { protocol: 'modern' })
    const gateway = await startTestGateway({ servers: { new: [endpoint] } })
    await openSession(`${gateway.url}/new`)
    expect(server.seen).toEqual(['server/discover 2026-07-28'])
  })
})

it('a server without sessions is served to modern clients as well', async () => {
  const server = await startSdkV1Server({ sessions: 'stateless' })
  onTestFinished(() => server.close())
  const gateway = await startTestGateway({ servers: { old: [httpEndpoint(server.url)] } })
  const answer = await answerOf(await fetch(`${gateway.url}/old`, callEcho(1)))
  expect(answer.result).toMatchObject({ content: [{ text: 'hi' }] })
})
