// The servers behind the lanes, all in the backend's process: one of each era for every name that is asked for by path.
// Strict about what reaches them: what belongs to the other era is refused as what is missing is.
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { PROTOCOL_VERSION, type Era } from '../call.ts'
import {
  KNOWN_NOTES,
  LIST_TTL_MS,
  modernResult,
  NOTES_TOOL,
  SERVER_INFO,
  toolsOf,
  type JsonValue,
  type KnownNotes,
} from './notes.ts'

export interface LaneServers {
  /** False: the path is not one of theirs, and nothing was done. */
  handle(request: IncomingMessage, response: ServerResponse): boolean
  /** Calls answered with a result so far. */
  readonly callCount: () => number
  /** Everything else that was asked so far. */
  readonly otherCount: () => number
}

/** Where a server is. */
export function laneServerPath(era: Era, name: string): string {
  return `/servers/${era}/${name}`
}

const PATH = /^\/servers\/(modern|legacy)\/([a-z0-9-]+)$/
const ARGUMENTS_KEY = Buffer.from('"arguments":')
const ENVELOPE = {
  version: 'io.modelcontextprotocol/protocolVersion',
  capabilities: 'io.modelcontextprotocol/clientCapabilities',
} as const
const MAX_SESSIONS = 100_000
const METHOD_NOT_FOUND = -32_601

interface Message {
  readonly jsonrpc?: unknown
  readonly id?: number | string
  readonly method?: string
  readonly params?: JsonValue
}

interface Asked {
  readonly name: string
  readonly headers: IncomingMessage['headers']
  readonly message: Message
  /** The arguments, if they are those of a call of the bench. */
  readonly notes: KnownNotes | undefined
}

interface Answer {
  readonly status: number
  readonly sessionId?: string
  readonly body?: JsonValue
  /** In place of a body: the result as JSON, written once for all calls. */
  readonly resultJson?: string
}

const RESULT_JSON: Readonly<Record<Era, ReadonlyMap<KnownNotes, string>>> = {
  modern: new Map(KNOWN_NOTES.map((it) => [it, JSON.stringify(modernResult(it.answer))])),
  legacy: new Map(KNOWN_NOTES.map((it) => [it, JSON.stringify(it.answer)])),
}

export function createLaneServers(): LaneServers {
  const sessions = new Set<string>()
  let calls = 0
  let others = 0

  const answer = (era: Era, asked: Asked): Answer => {
    const refusal = era === 'modern' ? refuseModern(asked) : refuseLegacy(asked, sessions)
    if (refusal !== undefined) return { status: refusal }
    const { message, notes } = asked
    if (message.method !== 'tools/call') {
      others++
      return era === 'modern' ? answerModern(asked) : answerLegacy(asked, sessions)
    }
    if (message.params?.['name'] !== NOTES_TOOL || notes === undefined) return { status: 400 }
    calls++
    return { status: 200, resultJson: RESULT_JSON[era].get(notes) ?? '' }
  }

  return {
    callCount: () => calls,
    otherCount: () => others,
    handle: (request, response) => {
      const [, era, name] = PATH.exec(request.url ?? '') ?? []
      if (era === undefined || name === undefined) return false
      if (request.method !== 'POST') {
        // No event stream is offered; a session may be ended.
        const isEnded =
          request.method === 'DELETE' && sessions.delete(String(request.headers['mcp-session-id']))
        response.writeHead(isEnded ? 204 : 405).end()
        return true
      }
      readAll(request, (bytes) => {
        const { message, notes } = readMessage(bytes)
        const { headers } = request
        send(response, answer(era as Era, { name, headers, message, notes }), message.id)
      })
      return true
    },
  }
}

function readAll(request: IncomingMessage, onRead: (bytes: Buffer) => void): void {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () =>
    onRead(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)),
  )
}

