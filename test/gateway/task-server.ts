// A server of the modern era with the tasks extension (SEP-2663), which the official SDK does not implement. Its tasks are in
// its own memory, and its ids are counted, so that those of two replicas collide.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { META } from '../../src/wire/index.ts'
import { startHttpServer, type TestServer } from '../support/servers.ts'

export const TASKS = 'io.modelcontextprotocol/tasks'

interface Message {
  readonly id?: string | number
  readonly method: string
  readonly params?: {
    readonly name?: string
    readonly taskId?: string
    readonly arguments?: { readonly as?: 'events' | 'json'; readonly padding?: number }
    readonly notifications?: { readonly taskIds?: readonly string[] }
    readonly requestState?: string
    readonly inputResponses?: object
    readonly task?: unknown
    readonly _meta?: Readonly<Record<string, { readonly extensions?: object } | undefined>>
  }
}

export interface TaskServer extends TestServer {
  readonly name: string
  /** Methods that came, with the task they are about. */
  readonly seen: string[]
  /** Tells those who listen to a task that it is done. */
  finish(taskId: string): void
}

export async function startTaskServer(name: string): Promise<TaskServer> {
  const tasks = new Map<string, string>()
  const seen: string[] = []
  const listening = new Map<string, { response: ServerResponse; id: unknown }>()

  const taskOf = (taskId: string) => {
    const dates = { createdAt: '2026-11-21T00:00:00Z', lastUpdatedAt: '2026-11-21T00:00:00Z' }
    return { taskId, status: tasks.get(taskId), ...dates, ttlMs: null, pollIntervalMs: 10 }
  }
  const create = () => {
    const taskId = `task-${tasks.size + 1}`
    tasks.set(taskId, 'working')
    return { resultType: 'task', ...taskOf(taskId) }
  }
  const called = ({ params }: Message): object => {
    if (params?.name === 'ask') return asked(params)
    const declared = params?._meta?.[META.clientCapabilities]?.extensions
    if (params?.name === 'plain' || declared === undefined || !(TASKS in declared)) {
      const text = `done at ${name}, ${'task' in (params ?? {}) ? 'asked for a task' : 'as asked'}`
      return { resultType: 'complete', content: [{ type: 'text', text }] }
    }
    return create()
  }
  const asked = ({ requestState, inputResponses }: NonNullable<Message['params']>): object => {
    if (requestState === undefined) {
      const inputRequests = { who: { method: 'elicitation/create', params: { message: 'Who?' } } }
      return { resultType: 'input_required', inputRequests, requestState: `state of ${name}` }
    }
    if (requestState !== `state of ${name}`) throw new Error('invalid_request_state')
    const text = `${name} heard ${JSON.stringify(inputResponses)}`
    return { resultType: 'complete', content: [{ type: 'text', text }] }
  }
  const aboutTask = ({ method, params }: Message): object => {
    const taskId = params?.taskId ?? ''
    if (!tasks.has(taskId)) throw new Error(`no task ${taskId}`)
    if (method === 'tasks/cancel') tasks.set(taskId, 'cancelled')
    if (method === 'tasks/update') tasks.set(taskId, 'working')
    const result = { content: [{ type: 'text', text: `of ${name}` }] }
    return { resultType: 'complete', ...taskOf(taskId), ...(method === 'tasks/get' && { result }) }
  }
  const listen = ({ id, params }: Message, response: ServerResponse): void => {
    const { notifications } = params ?? {}
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const _meta = { [META.subscriptionId]: id }
    const taskIds = (notifications?.taskIds ?? []).filter((taskId) => tasks.has(taskId))
    for (const taskId of taskIds) listening.set(taskId, { response, id })
    const method = 'notifications/subscriptions/acknowledged'
    send(response, { method, params: { notifications: { ...notifications, taskIds }, _meta } })
  }
  const answer = (message: Message, response: ServerResponse): void => {
    const { id, method, params } = message
    seen.push(params?.taskId === undefined ? method : `${method} ${params.taskId}`)
    if (method === 'subscriptions/listen') return listen(message, response)
    if (method === 'initialize') return refuse(response, id)
    let body: object
    try {
      body = { result: resultOf(message) }
    } catch (thrown) {
      body = { error: { code: -32_602, message: (thrown as Error).message } }
    }
    const { as, padding = 0 } = params?.arguments ?? {}
    const whole = { jsonrpc: '2.0', id, ...body, padding: 'x'.repeat(padding) }
    if (as !== 'events') return respond(response, whole)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    send(response, { method: 'notifications/message', params: { level: 'info', data: '"task"' } })
    const event = `data: ${JSON.stringify(whole)}\n\n`
    // The event comes in two parts, as events may.
    response.write(event.slice(0, event.indexOf('"task') + 3))
    setImmediate(() => response.end(event.slice(event.indexOf('"task') + 3)))
  }
  const resultOf = (message: Message): object => {
    const { method } = message
    if (method === 'tools/call') return called(message)
    if (method.startsWith('tasks/')) return aboutTask(message)
    if (method === 'server/discover') return discovered(name)
    const tools = ['slow', 'plain', 'ask'].map((it) => ({
      name: it,
      inputSchema: { type: 'object' },
    }))
    return { resultType: 'complete', tools, ttlMs: 60_000, cacheScope: 'public' }
  }
  const server = await startHttpServer((request, response) => {
    if (request.method !== 'POST') response.writeHead(405).end()
    else void read(request).then((message) => answer(message, response))
  })
  const finish = (taskId: string): void => {
    tasks.set(taskId, 'completed')
    const { response, id } = listening.get(taskId) ?? {}
    const params = { ...taskOf(taskId), _meta: { [META.subscriptionId]: id } }
    if (response !== undefined) send(response, { method: 'notifications/tasks', params })
  }
  return Object.assign(server, { name, seen, finish })
}

function discovered(name: string): object {
  return {
    resultType: 'complete',
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: {}, extensions: { [TASKS]: {} } },
    ttlMs: 60_000,
    cacheScope: 'public',
    _meta: { [META.serverInfo]: { name, version: '1' } },
  }
}

function refuse(response: ServerResponse, id: unknown): void {
  const data = { supported: ['2026-07-28'], requested: '2025-11-25' }
  const error = { code: -32_022, message: 'Unsupported protocol version', data }
  response.writeHead(400, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ jsonrpc: '2.0', id, error }))
}

async function read(request: IncomingMessage): Promise<Message> {
  return (await json(request)) as Message
}

function respond(response: ServerResponse, message: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(message))
}

function send(response: ServerResponse, message: object): void {
  response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`)
}
