// The yardstick: the smallest reverse proxy in Node that is still honest. It reads the body whole, drops the fields of a
// connection, streams the answer back with backpressure, and lets go of the upstream when the client leaves. Nothing else:
// no checks, no budgets, no log, no metrics.
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import { createServer as createTlsServer } from 'node:https'
import { Pool, type Dispatcher } from 'undici'
import type { CertificateFiles } from './certificate.ts'

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
const OF_THIS_CONNECTION: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'host', 'content-length'])
const MAX_CONNECTIONS = 256

class Answer implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse

  constructor(response: ServerResponse) {
    this.#response = response
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#response.on('drain', () => controller.resume())
    this.#response.on('close', () => {
      if (!this.#response.writableFinished) controller.abort(new Error('the client left'))
    })
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[]>,
  ): void {
    const kept: Record<string, string | string[]> = {}
    for (const name in headers) if (!HOP_BY_HOP.has(name)) kept[name] = headers[name] ?? ''
    this.#response.writeHead(status, kept)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#response.write(chunk)) controller.pause()
  }

  onResponseEnd(): void {
    this.#response.end()
  }

  onResponseError(): void {
    if (this.#response.headersSent) this.#response.destroy()
    else this.#response.writeHead(502).end()
  }
}

function endToEnd(raw: readonly string[]): string[] {
  const kept: string[] = []
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] as string
    if (!name.startsWith(':') && !OF_THIS_CONNECTION.has(name.toLowerCase())) {
      kept.push(name, raw[at + 1] as string)
    }
  }
  return kept
}

function createProxyListener(
  pool: Pool,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const options: Dispatcher.DispatchOptions = {
        path: request.url ?? '/',
        method: request.method as Dispatcher.HttpMethod,
        headers: endToEnd(request.rawHeaders),
        body: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks),
      }
      pool.dispatch(options, new Answer(response))
    })
  }
}

export type NodeProxyListen =
  | { readonly protocol: 'http'; readonly port: number }
  | {
      /** TLS with HTTP/1.1 alone, or with HTTP/2 alone. */
      readonly protocol: 'https' | 'http2'
      readonly port: number
      readonly certificate: CertificateFiles
    }

/** As long as nginx keeps them; Node's own five seconds would end what is to be looked at while it is idle. */
const KEEP_ALIVE_MS = 75_000

/** Returns how to end it. */
export async function startNodeProxy(
  origin: string,
  listens: readonly NodeProxyListen[],
): Promise<() => Promise<void>> {
  const pool = new Pool(origin, { connections: MAX_CONNECTIONS, pipelining: 1 })
  const onRequest = createProxyListener(pool)
  const servers = listens.map((listen) => createProxyServer(listen, onRequest))
  for (const [at, { port }] of listens.entries()) {
    await new Promise<void>((resolve) => servers[at]?.listen(port, '127.0.0.1', resolve))
  }
  return async () => {
    for (const server of servers) server.close()
    await pool.destroy()
  }
}

function createProxyServer(
  listen: NodeProxyListen,
  onRequest: ReturnType<typeof createProxyListener>,
): Server | Http2SecureServer {
  const keepAlive = { keepAliveTimeout: KEEP_ALIVE_MS }
  if (listen.protocol === 'http') return createServer(keepAlive, onRequest)
  const { certFile, keyFile } = listen.certificate
  const material = { cert: readFileSync(certFile), key: readFileSync(keyFile) }
  return listen.protocol === 'https'
    ? createTlsServer({ ...material, ...keepAlive }, onRequest)
    : createSecureServer(material, onRequest as never)
}
