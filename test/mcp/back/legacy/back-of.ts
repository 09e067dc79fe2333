// A legacy back over a real pool, servers that answer as a script says, and requests that keep all they hear.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { resolve } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import { systemClock, type Clock } from '../../../../src/core/index.ts'
import {
  createLegacyBack,
  DEFAULT_LEGACY_BACK_OPTIONS,
  type LegacyBackOptions,
} from '../../../../src/mcp/back/legacy/index.ts'
import { Seal } from '../../../../src/mcp/seal.ts'
import type { ListenFilter, ServerView } from '../../../../src/mcp/view/server-view.ts'
import { createMetrics, silentLog } from '../../../../src/observability/index.ts'
import { EndpointPool } from '../../../../src/routing/index.ts'
import {
  createStdioUpstream,
  createStreamableHttpUpstream,
  type EndpointOptions,
  type HttpEndpointOptions,
} from '../../../../src/upstream/index.ts'
import type { JsonObject } from '../../../../src/wire/index.ts'
import { httpEndpoint, nodeEndpoint } from '../../../support/gateway.ts'
import { startHttpServer } from '../../../support/servers.ts'
import { begin, type Ask, type HeardChanges } from '../modern/view-of.ts'

export interface BackSetup {
  readonly clock?: Clock
  readonly options?: Partial<LegacyBackOptions>
  readonly endpoint?: Partial<HttpEndpointOptions>
  readonly secret?: string
  readonly server?: string
}

/** A back in front of HTTP endpoints at these URLs, or of what else is given; it ends with the test. */
export async function backOf(
  endpoints: readonly (string | EndpointOptions)[],
  setup: BackSetup = {},
) {
  const {
    clock = systemClock,
    secret = 'a secret for tests, long enough',
    server = 'weather',
  } = setup
  const context = { server, log: silentLog, metrics: createMetrics(), clock }
  const members = endpoints.map((given, at) => {
    const options = typeof given === 'string' ? httpEndpoint(given, setup.endpoint) : given
    const name = `${server}-${at}`
    if (options.kind !== 'stdio') {
      return { name, upstream: createStreamableHttpUpstream(options) }
    }
    const baseEnv = { PATH: process.env['PATH'] ?? '' }
    const stdio = { ...context, name, clock: systemClock, baseEnv }
    return { name, upstream: createStdioUpstream(options, stdio) }
  })
  const healthCheck = { intervalMs: 30_000, timeoutMs: 1_000 }
  const pool = new EndpointPool(members, { ...context, clock: systemClock, healthCheck })
  await pool.start()
  const doubts: true[] = []
  const back = createLegacyBack(pool, {
    clock,
    log: silentLog,
    seal: new Seal([secret], 'test'),
    options: { ...DEFAULT_LEGACY_BACK_OPTIONS, ...setup.options },
    onWrongEra: () => void doubts.push(true),
  })
  onTestFinished(async () => {
    const closed = back.close()
    if ('advance' in clock) (clock as { advance(ms: number): void }).advance(10_000)
    await closed
    await pool.stop(0)
  })
  return { back, pool, doubts }
}

export const stdioLegacy = (): EndpointOptions =>
  nodeEndpoint([resolve(import.meta.dirname, '../../../fixtures/everything-stdio/legacy.ts')])

/** What a client can do that can be asked anything. */
export const ABLE: JsonObject = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} }

/** The retry of a request that was answered with `input_required`. */
export function retryOf(params: JsonObject, result: JsonObject | undefined, answers: JsonObject) {
  return { ...params, inputResponses: answers, requestState: result?.['requestState'] }
}

/** Questions of an `input_required` result, by key. */
export function questionsOf(result: JsonObject | undefined): Record<string, JsonObject> {
  if (result?.['resultType'] !== 'input_required') {
    throw new Error(`expected input_required, got ${JSON.stringify(result)}`)
  }
  return result['inputRequests'] as Record<string, JsonObject>
}

/** Calls a tool; resolves to the result. */
export async function callTool(view: ServerView, name: string, args: object = {}, how: Ask = {}) {
  return resultOf(view, 'tools/call', { name, arguments: args }, how)
}

