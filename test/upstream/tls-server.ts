// A TLS server to put behind an upstream, speaking HTTP/1.1 or both, that counts what reaches it.
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { TlsOptions } from 'node:tls'
import { onTestFinished } from 'vitest'

export interface TestTlsServer {
  readonly url: string
  readonly port: number
  readonly server: Server | Http2SecureServer
  /** Requests that reached the application, with the version they came in. */
  readonly requests: string[]
  /** Handshakes that came to an end, `true` for a resumed session. */
  readonly handshakes: boolean[]
  readonly sockets: ReadonlySet<Socket>
}

export interface TestTlsServerOptions extends TlsOptions {
  /** Offers HTTP/2 as well. */
  readonly http2?: boolean
  /** Default 127.0.0.1; the name in the URL. */
  readonly host?: string
  /** Closes HTTP/1.1 connections after an answer. */
  readonly closes?: boolean
  /** Speaks HTTP+SSE: event streams say where to post, and answers come on them. */
  readonly sse?: boolean
}

/** Answers POST with `{}` and GET with an event stream that stays open after one event. Ends with the test. */
export async function startTlsServer(options: TestTlsServerOptions): Promise<TestTlsServer> {
  const { http2 = false, host = '127.0.0.1', closes = false, sse = false, ...tls } = options
  const requests: string[] = []
  const handshakes: boolean[] = []
  const sockets = new Set<Socket>()
  let events: import('node:http').ServerResponse | undefined
  const server = http2 ? createSecureServer({ ...tls, allowHTTP1: true }) : createServer(tls)
  server.on(
    'request',
    (
      request: import('node:http').IncomingMessage,
      response: import('node:http').ServerResponse,
    ) => {
      requests.push(`${request.method} ${request.httpVersion}`)
      if (closes) response.setHeader('connection', 'close')
      if (request.method === 'GET') {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(sse ? 'event: endpoint\ndata: /post\n\n' : 'data: hello\n\n')
        events = response
        return
      }
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        if (sse) events?.write(`data: ${initialized(chunks)}\n\n`)
        response.writeHead(sse ? 202 : 200).end('{}')
      })
    },
  )
  server.on('secureConnection', (socket) => handshakes.push(socket.isSessionReused()))
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  })
  const { port } = server.address() as AddressInfo
  return { url: `https://${host}:${port}/mcp`, port, server, requests, handshakes, sockets }
}

function initialized(request: readonly Buffer[]): string {
  const { id } = JSON.parse(Buffer.concat(request).toString()) as { readonly id: unknown }
  const serverInfo = { name: 'test', version: '1' }
  const result = { protocolVersion: '2024-11-05', capabilities: {}, serverInfo }
  return JSON.stringify({ jsonrpc: '2.0', id, result })
}
