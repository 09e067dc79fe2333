// Sessions that are opened and never used again: what they took comes back.
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { initialize, openSession } from '../support/mcp-messages.ts'
import { jsonOf, startHttpServer, until } from '../support/servers.ts'

const MIB = 1_048_576
const SESSIONS = 10_000
/** V8 lets its heap grow to a plateau before it collects in earnest: measured from there, what stays is a leak. */
const WARM_UP = 20_000
const AT_ONCE = 50
const STDIO_SERVER = resolve(import.meta.dirname, '../fixtures/everything-stdio/legacy.ts')

/** Answers `initialize` with a new session and keeps GET streams open, as a server of the legacy era does. */
const startSessionServer = () => {
  let sessions = 0
  return startHttpServer(async (request, response) => {
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      return
    }
    const { id, method } = await jsonOf(request)
    if (method !== 'initialize') {
      response.writeHead(202).end()
      return
    }
    response.writeHead(200, {
      'content-type': 'application/json',
      'mcp-session-id': `session-${sessions++}`,
    })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: {} }))
  })
}

/** Opens sessions; every tenth also opens its event stream, and drops it. */
async function openAndAbandon(url: string, count: number): Promise<void> {
  let opened = 0
  const worker = async (): Promise<void> => {
    while (opened < count) {
      const isStreaming = opened++ % 10 === 0
      const sessionId = await openSession(url)
      if (!isStreaming) continue
      const leave = new AbortController()
      await fetch(url, {
        headers: { accept: 'text/event-stream', 'mcp-session-id': sessionId },
        signal: leave.signal,
      })
      leave.abort()
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

const settled = (gateway: GatewayProcess, descriptors: number) =>
  until(
    async () => {
      const streams = await gateway.metric('sallyport_event_streams{route="/mcp"}')
      return streams === 0 && gateway.openDescriptors() <= descriptors
    },
    `no event stream and at most ${descriptors} descriptors`,
    60_000,
  )

describe('abandoned sessions', () => {
  it(`leave no memory, stream or descriptor behind, ${SESSIONS} of them`, async () => {
    const server = await startSessionServer()
    const gateway = await startGatewayProcess({
      listeners: [{ listen: '127.0.0.1:0' }],
      servers: { sessions: { endpoints: [{ url: server.url }] } },
      routes: [{ path: '/mcp', servers: ['sessions'] }],
      limits: { accept_rate: 10_000, accept_burst: 10_000 },
      log: { level: 'error' },
    })
    const url = `${gateway.url}/mcp`
    await openAndAbandon(url, WARM_UP)
    const descriptors = gateway.openDescriptors() + AT_ONCE
    await settled(gateway, descriptors)
    const before = gateway.residentBytes()
    await openAndAbandon(url, SESSIONS)
    await settled(gateway, descriptors)
    expect(gateway.residentBytes() - before).toBeLessThan(48 * MIB)
  })

  it('end with their children, which are bounded in number while they live', async () => {
    const maxChildren = 6
    const gateway = await startGatewayProcess({
      listeners: [{ listen: '127.0.0.1:0' }],
      servers: {
        stdio: {
          endpoints: [{ command: process.execPath, args: [STDIO_SERVER] }],
          stdio: { max_children: maxChildren, session_idle_timeout: '3s' },
        },
      },
      routes: [{ path: '/mcp', servers: ['stdio'] }],
      log: { level: 'error' },
    })
    const url = `${gateway.url}/mcp`
    const descriptors = gateway.openDescriptors()
    const open = async (): Promise<number> => (await fetch(url, initialize())).status
    const statuses = await Promise.all(Array.from({ length: maxChildren + 4 }, open))
    expect(statuses.filter((status) => status === 200)).toHaveLength(maxChildren)
    expect(statuses.filter((status) => status === 503)).toHaveLength(4)
    expect(gateway.children()).toHaveLength(maxChildren)
    await until(() => gateway.children().length === 0, 'the children to be gone', 30_000)
    await until(
      () => gateway.openDescriptors() <= descriptors + AT_ONCE,
      'their pipes to be closed',
    )
    expect(await open()).toBe(200)
  })
})
