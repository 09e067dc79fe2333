// Two small servers, each of one era only, that cost little per call and count what they hold: what a gateway that forgets
// something leaves open shows here.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { META } from '../../src/wire/index.ts'
import { startHttpServer, type TestServer } from '../support/servers.ts'

/** What a server holds now, or has seen so far. */
export interface Tally {
  /** Requests of any method. */
  requests: number
  /** Calls of the tool `echo` that were answered. */
  calls: number
  /** Sessions that are open. */
  readonly sessions: Set<string>
  /** Event streams that are open: those of sessions, of calls that wait, of subscriptions. */
  readonly streams: Set<ServerResponse>
  /** Calls of the tool `ask` whose question has no answer yet. */
  readonly asking: Set<unknown>
  /** Resources that a session is subscribed to, or a subscription about. */
  subscribed: number
  /** Answers to questions that came. */
  answers: number
  /** `notifications/cancelled` that came. */
  cancelled: number
}

export interface OneEraServer extends TestServer {
  readonly tally: Tally
}

export interface Message {
  readonly id?: string | number
  readonly method?: string
  readonly params?: {
    readonly name?: string
    readonly uri?: string
    readonly requestId?: string | number
    readonly arguments?: { readonly text?: string }
    readonly notifications?: { readonly resourceSubscriptions?: readonly string[] }
  }
}

const newTally = (): Tally => ({
  requests: 0,
  calls: 0,
  sessions: new Set(),
  streams: new Set(),
  asking: new Set(),
  subscribed: 0,
  answers: 0,
  cancelled: 0,
})

/** Before the id of the call that asks. */
const QUESTION = 'q-'
const CAPABILITIES = {
  tools: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  logging: {},
}
const INFO = { name: 'one-era', version: '1' }
const tool = (name: string) => ({ name, inputSchema: { type: 'object' } })

export const event = (message: object): string =>
  `event: message\ndata: ${JSON.stringify(message)}\n\n`

export const json = (response: ServerResponse, status: number, message?: object): void => {
  response.writeHead(status, message && { 'content-type': 'application/json' })
  response.end(message && JSON.stringify(message))
}

async function read(request: IncomingMessage): Promise<Message> {
  return JSON.parse((await buffer(request)).toString()) as Message
}

function openStream(tally: Tally, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  tally.streams.add(response)
  response.once('close', () => tally.streams.delete(response))
}

const echoed = (text = '') => ({ content: [{ type: 'text', text }] })

/** Streamable HTTP with sessions, version 2025-11-25. Its tool `ask` asks the user and waits. */
export async function startLegacyOnly(): Promise<OneEraServer> {
  const server = new LegacyOnly()
  return Object.assign(await startHttpServer(server.onRequest), { tally: server.tally })
}

class LegacyOnly {
  readonly tally = newTally()
  /** Streams of waiting calls by session and request. */
  readonly #waiting = new Map<string, ServerResponse>()
  #count = 0

  readonly onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    this.tally.requests++
    const named = request.headers['mcp-session-id']
    const session = typeof named === 'string' ? named : ''
    if (request.method === 'POST') {
      void read(request).then((message) => this.#post(session, message, response))
      return
    }
    if (!this.tally.sessions.has(session)) json(response, 404)
    else if (request.method === 'GET') openStream(this.tally, response)
    else {
      this.tally.sessions.delete(session)
      json(response, 200)
    }
  }

  #post(session: string, message: Message, response: ServerResponse): void {
    const { id, method } = message
    if (method === 'initialize') this.#initialize(id, response)
    else if (!this.tally.sessions.has(session)) {
      const error = { code: session === '' ? -32_000 : -32_001, message: 'no session' }
      json(response, session === '' ? 400 : 404, { jsonrpc: '2.0', id: null, error })
    } else if (id === undefined || method === undefined) this.#notice(session, message, response)
    else if (method === 'tools/call' && message.params?.name === 'ask') {
      this.#ask(session, id, response)
    } else json(response, 200, { jsonrpc: '2.0', id, result: this.#resultOf(message) })
  }

  #initialize(id: unknown, response: ServerResponse): void {
    const session = `session-${this.#count++}`
    this.tally.sessions.add(session)
    response.setHeader('mcp-session-id', session)
    const result = { protocolVersion: '2025-11-25', capabilities: CAPABILITIES, serverInfo: INFO }
    json(response, 200, { jsonrpc: '2.0', id, result })
  }

