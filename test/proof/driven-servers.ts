// Two servers, one of each era, that say nothing of their own accord: every message of every call is said when the test says
// so. Their request ids collide with everybody's: each session counts from 1.
import type { ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { META } from '../../src/wire/index.ts'
import { startHttpServer } from '../support/servers.ts'
import { event, json } from './one-era-servers.ts'

type Json = Readonly<Record<string, unknown>>

interface Request {
  readonly id?: string | number
  readonly method?: string
  readonly params?: {
    readonly arguments?: { readonly label?: string }
    readonly requestId?: string | number
    readonly inputResponses?: Readonly<Record<string, { readonly content?: { label?: string } }>>
    readonly _meta?: { readonly progressToken?: string | number }
  }
  readonly result?: { readonly content?: { readonly label?: string } }
}

/** A call as its server has it. */
export interface DrivenCall {
  readonly label: string
  /** Labels in the answers to its questions. */
  readonly answers: readonly (string | undefined)[]
  readonly isCancelled: boolean
  progress(step: number): void
  log(step: number): void
  ask(): void
  finish(): void
}

export interface DrivenServer {
  readonly url: string
  /** By label; later ones replace earlier ones. */
  readonly calls: ReadonlyMap<string, DrivenCall>
  /** What came and belonged to nothing. */
  readonly strays: readonly string[]
}

const CAPABILITIES = { tools: {}, logging: {} }
const SERVER_INFO = { name: 'driven', version: '1' }
const TOOLS = [{ name: 'tool', inputSchema: { type: 'object' } }]
const LISTED = { resultType: 'complete', ttlMs: 3_600_000, cacheScope: 'public' }
const DISCOVERED = { ...LISTED, supportedVersions: ['2026-07-28'], capabilities: CAPABILITIES }

export function elicitation(label: string): Json {
  const requestedSchema = { type: 'object', properties: { label: { type: 'string' } } }
  return { message: label, requestedSchema }
}

class Call implements DrivenCall {
  readonly label: string
  readonly answers: (string | undefined)[] = []
  isCancelled = false
  readonly #era: 'legacy' | 'modern'
  #response: ServerResponse
  #request: Request
  readonly #nextQuestion: (call: Call) => number

  constructor(
    era: 'legacy' | 'modern',
    request: Request,
    response: ServerResponse,
    nextQuestion: (call: Call) => number,
  ) {
    this.#era = era
    this.label = request.params?.arguments?.label ?? ''
    this.#request = request
    this.#response = response
    this.#nextQuestion = nextQuestion
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  }

  /** A retry of the modern era. */
  again(request: Request, response: ServerResponse): void {
    this.#request = request
    this.#response = response
    const { inputResponses = {} } = request.params ?? {}
    for (const { content } of Object.values(inputResponses)) this.answers.push(content?.label)
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  }

  progress(step: number): void {
    const progressToken = this.#request.params?._meta?.progressToken
    const params = { progressToken, progress: step, message: this.label }
    this.#say({ method: 'notifications/progress', params })
  }

  log(step: number): void {
    const params = { level: 'error', data: `${this.label} ${step}` }
    this.#say({ method: 'notifications/message', params })
  }

  ask(): void {
    const method = 'elicitation/create'
    const params = elicitation(this.label)
    if (this.#era === 'legacy') {
      this.#say({ id: this.#nextQuestion(this), method, params })
      return
    }
    const result = {
      resultType: 'input_required',
      inputRequests: { it: { method, params } },
      requestState: this.label,
    }
    this.#end(result)
  }

  finish(): void {
    const content = [{ type: 'text', text: this.label }]
    this.#end({ ...(this.#era === 'modern' && { resultType: 'complete' }), content })
  }

  close(): void {
    this.#response.destroy()
  }

  #say(message: Json): void {
    this.#response.write(event({ jsonrpc: '2.0', ...message }))
  }

  #end(result: Json): void {
    this.#response.end(event({ jsonrpc: '2.0', id: this.#request.id, result }))
  }
}

/** `onChange` is called after anything has come. */
export async function startDrivenLegacy(onChange: () => void): Promise<DrivenServer> {
  const calls = new Map<string, Call>()
  const strays: string[] = []
  const questions = new Map<string, Call>()
  const byRequest = new Map<string, Call>()
  const counts = new Map<string, number>()
  let sessions = 0
  const notice = (session: string, { id, method, params, result }: Request): void => {
    if (method === 'notifications/initialized') return
    const key = `${session} ${method === undefined ? id : params?.requestId}`
    const call = (method === undefined ? questions : byRequest).get(key)
    if (call === undefined) strays.push(`${key} ${method}`)
    else if (method === undefined) call.answers.push(result?.content?.label)
    else call.isCancelled = true
    questions.delete(key)
  }
  const server = await startHttpServer(async (request, response) => {
    if (request.method !== 'POST') return json(response, request.method === 'GET' ? 405 : 200)
    const message = JSON.parse((await buffer(request)).toString()) as Request
    const { id, method } = message
    const session = String(request.headers['mcp-session-id'])
    const answer = (result: Json): void => json(response, 200, { jsonrpc: '2.0', id, result })
    if (method === 'initialize') {
      response.setHeader('mcp-session-id', `s${sessions++}`)
      const protocolVersion = '2025-11-25'
      answer({ protocolVersion, capabilities: CAPABILITIES, serverInfo: SERVER_INFO })
    } else if (request.headers['mcp-session-id'] === undefined) {
      json(response, 400, { jsonrpc: '2.0', id, error: { code: -32_000, message: 'no session' } })
    } else if (id === undefined || method === undefined) {
      json(response, 202)
      notice(session, message)
    } else if (method === 'tools/call') {
      const call = new Call('legacy', message, response, (asking) => {
        const next = (counts.get(session) ?? 0) + 1
        counts.set(session, next)
        questions.set(`${session} ${next}`, asking)
        return next
      })
      calls.set(call.label, call)
      byRequest.set(`${session} ${id}`, call)
    } else answer(method === 'tools/list' ? { tools: TOOLS } : {})
    onChange()
  })
  return { url: server.url, calls, strays }
}

export async function startDrivenModern(onChange: () => void): Promise<DrivenServer> {
  const calls = new Map<string, Call>()
  const strays: string[] = []
  const server = await startHttpServer(async (request, response) => {
    if (request.method !== 'POST') return json(response, 405)
    const message = JSON.parse((await buffer(request)).toString()) as Request & { params: Json }
    const { id, method, params } = message
    const answer = (result: Json): void => {
      const _meta = { [META.serverInfo]: SERVER_INFO }
      json(response, 200, { jsonrpc: '2.0', id, result: { ...result, _meta } })
    }
    const refuse = (status: number, code: number): void =>
      json(response, status, { jsonrpc: '2.0', id, error: { code, message: 'no' } })
    const known = calls.get(message.params.arguments?.label ?? '')
    if (method === 'server/discover') answer(DISCOVERED)
    else if (method === 'tools/list') answer({ ...LISTED, tools: TOOLS })
    else if (method === 'initialize') refuse(400, -32_022)
    else if (method !== 'tools/call') refuse(404, -32_601)
    else {
      const isRetry = params['requestState'] !== undefined
      if (isRetry && params['requestState'] !== known?.label) strays.push('a foreign state')
      const call = isRetry && known ? known : new Call('modern', message, response, () => 0)
      if (call === known) call.again(message, response)
      else calls.set(call.label, call)
      response.once('close', () => {
        call.isCancelled ||= !response.writableFinished
        onChange()
      })
    }
    onChange()
  })
  return { url: server.url, calls, strays }
}
