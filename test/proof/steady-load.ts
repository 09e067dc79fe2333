// A steady stream of calls over kept-alive TLS connections, and event streams that are read to the last event: what a
// change in the gateway must not touch.
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import {
  Agent,
  createServer as createTlsServer,
  request,
  type AgentOptions,
  type RequestOptions,
} from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import { onTestFinished } from 'vitest'
import { initialize, legacyMessage, modernRequest } from '../support/mcp-messages.ts'
import type { TestLeaf } from '../support/pki.ts'
import { jsonOf } from '../support/servers.ts'

export interface Target {
  readonly port: number
  readonly path: string
  readonly ca: string
}

const TICK_MS = 10
const EVENT_PERIOD_MS = 100

/** Answers calls at once and sends a numbered event on every open stream of either era, ten times a second. */
export function createTickingServer(): {
  readonly onRequest: RequestListener
  readonly streams: ReadonlySet<ServerResponse>
} {
  const streams = new Set<ServerResponse>()
  let count = 0
  const timer = setInterval(() => {
    count += 1
    const params = { level: 'info', data: count }
    const event = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params })
    for (const stream of streams) stream.write(`data: ${event}\n\n`)
  }, EVENT_PERIOD_MS)
  onTestFinished(() => clearInterval(timer))

  const openStream = (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    streams.add(response)
    response.once('close', () => streams.delete(response))
  }
  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (incoming.method === 'GET') return openStream(response)
    const { id, method } = await jsonOf(incoming)
    if (method === 'subscriptions/listen') return openStream(response)
    if (method === 'initialize') response.setHeader('mcp-session-id', 'one')
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: {} }))
  }
  return { onRequest: (incoming, response) => void answer(incoming, response), streams }
}

/** The same server without TLS, on a port of its own. */
export async function startTickingServer() {
  const ticking = createTickingServer()
  const server = createServer(ticking.onRequest)
  await listen(server)
  const { port } = server.address() as AddressInfo
  return { ...ticking, url: `http://127.0.0.1:${port}/mcp` }
}

/** The same over TLS, for clients with a certificate of `clientCa` only. */
export async function startTickingTlsServer(leaf: TestLeaf, clientCa: string) {
  const ticking = createTickingServer()
  const optionsWith = ({ cert, key }: TestLeaf) => ({ cert, key, ca: clientCa })
  const server = createTlsServer(
    { ...optionsWith(leaf), requestCert: true, rejectUnauthorized: true },
    ticking.onRequest,
  )
  let lastSerial = ''
  server.on('secureConnection', (socket) => {
    lastSerial = socket.getPeerX509Certificate()?.serialNumber ?? lastSerial
  })
  await listen(server)
  const { port } = server.address() as AddressInfo
  return {
    ...ticking,
    url: `https://localhost:${port}/mcp`,
    /** Of the client certificate on the newest connection. */
    lastClientSerial: () => lastSerial,
    serveWith: (next: TestLeaf) => server.setSecureContext(optionsWith(next)),
  }
}

async function listen(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
}

interface Sent {
  readonly method?: string
  readonly headers: Record<string, string>
  readonly body?: string
}

function send(target: Target, { method = 'GET', headers, body }: Sent, agent: Agent | false) {
  const { port, path, ca } = target
  const options: RequestOptions = { host: '127.0.0.1', servername: 'localhost', port, path, ca }
  return new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request({ ...options, method, headers, agent }, resolve)
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}

export interface SteadyCalls {
  sent(): number
  answered(): number
  /** What went wrong, one line per call. */
  readonly failures: readonly string[]
  /** Connections that were opened, and how many of them were closed before the end. */
  connections(): { readonly opened: number; readonly closed: number }
  /** Sends what the clock has asked for until now, and waits for every answer. */
  stop(): Promise<void>
}

/** Calls that wait for a connection or an answer; beyond it the machine is not one to make this claim on. */
const MAX_BEHIND = 30_000

/**
 * Calls per second as told, over at most `connections` connections that are kept alive. The clock decides how many are sent, not
 * the answers: what a busy machine does not manage in time it is asked for all the same, and does later.
 */
