// HTTP/1.1 and 1.0: Node's server for accepted connections, with the budgets it can keep by itself. It never listens;
// sockets come from the listener, after TLS where there is any.
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { GatewayError } from '../core/index.ts'
import { Http1Connection } from './http1-connection.ts'
import { Http1Exchange } from './http1-exchange.ts'
import type { SocketLimits } from './options.ts'
import { LeanRequest } from './lean-request.ts'
import { readHead, type RequestHead } from './request-head.ts'
import type { Arrival, Surroundings } from './surroundings.ts'
import { readHandshake } from './websocket-handshake.ts'

/** Node looks for late requests this often, or more often when the timeouts are short. */
const MAX_CHECK_INTERVAL_MS = 1_000
const CHECKS_PER_TIMEOUT = 5

/**
 * Part of the idle time that is kept back: a client is told a little less (`Keep-Alive: timeout=…`), so that it does not
 * send a request into a connection that is just being closed.
 */
const MAX_KEEP_ALIVE_MARGIN_MS = 1_000

export class Http1Front {
  readonly #surroundings: Surroundings
  readonly #server: Server
  readonly #connections = new Map<Socket, Http1Connection>()

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
    this.#server = createBudgetedServer(surroundings.limits)
    const onRequest = (request: IncomingMessage, response: ServerResponse): void =>
      this.#onRequest(request, response)
    this.#server.on('request', onRequest)
    // With a listener of its own, "100 Continue" is sent when the body is wanted, not before it was refused.
    this.#server.on('checkContinue', onRequest)
    this.#server.on('checkExpectation', onRequest)
    this.#server.on('connect', (_request, socket) => this.#onConnect(socket as Socket))
    // Without a listener Node takes a request to upgrade for an ordinary one, which is then refused like one.
    if (surroundings.takesWebSocket) {
      this.#server.on('upgrade', (request, socket, head) =>
        this.#onUpgrade(request, socket as Socket, head),
      )
    }
    this.#server.on('clientError', (error, socket) => this.#onClientError(error, socket as Socket))
    this.#server.on('timeout', (socket) => this.#onIdle(socket))
  }

  accept(socket: Socket, arrival: Arrival): void {
    const connection = new Http1Connection({ surroundings: this.#surroundings, arrival, socket })
    this.#connections.set(socket, connection)
    socket.once('close', () => this.#connections.delete(socket))
    this.#server.emit('connection', socket)
  }

  /** Answers under way are finished; everything else is closed. */
  drain(): void {
    // Not closeIdleConnections: for Node a connection is idle while the end of its answer is still on the way to the kernel.
    for (const connection of this.#connections.values()) connection.closeWhenDone()
  }

  /** Ends Node's timer. Connections are closed by their owner. */
  stop(): void {
    this.#server.close()
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.get(request.socket)
    if (connection === undefined) return
    const head = readHttp1Head(request, this.#surroundings)
    connection.take(new Http1Exchange(connection, { request, response, head }))
  }

  /** As with CONNECT the socket is ours; what is not granted is answered on it as on any other, and is the last. */
  #onUpgrade(request: IncomingMessage, socket: Socket, firstBytes: Buffer): void {
    socket.on('error', () => socket.destroy())
    const connection = this.#connections.get(socket)
    if (connection === undefined || !connection.isQuiet) {
      socket.destroy()
      return
    }
    connection.isClosing = true
    const response = new ServerResponse(request)
    response.assignSocket(socket)
    // Node has taken off the listener that does this for other answers.
    socket.on('drain', () => response.emit('drain'))
    response.on('finish', () => {
      // What the client may send on must not turn the end into a reset, which would take the answer away from it.
      socket.resume()
      response.detachSocket(socket)
      response.emit('close')
    })
    const head = readHttp1Head(request, this.#surroundings, true)
    const handshake = readHandshake(request)
    const isRefused = head instanceof GatewayError || handshake instanceof GatewayError
    const exchange = new Http1Exchange(connection, {
      request,
      response,
      head: handshake instanceof GatewayError && !(head instanceof GatewayError) ? handshake : head,
      webSocket: isRefused ? undefined : { handshake, firstBytes },
    })
    connection.take(exchange)
  }

  /** Node has taken its listeners off the socket: it is ours, with whatever the client sends. */
  #onConnect(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    const connection = this.#connections.get(socket)
    if (connection === undefined || !connection.isQuiet) {
      socket.destroy()
      return
    }
    socket.resume()
    connection.refuse(new GatewayError('GW_BAD_FRAMING', 'method CONNECT is not served'))
  }

  #onClientError(error: Error, socket: Socket): void {
    const connection = this.#connections.get(socket)
    if (connection === undefined) socket.destroy()
    else connection.fail(error)
  }

  #onIdle(socket: Socket): void {
    this.#surroundings.onConnectionCut('idle')
    socket.destroy()
  }
}

function createBudgetedServer(limits: SocketLimits): Server {
  const headersTimeout = Math.min(limits.headerTimeoutMs, limits.requestTimeoutMs)
  const margin = Math.min(MAX_KEEP_ALIVE_MARGIN_MS, limits.idleTimeoutMs / 2)
  const server = createServer({
    maxHeaderSize: limits.maxHeaderBytes,
    IncomingMessage: LeanRequest,
    headersTimeout,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: Math.min(
      MAX_CHECK_INTERVAL_MS,
      Math.ceil(headersTimeout / CHECKS_PER_TIMEOUT),
    ),
    keepAliveTimeout: Math.max(1, Math.floor(limits.idleTimeoutMs - margin)),
    keepAliveTimeoutBuffer: Math.ceil(margin),
    // Checked with everything else, so that the refusal has the same form.
    requireHostHeader: false,
    insecureHTTPParser: false,
  })
  // Node would drop what is too much and hand over the rest; fields are counted with everything else instead.
  server.maxHeadersCount = 0
  // The timer behind headersTimeout and requestTimeout starts with this event, which a server that never listens misses.
  server.emit('listening')
  return server
}

function readHttp1Head(
  request: IncomingMessage,
  { limits }: Surroundings,
  takesWebSocket = false,
): RequestHead | GatewayError {
  const { httpVersion: version } = request
  if (version !== '1.1' && version !== '1.0') {
    return new GatewayError('GW_BAD_FRAMING', 'expected HTTP/1.1 or HTTP/1.0')
  }
  return readHead(
    {
      version,
      method: request.method ?? '',
      target: request.url ?? '',
      headers: request.rawHeaders,
      authority: undefined,
      takesWebSocket,
    },
    limits,
  )
}
