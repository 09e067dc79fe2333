// Small HTTP servers to put behind the gateway, for behaviour that no real MCP server shows on demand.
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

export interface TestServer {
  readonly url: string
  readonly port: number
  readonly server: Server
  /** Connections open now. */
  readonly sockets: ReadonlySet<Socket>
  /** Cuts every connection and stops listening. */
  kill(): Promise<void>
}

/** Starts a server on a free loopback port; it ends with the test. */
export async function startHttpServer(onRequest: RequestListener): Promise<TestServer> {
  const server = createServer(onRequest)
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const kill = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  onTestFinished(kill)
  return { url: `http://127.0.0.1:${port}/mcp`, port, server, sockets, kill }
}

export interface PostedRpc {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** As it came. */
  readonly body: string
  readonly id: unknown
  readonly method: string
}

/** Starts a server that is told of each message posted to it. */
export function startRpcServer(onMessage: (posted: PostedRpc) => void): Promise<TestServer> {
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = (await buffer(request)).toString()
    const { id, method } = JSON.parse(body) as { id: unknown; method: string }
    onMessage({ request, response, body, id, method })
  }
  return startHttpServer((request, response) => void take(request, response))
}

/** The body of a request, parsed. */
export async function jsonOf(request: IncomingMessage): Promise<{ id?: unknown; method?: string }> {
  return JSON.parse((await buffer(request)).toString()) as { id?: unknown; method?: string }
}

/** A loopback port on which nothing listens. */
export async function deadPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Waits until `isTrue` holds; fails after `withinMs` with `what`. */
export async function until(
  isTrue: () => boolean | Promise<boolean>,
  what: string,
  withinMs = 5_000,
): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error(`waited ${withinMs} ms in vain for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