  #notice(session: string, { id, method, params }: Message, response: ServerResponse): void {
    json(response, 202)
    if (method === undefined) this.#answered(session, String(id))
    if (method !== 'notifications/cancelled') return
    this.tally.cancelled++
    this.#waiting.get(`${session} ${params?.requestId}`)?.end()
  }

  #ask(session: string, id: string | number, response: ServerResponse): void {
    const key = `${session} ${id}`
    openStream(this.tally, response)
    this.#waiting.set(key, response)
    this.tally.asking.add(response)
    response.once('close', () => {
      this.#waiting.delete(key)
      this.tally.asking.delete(response)
    })
    const params = { message: 'Who?', requestedSchema: { type: 'object', properties: {} } }
    const question = {
      jsonrpc: '2.0',
      id: `${QUESTION}${id}`,
      method: 'elicitation/create',
      params,
    }
    response.write(event(question))
  }

  /** The answer to a question ends the call that asked. */
  #answered(session: string, question: string): void {
    const id = Number(question.replace(QUESTION, ''))
    const waiting = this.#waiting.get(`${session} ${id}`)
    this.tally.answers++
    waiting?.end(event({ jsonrpc: '2.0', id, result: echoed('answered') }))
  }

  #resultOf({ method, params }: Message): object {
    if (method === 'tools/list') return { tools: [tool('echo'), tool('ask')] }
    if (method === 'resources/list') return { resources: [{ uri: 'test://it', name: 'it' }] }
    if (method === 'resources/subscribe') this.tally.subscribed++
    if (method === 'resources/unsubscribe') this.tally.subscribed--
    if (method !== 'tools/call') return {}
    this.tally.calls++
    return echoed(params?.arguments?.text)
  }
}

/** Streamable HTTP of version 2026-07-28. */
export async function startModernOnly(): Promise<OneEraServer> {
  const tally = newTally()
  const server = await startHttpServer((request, response) => {
    tally.requests++
    if (request.method !== 'POST') return json(response, 405)
    void read(request).then((message) => answerModern(tally, message, response))
  })
  return Object.assign(server, { tally })
}

const LISTED = { ttlMs: 60_000, cacheScope: 'public' }

function answerModern(tally: Tally, message: Message, response: ServerResponse): void {
  const { id, method, params } = message
  const answer = (result: object): void => {
    const _meta = { [META.serverInfo]: INFO }
    json(response, 200, {
      jsonrpc: '2.0',
      id,
      result: { resultType: 'complete', _meta, ...result },
    })
  }
  if (method === 'server/discover') {
    answer({ supportedVersions: ['2026-07-28'], capabilities: CAPABILITIES, ...LISTED })
  } else if (method === 'tools/list') answer({ tools: [tool('echo')], ...LISTED })
  else if (method === 'resources/list') {
    answer({ resources: [{ uri: 'test://it', name: 'it' }], ...LISTED })
  } else if (method === 'tools/call') {
    tally.calls++
    answer(echoed(params?.arguments?.text))
  } else if (method === 'subscriptions/listen') listen(tally, message, response)
  else if (method === 'initialize') {
    const data = { supported: ['2026-07-28'] }
    const error = { code: -32_022, message: 'modern only', data }
    json(response, 400, { jsonrpc: '2.0', id, error })
  } else {
    json(response, 404, { jsonrpc: '2.0', id, error: { code: -32_601, message: 'not a method' } })
  }
}

function listen(tally: Tally, { id, params }: Message, response: ServerResponse): void {
  openStream(tally, response)
  const notifications = params?.notifications ?? {}
  const count = notifications.resourceSubscriptions?.length ?? 0
  tally.subscribed += count
  response.once('close', () => (tally.subscribed -= count))
  const method = 'notifications/subscriptions/acknowledged'
  const acknowledged = { notifications, _meta: { [META.subscriptionId]: id } }
  response.write(event({ jsonrpc: '2.0', method, params: acknowledged }))
}