export async function resultOf(
  view: ServerView,
  method: string,
  params: JsonObject = {},
  how: Ask = {},
): Promise<JsonObject> {
  const { results, errors, failures } = await begin(view, method, params, how).done
  const [result] = results
  if (result !== undefined) return result
  throw new Error(`no result: ${JSON.stringify(errors)} ${failures.map(String).join(', ')}`)
}

/** Subscribes as the same client that `ask` of view-of.ts is. */
export function listen(view: ServerView, filter: ListenFilter, how: Ask = {}) {
  const heard: HeardChanges = { acknowledged: [], changes: [], failures: [], ends: 0 }
  let hasReturned = false
  const check = (): void => {
    if (!hasReturned) throw new Error('the sink heard something before listen has returned')
  }
  const call = view.listen(
    {
      filter,
      headers: how.headers ?? [],
      caller: {
        key: how.key ?? 'someone',
        clientInfo: { name: 'client', version: '1' },
        capabilities: how.capabilities ?? {},
      },
    },
    {
      onAcknowledged: (it) => {
        check()
        heard.acknowledged.push(it)
      },
      onNotification: (it) => void heard.changes.push(it),
      onEnd: () => void heard.ends++,
      onFailure: (it) => {
        check()
        heard.failures.push(it)
      },
    },
  )
  hasReturned = true
  return { call, heard }
}

export interface Seen {
  readonly verb: string
  readonly id: number
  readonly method: string | undefined
  readonly params: JsonObject
  readonly message: JsonObject
  /** The message as it came. */
  readonly text: string
  readonly headers: IncomingMessage['headers']
}

/** Takes over what the ordinary answers do not cover. True: it has answered, or will. */
export type Script = (seen: Seen, response: ServerResponse) => boolean | undefined

export interface ScriptedOptions {
  readonly capabilities?: JsonObject
  readonly version?: string
  /** No session ids. */
  readonly isStateless?: boolean
}

/** A legacy server that begins sessions and takes notice as any does; for the rest the script answers. */
export async function scripted(script: Script, options: ScriptedOptions = {}) {
  const { capabilities = { tools: {} }, version = '2025-11-25', isStateless = false } = options
  const seen: Seen[] = []
  let sessions = 0
  const ordinary = ({ verb, id, method }: Seen, response: ServerResponse): void => {
    if (verb === 'GET') response.writeHead(405).end()
    else if (verb === 'DELETE') response.writeHead(200).end()
    else if (method === 'initialize') {
      sessions++
      const headers = isStateless ? {} : { 'mcp-session-id': `session-${sessions}` }
      const serverInfo = { name: 'scripted', version: '1' }
      const result = { protocolVersion: version, capabilities, serverInfo }
      answerJson(response, { id, result }, 200, headers)
    } else if (id === undefined || method === undefined) response.writeHead(202).end()
    else answerJson(response, { id, result: { content: [{ type: 'text', text: 'done' }] } })
  }
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const text = (await buffer(request)).toString()
    const message = (text === '' ? {} : JSON.parse(text)) as JsonObject
    const { id, method, params } = message as { id: number; method?: string; params?: JsonObject }
    const { headers, method: verb = '' } = request
    const one: Seen = { verb, id, method, params: params ?? {}, message, text, headers }
    seen.push(one)
    if (script(one, response) !== true) ordinary(one, response)
  }
  const server = await startHttpServer((request, response) => void take(request, response))
  /** What was POSTed with this method, `DELETE` or `GET`; responses have none. */
  const of = (method: string | undefined): Seen[] =>
    seen.filter((one) => (one.verb === 'POST' ? one.method : one.verb) === method)
  return { ...server, seen, of, sessions: () => sessions }
}

export function answerJson(
  response: ServerResponse,
  message: object,
  status = 200,
  headers: Record<string, string> = {},
): true {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify({ jsonrpc: '2.0', ...message }))
  return true
}

/** Begins an event stream; returns what writes an event with a message, or with an id alone. */
export function openStream(response: ServerResponse) {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.flushHeaders()
  return (message: object | undefined, id?: string): void => {
    const data = message === undefined ? '' : JSON.stringify({ jsonrpc: '2.0', ...message })
    response.write(`${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`)
  }
}

export const done = (id: number, text = 'done') => ({
  id,
  result: { content: [{ type: 'text', text }] },
})
