// A client of HTTP+SSE that shows exactly what came, and endpoints that answer as they are told.
import { request, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { onTestFinished } from 'vitest'
import type { Exchange } from '../../../../src/core/index.ts'
import { EventReader, isObject, type JsonObject } from '../../../../src/wire/index.ts'
import { until } from '../../../support/servers.ts'

export interface SseClient {
  readonly status: number
  /** The answer, when it was no event stream. */
  readonly body: string
  /** All bytes so far. */
  readonly bytes: () => string
  /** Data of the `message` events, as text. */
  readonly messages: readonly string[]
  /** Data of the first event. */
  readonly reference: () => string
  /** Posts to where the first event says, and returns the status and body. */
  post(
    body: string | object,
    headers?: OutgoingHttpHeaders,
  ): Promise<{ status: number; body: string }>
  /** The message number `count`, counting from one, parsed. */
  message(count: number): Promise<JsonObject>
  readonly closed: Promise<void>
  isClosed(): boolean
  /** Stops and goes on reading. */
  pause(): void
  resume(): void
  leave(): void
}

export interface SseClientOptions {
  readonly headers?: OutgoingHttpHeaders
  /** Which address of this machine to come from: another one is another caller. */
  readonly localAddress?: string
}

export async function openSse(url: string, options: SseClientOptions = {}): Promise<SseClient> {
  const { localAddress = '127.0.0.1', headers = {} } = options
  const outgoing = request(url, {
    headers: { accept: 'text/event-stream', ...headers },
    localAddress,
  })
  onTestFinished(() => void outgoing.destroy())
  outgoing.on('error', () => {})
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve)
    outgoing.on('error', reject)
    outgoing.end()
  })
  let bytes = ''
  let reference = ''
  let isClosed = false
  const messages: string[] = []
  const reader = new EventReader({
    maxEventBytes: 100_000_000,
    onEvent: ({ event, data }) => {
      if (event === 'endpoint') reference = data
      else messages.push(data)
    },
  })
  const closed = new Promise<void>((resolve) => {
    incoming.on('close', () => {
      isClosed = true
      resolve()
    })
  })
  incoming.on('error', () => {})
  incoming.on('data', (chunk: Buffer) => {
    bytes += chunk.toString('latin1')
    reader.push(chunk)
  })
  const isStream = incoming.headers['content-type']?.startsWith('text/event-stream') === true
  if (isStream) await until(() => reference !== '', 'the endpoint event')
  else await closed
  return {
    status: incoming.statusCode ?? 0,
    body: isStream ? '' : bytes,
    bytes: () => bytes,
    messages,
    reference: () => reference,
    closed,
    isClosed: () => isClosed,
    post: (body, more = {}) => post(new URL(reference, url), body, { headers: more, localAddress }),
    message: async (count) => {
      await until(() => messages.length >= count, `message ${count}`)
      return JSON.parse(messages[count - 1] ?? '') as JsonObject
    },
    pause: () => void incoming.pause(),
    resume: () => void incoming.resume(),
    leave: () => void outgoing.destroy(),
  }
}

export async function post(
  url: URL | string,
  body: string | object,
  { headers = {}, localAddress = '127.0.0.1' }: SseClientOptions = {},
): Promise<{ status: number; body: string }> {
  const outgoing = request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    localAddress,
  })
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve)
    outgoing.on('error', reject)
    outgoing.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  let text = ''
  for await (const chunk of incoming) text += String(chunk)
  return { status: incoming.statusCode ?? 0, body: text }
}

/** The message in an exchange; empty for GET and DELETE. */
export async function messageOf(exchange: Exchange): Promise<JsonObject> {
  const bytes = await exchange.readBody(10_000_000)
  if (bytes.length === 0) return {}
  const message: unknown = JSON.parse(bytes.toString())
  return isObject(message) ? message : {}
}

/** Answers with a JSON body. */
export function answerJson(
  { answer }: Exchange,
  body: string | object,
  { status = 200, headers = [] }: { readonly status?: number; readonly headers?: string[] } = {},
): void {
  answer.start(status, ['content-type', 'application/json', ...headers])
  answer.end(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
}

/** A legacy server with a session: answers the handshake, takes notifications, and leaves the rest to `onRequest`. */
export function scriptedServer(
  onRequest: (exchange: Exchange, message: JsonObject) => void = (exchange, { id }) =>
    answerJson(exchange, { jsonrpc: '2.0', id, result: {} }),
): (exchange: Exchange) => void {
  const answer = async (exchange: Exchange): Promise<void> => {
    const message = await messageOf(exchange)
    const { id, method } = message
    if (method === 'initialize') {
      const handshake = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: {} }
      answerJson(exchange, result(id as string, handshake), {
        headers: ['mcp-session-id', 'secret-session'],
      })
    } else if (exchange.method === 'GET') answerEmpty(exchange, 405)
    else if (id === undefined || method === undefined) answerEmpty(exchange, 202)
    else onRequest(exchange, message)
  }
  return (exchange) => void answer(exchange)
}

/** An endpoint that answers nothing by itself. */
export function heldEndpoint(): {
  readonly open: Exchange[]
  readonly handle: (exchange: Exchange) => void
} {
  const open: Exchange[] = []
  return { open, handle: (exchange) => void open.push(exchange) }
}

export const EVENT_STREAM = ['content-type', 'text/event-stream']

export const result = (id: string | number, value: object = {}) => ({
  jsonrpc: '2.0',
  id,
  result: value,
})

/** A message as an event. */
export const event = (message: object): Buffer =>
  Buffer.from(`data: ${JSON.stringify(message)}\n\n`)

export function answerEmpty({ answer }: Exchange, status: number): void {
  answer.start(status, [])
  answer.end()
}

export const INITIALIZE = {
  jsonrpc: '2.0',
  id: 'init',
  method: 'initialize',
  params: {
    protocolVersion: '2024-11-05',
    capabilities: {},
    clientInfo: { name: 'c', version: '1' },
  },
}
export const INITIALIZED = { jsonrpc: '2.0', method: 'notifications/initialized' }

export const ping = (id: string | number) => ({ jsonrpc: '2.0', id, method: 'ping' })

/** Opens a channel and initializes; the answer is its first message. */
export async function openSession(url: string): Promise<SseClient> {
  const client = await openSse(url)
  await client.post(INITIALIZE)
  await client.message(1)
  await client.post(INITIALIZED)
  return client
}
