// The demo's MCP server on one Streamable HTTP endpoint: modern requests one by one, legacy clients in sessions. What it
// offers is in offers.ts.
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  localhostHostValidation,
  localhostOriginValidation,
  toNodeHandler,
} from '@modelcontextprotocol/node'
import {
  createMcpHandler,
  isLegacyRequest,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import { createOffers } from './offers.ts'

export interface DemoServerOptions {
  /** Of this replica, as `whoami` answers it. */
  readonly name: string
  /** On 127.0.0.1; 0 lets the system choose. */
  readonly port: number
}

export interface DemoServer {
  readonly url: string
  close(): Promise<void>
}

const PATH = '/mcp'
/** Legacy sessions that are open at once; one more ends the oldest. */
const MAX_SESSIONS = 100

export async function startDemoServer({ name, port }: DemoServerOptions): Promise<DemoServer> {
  const modern = createMcpHandler(() => createOffers(name), { legacy: 'reject' })
  const legacy = new LegacySessions(name)
  const handle = toNodeHandler({
    fetch: async (request: Request) =>
      (await isLegacyRequest(request)) ? legacy.fetch(request) : modern.fetch(request),
  })
  const isAllowedHost = localhostHostValidation()
  const isAllowedOrigin = localhostOriginValidation()
  const http = createServer((request, response) => {
    if (!isAllowedHost(request, response) || !isAllowedOrigin(request, response)) return
    if (request.url !== PATH) response.writeHead(404).end()
    // The adapter's type means the same and says it without `undefined`.
    else void handle(request as Parameters<typeof handle>[0], response)
  })
  http.listen(port, '127.0.0.1')
  await once(http, 'listening')
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}${PATH}`,
    close: async () => {
      const closed = once(http, 'close')
      http.close()
      await Promise.all([modern.close(), legacy.close()])
      http.closeAllConnections()
      await closed
    },
  }
}

/** One transport and one server per session, by session id (MCP 2025-11-25 transports §Session Management). */
class LegacySessions {
  readonly #name: string
  readonly #sessions = new Map<string, WebStandardStreamableHTTPServerTransport>()

  constructor(name: string) {
    this.#name = name
  }

  async fetch(request: Request): Promise<Response> {
    const id = request.headers.get('mcp-session-id')
    const session = id === null ? await this.#open() : this.#sessions.get(id)
    if (session !== undefined) return session.handleRequest(request)
    const error = { code: -32_001, message: 'Session not found' }
    return Response.json({ jsonrpc: '2.0', error, id: null }, { status: 404 })
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sessions.values()].map((session) => session.close()))
  }

  /** A transport counts as a session once it has seen an `initialize`; anything else it refuses, and is dropped. */
  async #open(): Promise<WebStandardStreamableHTTPServerTransport> {
    const session = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: async (id) => {
        this.#sessions.set(id, session)
        await this.#endOldest()
      },
      onsessionclosed: (id) => void this.#sessions.delete(id),
    })
    await createOffers(this.#name).connect(session)
    return session
  }

  async #endOldest(): Promise<void> {
    const [oldest] = this.#sessions
    if (oldest === undefined || this.#sessions.size <= MAX_SESSIONS) return
    const [id, session] = oldest
    this.#sessions.delete(id)
    await session.close()
  }
}