export function startCalls(
  target: Target,
  { perSecond, connections }: { readonly perSecond: number; readonly connections: number },
): SteadyCalls {
  let opened = 0
  let closed = 0
  let answered = 0
  let sent = 0
  const failures: string[] = []
  const agent = new CountingAgent({ keepAlive: true, maxSockets: connections }, (socket) => {
    opened += 1
    socket.once('close', () => (closed += 1))
  })
  onTestFinished(() => agent.destroy())
  const underWay = new Set<Promise<void>>()
  const callOnce = async (id: number): Promise<void> => {
    try {
      const message = modernRequest('tools/call', { name: 'a' }, id)
      const response = await send(target, message, agent)
      const body = await text(response)
      if (response.statusCode === 200 && body === `{"jsonrpc":"2.0","id":${id},"result":{}}`) {
        answered += 1
      } else failures.push(`${response.statusCode} ${body}`)
    } catch (thrown) {
      failures.push(String(thrown))
    }
  }
  const startedMs = performance.now()
  const sendWhatIsDue = (): void => {
    const due = Math.floor(((performance.now() - startedMs) * perSecond) / 1_000)
    if (underWay.size > MAX_BEHIND) {
      failures.push(`more than ${MAX_BEHIND} calls behind the clock`)
      clearInterval(timer)
      return
    }
    for (; sent < due; sent++) {
      const call = callOnce(sent)
      underWay.add(call)
      void call.finally(() => underWay.delete(call))
    }
  }
  const timer = setInterval(sendWhatIsDue, TICK_MS)
  onTestFinished(() => clearInterval(timer))
  return {
    sent: () => sent,
    answered: () => answered,
    failures,
    connections: () => ({ opened, closed }),
    stop: async () => {
      sendWhatIsDue()
      clearInterval(timer)
      await Promise.all(underWay)
    },
  }
}

class CountingAgent extends Agent {
  readonly #onSocket: (socket: TLSSocket) => void

  constructor(options: AgentOptions, onSocket: (socket: TLSSocket) => void) {
    super(options)
    this.#onSocket = onSocket
  }

  override createConnection(...args: Parameters<Agent['createConnection']>) {
    const socket = super.createConnection(...args)
    this.#onSocket(socket as TLSSocket)
    return socket
  }
}

export interface OpenStream {
  readonly name: string
  /** Numbers of the events, in order of arrival. */
  readonly events: readonly number[]
  /** Why it is over; undefined while it is open. */
  ended(): string | undefined
}

/** Opens an event stream of a legacy session (GET) and one of a modern subscription, each on a connection of its own. */
export async function openStreams(target: Target): Promise<readonly OpenStream[]> {
  const opened = await send(target, initialize(), false)
  await text(opened)
  const sessionId = String(opened.headers['mcp-session-id'])
  const done = await send(
    target,
    legacyMessage({ method: 'notifications/initialized' }, sessionId),
    false,
  )
  await text(done)
  const headers = {
    accept: 'text/event-stream',
    'mcp-session-id': sessionId,
    'mcp-protocol-version': '2025-11-25',
  }
  const legacy = await send(target, { headers }, false)
  const subscription = modernRequest('subscriptions/listen', { notifications: {} }, 's')
  const modern = await send(target, subscription, false)
  return [follow('legacy GET', legacy), follow('modern subscription', modern)]
}

function follow(name: string, response: IncomingMessage): OpenStream {
  const events: number[] = []
  let end = response.statusCode === 200 ? undefined : `status ${response.statusCode}`
  let rest = ''
  response.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (!line.startsWith('data: ')) continue
      const message = JSON.parse(line.slice(6)) as { params?: { data?: number } }
      if (message.params?.data !== undefined) events.push(message.params.data)
    }
  })
  response.on('error', (error) => (end ??= String(error)))
  response.on('close', () => (end ??= 'closed'))
  onTestFinished(() => void response.destroy())
  return { name, events, ended: () => end }
}

/** Numbers that do not follow the one before them. */
export function gapsOf({ events }: OpenStream): readonly number[] {
  return events.filter((event, at) => at > 0 && event !== (events[at - 1] ?? 0) + 1)
}
