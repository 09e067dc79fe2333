// An upstream behind a small HTTP server, so that real clients can drive it: what the gateway does around it, without
// routes, sealed ids and admission.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import { renderErrorBody } from '../../src/core/index.ts'
import type { Upstream, UpstreamRequest } from '../../src/upstream/index.ts'
import type { Inbound, JsonObject } from '../../src/wire/index.ts'

export interface ServedUpstream {
  readonly url: URL
  /** Cuts every connection of a client; calls run on, as for a client of the legacy era that lost its network. */
  readonly cut: () => void
}

export async function serveUpstream(upstream: Upstream): Promise<ServedUpstream> {
  const server = createServer((request, response) => {
    serve(upstream, request, response).catch((error: unknown) => response.destroy(error as Error))
  })
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => close(server))
  const { port } = server.address() as AddressInfo
  return {
    url: new URL(`http://127.0.0.1:${port}/mcp`),
    cut: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}

async function close(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  await closed
}

async function serve(
  upstream: Upstream,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const method = request.method as UpstreamRequest['method']
  const body = method === 'POST' ? await buffer(request) : undefined
  const call = upstream.send(
    {
      method,
      query: '',
      headers: request.rawHeaders.filter((_, at) => !isOwn(request.rawHeaders[at - (at % 2)])),
      body,
      inbound: body && inboundOf(JSON.parse(body.toString()) as JsonObject),
      sessionId: request.headers['mcp-session-id'] as string | undefined,
      longLived: method === 'GET',
    },
    {
      onHead: (status, headers) => {
        response.writeHead(status, [...headers])
        response.flushHeaders()
      },
      onData: (chunk) => response.destroyed || response.write(chunk),
      onEnd: () => response.end(),
      onFailure: (error) => {
        if (response.headersSent) response.destroy()
        else response.writeHead(error.row.status).end(renderErrorBody(error, { requestId: 'test' }))
      },
    },
  )
  response.on('drain', () => call.resume())
  // A GET has no purpose without a reader; a call of the legacy era runs on.
  if (method === 'GET') response.once('close', () => call.abort())
}

function isOwn(name: string | undefined): boolean {
  return ['host', 'connection', 'content-length', 'transfer-encoding'].includes(
    name?.toLowerCase() ?? '',
  )
}

function inboundOf(message: JsonObject): Inbound {
  const method = message['method'] as string | undefined
  const id = message['id'] as string | number | undefined
  const kindWithMethod = id === undefined ? 'notification' : 'request'
  const kind = method === undefined ? 'response' : kindWithMethod
  return { era: 'legacy', kind, method, id, message, version: undefined }
}
