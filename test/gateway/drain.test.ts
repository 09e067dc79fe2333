import { once } from 'node:events'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { modernRequest, openSession, legacyMessage } from '../support/mcp-messages.ts'
import { jsonOf, startHttpServer, until } from '../support/servers.ts'

const STDIO_SERVER = resolve(import.meta.dirname, '../fixtures/everything-stdio/legacy.ts')

/** Answers calls when told to, and keeps GET streams open. */
async function startHeldServer() {
  const held: (() => void)[] = []
  let streams = 0
  const server = await startHttpServer(async (request, response) => {
    if (request.method === 'GET') {
      streams++
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"open":1}\n\n')
      response.on('close', () => streams--)
      return
    }
    const { id, method } = await jsonOf(request)
    if (method === 'initialize') response.setHeader('mcp-session-id', 'one')
    response.setHeader('content-type', 'application/json')
    const answer = () => response.end(JSON.stringify({ jsonrpc: '2.0', id, result: {} }))
    if (method === 'tools/call') held.push(answer)
    else answer()
  })
  return { ...server, held, streams: () => streams }
}

const document = (server: object, more: object = {}) => ({
  listeners: [{ listen: '127.0.0.1:0' }],
  servers: { one: server },
  routes: [{ path: '/mcp', servers: ['one'] }],
  log: { level: 'error' },
  ...more,
})

describe('a stop signal', () => {
  it('ends event streams in good order, lets calls finish, takes nothing new and exits 0', async () => {
    const server = await startHeldServer()
    const gateway = await startGatewayProcess(document({ endpoints: [{ url: server.url }] }))
    const url = `${gateway.url}/mcp`
    const sessionId = await openSession(url)
    const stream = await fetch(url, {
      headers: { accept: 'text/event-stream', 'mcp-session-id': sessionId },
    })
    const call = fetch(url, modernRequest('tools/call', { name: 'a' }, 'slow'))
    await until(() => server.held.length === 1, 'the call to arrive')

    gateway.child.kill('SIGTERM')
    // Ended, not broken off: reading it to its end succeeds.
    expect(await stream.text()).toBe('data: {"open":1}\n\n')
    await until(() => server.streams() === 0, 'the endpoint to be told')
    await until(async () => {
      const ready = await fetch(`${gateway.adminUrl}/readyz`)
      return ready.status === 503 && (await ready.text()).includes('draining')
    }, 'readiness to be false')
    await expect(fetch(url, modernRequest('tools/list'))).rejects.toThrow('fetch failed')
    expect(gateway.child.exitCode).toBeNull()

    server.held[0]?.()
    expect(await (await call).json()).toMatchObject({ id: 'slow', result: {} })
    const [code] = (await once(gateway.child, 'exit')) as [number]
    expect(code).toBe(0)
  })

  it('cuts what is still under way at drain_timeout', async () => {
    const server = await startHeldServer()
    const gateway = await startGatewayProcess(
      document({ endpoints: [{ url: server.url }] }, { drain_timeout: '1s' }),
    )
    const call = fetch(`${gateway.url}/mcp`, modernRequest('tools/call', { name: 'a' }))
    await until(() => server.held.length === 1, 'the call to arrive')
    gateway.child.kill('SIGTERM')
    await expect(call.then((response) => response.text())).rejects.toThrow(
      /fetch failed|terminated/,
    )
    const [code] = (await once(gateway.child, 'exit')) as [number]
    expect(code).toBe(0)
  })

  it('forces the end when it comes twice, with the signal’s exit code', async () => {
    const server = await startHeldServer()
    const gateway = await startGatewayProcess(document({ endpoints: [{ url: server.url }] }))
    const call = fetch(`${gateway.url}/mcp`, modernRequest('tools/call', { name: 'a' }))
    await until(() => server.held.length === 1, 'the call to arrive')
    gateway.child.kill('SIGTERM')
    await until(
      async () => (await fetch(`${gateway.adminUrl}/readyz`)).status === 503,
      'the drain to begin',
    )
    gateway.child.kill('SIGTERM')
    await expect(call).rejects.toThrow('fetch failed')
    const [code] = (await once(gateway.child, 'exit')) as [number]
    expect(code).toBe(143)
  })

  it('ends children last: a call on one is answered first', async () => {
    const gateway = await startGatewayProcess(
      document({ endpoints: [{ command: process.execPath, args: [STDIO_SERVER] }] }),
    )
    const url = `${gateway.url}/mcp`
    const sessionId = await openSession(url)
    const params = {
      name: 'slow',
      arguments: { steps: 10, stepMs: 50 },
      _meta: { progressToken: 'p' },
    }
    // The head comes with the first progress: from then on the call is under way.
    const call = await fetch(url, legacyMessage({ id: 4, method: 'tools/call', params }, sessionId))
    const [child = 0] = gateway.children()
    gateway.child.kill('SIGINT')
    expect(await call.text()).toContain('"id":4')
    const [code] = (await once(gateway.child, 'exit')) as [number]
    expect(code).toBe(0)
    expect(() => process.kill(child, 0)).toThrow('ESRCH')
  })
})
