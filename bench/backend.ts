// The MCP server behind every target: as cheap as `node:http` allows, strict about what reaches it.
// It refuses a call without the era's headers or outside a session, so that a target cannot gain time by losing them.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { answerBody, askedForm, ID_OFFSET, MCP_PATH, PROTOCOL_VERSION, readId } from './call.ts'
import type { CertificateFiles } from './certificate.ts'
import { createLaneServers } from './lanes/server.ts'

export interface Backend {
  readonly onRequest: RequestListener
  /** Calls answered with a result so far. */
  readonly callCount: () => number
  /** What servers behind the lanes were asked besides: lists, sessions, what they are. */
  readonly otherCount: () => number
}

/** Enough of a body's beginning to see what it asks for. */
const START_BYTES = 128
const MAX_SESSIONS = 100_000

export function createBackend(): Backend {
  const sessions = new Set<string>()
  const lanes = createLaneServers()
  let calls = 0

  const answer = (request: IncomingMessage, response: ServerResponse, body: Body): void => {
    const form = askedForm(body.start.toString('latin1', 0, START_BYTES))
    const refusal = refuse(request, form !== undefined, sessions)
    if (refusal !== undefined) {
      response.writeHead(refusal).end()
      return
    }
    if (form === undefined) {
      answerOther(response, Buffer.concat(body.chunks), sessions)
      return
    }
    calls++
    const bytes = answerBody(readId(body.start, ID_OFFSET), body.bytes, form)
    response.writeHead(200, {
      'content-type': form === 'json' ? 'application/json' : 'text/event-stream',
      ...(form === 'json' ? { 'content-length': bytes.length } : { 'cache-control': 'no-cache' }),
    })
    response.end(bytes)
  }

  return {
    callCount: () => calls + lanes.callCount(),
    otherCount: lanes.otherCount,
    onRequest: (request, response) => {
      if (lanes.handle(request, response)) return
      if (request.method !== 'POST' || request.url !== MCP_PATH) {
        response.writeHead(404).end()
        return
      }
      readBody(request, (body) => answer(request, response, body))
    },
  }
}

interface Body {
  readonly bytes: number
  readonly chunks: readonly Buffer[]
  readonly start: Buffer
}

function readBody(request: IncomingMessage, onBody: (body: Body) => void): void {
  const chunks: Buffer[] = []
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    bytes += chunk.length
  })
  request.on('end', () => {
    const first = chunks[0] ?? Buffer.alloc(0)
    const start = first.length >= START_BYTES ? first : Buffer.concat(chunks)
    onBody({ bytes, chunks, start })
  })
}

/** The status for a message that lost something on its way; undefined for a whole one. */
function refuse(
  { headers }: IncomingMessage,
  isCall: boolean,
  sessions: ReadonlySet<string>,
): number | undefined {
  const version = headers['mcp-protocol-version']
  if (version === PROTOCOL_VERSION.modern) {
    return headers['mcp-method'] === 'tools/call' && headers['mcp-name'] ? undefined : 400
  }
  // Only `initialize` comes without a version, because it asks for one.
  if (version === undefined) return isCall ? 400 : undefined
  if (version !== PROTOCOL_VERSION.legacy) return 400
  return sessions.has(String(headers['mcp-session-id'])) ? undefined : 404
}

/** What is not a call: the beginning of a session. */
function answerOther(response: ServerResponse, body: Buffer, sessions: Set<string>): void {
  const { id, method } = JSON.parse(body.toString()) as { id?: number; method?: string }
  if (method !== 'initialize' || sessions.size >= MAX_SESSIONS) {
    response.writeHead(method === 'notifications/initialized' ? 202 : 400).end()
    return
  }
  // With upper case, so that nothing on the way may fold it unnoticed.
  const sessionId = `Bench-${randomUUID()}`
  sessions.add(sessionId)
  const result = {
    protocolVersion: PROTOCOL_VERSION.legacy,
    capabilities: { tools: {} },
    serverInfo: { name: 'bench-backend', version: '1.0.0' },
  }
  response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': sessionId })
  response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
}

export interface BackendPorts {
  readonly http: number
  /** HTTP/1.1 and HTTP/2 over TLS. */
  readonly https: number
}

export interface RunningBackend extends Omit<Backend, 'onRequest'> {
  readonly ports: BackendPorts
  stop(): void
}

export async function startBackend(certificate: CertificateFiles): Promise<RunningBackend> {
  const { onRequest, callCount, otherCount } = createBackend()
  const plain = createServer(onRequest)
  const material = {
    cert: readFileSync(certificate.certFile),
    key: readFileSync(certificate.keyFile),
  }
  const secure = createSecureServer({ ...material, allowHTTP1: true }, onRequest as never)
  const [http, https] = await Promise.all([listen(plain), listen(secure)])
  const stop = (): void => {
    plain.close()
    plain.closeAllConnections()
    secure.close()
  }
  return { ports: { http, https }, callCount, otherCount, stop }
}

async function listen(server: Server | Http2SecureServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