/** The long part of a call, its arguments, is compared and not parsed: the core is shared with the load generator. */
function readMessage(bytes: Buffer): Pick<Asked, 'message' | 'notes'> {
  const key = bytes.indexOf(ARGUMENTS_KEY)
  const start = key + ARGUMENTS_KEY.length
  const notes = key < 0 ? undefined : KNOWN_NOTES.find((it) => standsAt(bytes, start, it))
  const text =
    notes === undefined
      ? bytes.toString()
      : `${bytes.toString('utf8', 0, start)}{}${bytes.toString('utf8', start + notes.argumentBytes.length)}`
  return { message: JSON.parse(text) as Message, notes }
}

function standsAt(bytes: Buffer, start: number, { argumentBytes }: KnownNotes): boolean {
  const end = start + argumentBytes.length
  if (bytes.length < end) return false
  return bytes.compare(argumentBytes, 0, argumentBytes.length, start, end) === 0
}

/** The status for a message that lost something on its way, or brought something along. */
function refuseModern({ headers, message }: Asked): number | undefined {
  const { method, params } = message
  const meta = params?.['_meta'] as JsonValue | undefined
  const name = method === 'tools/call' ? params?.['name'] : undefined
  const isWhole =
    headers['mcp-protocol-version'] === PROTOCOL_VERSION.modern &&
    meta?.[ENVELOPE.version] === PROTOCOL_VERSION.modern &&
    meta[ENVELOPE.capabilities] !== undefined &&
    headers['mcp-method'] === method &&
    headers['mcp-name'] === name &&
    headers['mcp-session-id'] === undefined &&
    message.id !== undefined
  return isWhole ? undefined : 400
}

function refuseLegacy({ headers, message }: Asked, sessions: Set<string>): number | undefined {
  const meta = message.params?.['_meta'] as JsonValue | undefined
  const isForeign = headers['mcp-method'] !== undefined || meta?.[ENVELOPE.version] !== undefined
  if (isForeign) return 400
  if (message.method === 'initialize') return undefined
  if (headers['mcp-protocol-version'] !== PROTOCOL_VERSION.legacy) return 400
  return sessions.has(String(headers['mcp-session-id'])) ? undefined : 404
}

function answerModern({ name, message }: Asked): Answer {
  const cached = { ttlMs: LIST_TTL_MS, cacheScope: 'public' }
  if (message.method === 'server/discover') {
    const about = { supportedVersions: [PROTOCOL_VERSION.modern], capabilities: { tools: {} } }
    return { status: 200, body: { result: modernResult({ ...about, ...cached }) } }
  }
  if (message.method === 'tools/list') {
    return { status: 200, body: { result: modernResult({ tools: toolsOf(name), ...cached }) } }
  }
  const error = { code: METHOD_NOT_FOUND, message: 'Method not found' }
  return { status: 404, body: { error } }
}

function answerLegacy({ name, message }: Asked, sessions: Set<string>): Answer {
  if (message.id === undefined) return { status: 202 }
  if (message.method === 'tools/list') {
    return { status: 200, body: { result: { tools: toolsOf(name) } } }
  }
  if (message.method !== 'initialize' || sessions.size >= MAX_SESSIONS) {
    const error = { code: METHOD_NOT_FOUND, message: 'Method not found' }
    return { status: 200, body: { error } }
  }
  const sessionId = `Lane-${randomUUID()}`
  sessions.add(sessionId)
  const result = {
    protocolVersion: PROTOCOL_VERSION.legacy,
    capabilities: { tools: {} },
    serverInfo: SERVER_INFO,
  }
  return { status: 200, sessionId, body: { result } }
}

function send(response: ServerResponse, answer: Answer, id: Message['id']): void {
  const { status, sessionId, body, resultJson } = answer
  if (body === undefined && resultJson === undefined) {
    response.writeHead(status).end()
    return
  }
  const bytes = Buffer.from(
    resultJson === undefined
      ? JSON.stringify({ jsonrpc: '2.0', id, ...body })
      : `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${resultJson}}`,
  )
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': bytes.length,
    ...(sessionId !== undefined && { 'mcp-session-id': sessionId }),
  })
  response.end(bytes)
}
