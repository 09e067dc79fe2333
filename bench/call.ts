// The calls of the bench, byte for byte: what the load generator sends, and what the backend must answer. Both sides
// build them from here, so that an answer can be compared whole instead of glanced at.

export type Era = 'modern' | 'legacy'

/** How the backend answers a call: one JSON object, or an event stream with that object in it. */
export type AnswerForm = 'json' | 'event-stream'

export interface CallShape {
  readonly era: Era
  /** Exact length of the request body; the answer's is within a few dozen bytes of it. */
  readonly bodyBytes: number
  readonly answer: AnswerForm
}

export const MCP_PATH = '/mcp'
export const PROTOCOL_VERSION: Readonly<Record<Era, string>> = {
  modern: '2026-07-28',
  legacy: '2025-11-25',
}

/** Every id has ten digits, so that calls of one shape have one length and only the digits change. */
export const FIRST_ID = 1_000_000_000
const BODY_START = '{"jsonrpc":"2.0","id":'
export const ID_OFFSET = BODY_START.length
const ID_DIGITS = 10

/** The backend knows by the tool's name which form of answer is wanted. */
const TOOL_OF: Readonly<Record<AnswerForm, string>> = {
  json: 'search_notes',
  'event-stream': 'stream_notes',
}

const EVENT_START = 'event: message\ndata: '
const EVENT_END = '\n\n'

/** The smallest body that has room for the envelope and some arguments. */
const MIN_BODY_BYTES = 512
const LINE_CHARS = 72

export function writeId(bytes: Buffer, offset: number, id: number): void {
  bytes.write(String(id), offset, 'latin1')
}

export function readId(bytes: Buffer, offset: number): number {
  return Number(bytes.toString('latin1', offset, offset + ID_DIGITS))
}

/** The body of a `tools/call`, half of its arguments small records and half text with line breaks, as in real calls. */
export function callBody({ era, bodyBytes, answer }: CallShape): Buffer {
  if (bodyBytes < MIN_BODY_BYTES)
    throw new RangeError(`a call has at least ${MIN_BODY_BYTES} bytes`)
  const records: unknown[] = []
  const assemble = (text: string): string => {
    const params = { name: TOOL_OF[answer], arguments: { query: 'salt road', records, text } }
    const envelope = era === 'modern' ? { ...params, _meta: MODERN_ENVELOPE } : params
    const call = { jsonrpc: '2.0', id: FIRST_ID, method: 'tools/call', params: envelope }
    return JSON.stringify(call)
  }
  const halfway = (bodyBytes + assemble('').length) / 2
  while (assemble('').length < halfway) records.push(recordAt(records.length))
  const bytes = Buffer.from(assemble(textOf(bodyBytes - assemble('').length)))
  if (bytes.length !== bodyBytes) throw new Error(`a body of ${bytes.length}, not ${bodyBytes}`)
  return bytes
}

/** What every request of the modern era says of its client. */
export const MODERN_ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': PROTOCOL_VERSION.modern,
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1.0.0' },
}

function recordAt(place: number): unknown {
  return { id: place, title: `note ${place}`, score: place / 8, isOpen: place % 2 === 0 }
}

/** Text whose JSON form, without the quotes, has exactly `jsonChars` characters. */
export function textOf(jsonChars: number): string {
  const line = `${'The carts left before dawn and came back with salt. '.repeat(2).slice(0, LINE_CHARS)}\n`
  const lineJsonChars = LINE_CHARS + '\\n'.length
  const lines = line.repeat(Math.floor(jsonChars / lineJsonChars))
  return lines + 'x'.repeat(jsonChars % lineJsonChars)
}

/** Where a call goes, and within which session. */
export interface CallPlace {
  readonly authority: string
  readonly sessionId: string | undefined
}

/** What the fields of a request mirror. */
export interface CallHead {
  readonly era: Era
  readonly path: string
  readonly method: string
  /** Undefined: the method is about nothing that has a name. */
  readonly name: string | undefined
  readonly bodyBytes: number
}

/** The head of a call as a client library sends it: the protocol's own fields, and a bearer token. */
export function callHead(head: CallHead, { authority, sessionId }: CallPlace): string {
  const { era, path, method, name, bodyBytes } = head
  const modern = [`Mcp-Method: ${method}`, ...(name === undefined ? [] : [`Mcp-Name: ${name}`])]
  const fields = [
    `POST ${path} HTTP/1.1`,
    `Host: ${authority}`,
    'Connection: keep-alive',
    'User-Agent: sallyport-bench',
    'Authorization: Bearer 3f1c7a52-93a4-4f6e-8a0b-51f0c2d9be77',
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    `MCP-Protocol-Version: ${PROTOCOL_VERSION[era]}`,
    ...(era === 'modern' ? modern : []),
    ...(sessionId === undefined ? [] : [`Mcp-Session-Id: ${sessionId}`]),
    `Content-Length: ${bodyBytes}`,
  ]
  return `${fields.join('\r\n')}\r\n\r\n`
}

/** Calls of one kind, as bytes. */
export interface CallScript {
  /** The legacy one begins with a session. */
  readonly era: Era
  readonly path: string
  /** With FIRST_ID at ID_OFFSET; for one connection, because the id is written into it. */
  readonly body: Buffer
  readonly maxAnswerBytes: number
  head(place: CallPlace): string
}

/** What an answer may have beyond the length of its call. */
const SPARE_BODY_BYTES = 4_096

export function scriptOf(shape: CallShape): CallScript {
  const { era, bodyBytes, answer } = shape
  const head = { era, path: MCP_PATH, method: 'tools/call', name: TOOL_OF[answer], bodyBytes }
  return {
    era,
    path: MCP_PATH,
    body: callBody(shape),
    maxAnswerBytes: bodyBytes + SPARE_BODY_BYTES,
    head: (place) => callHead(head, place),
  }
}

export function answerIdOffset(form: AnswerForm): number {
  return ID_OFFSET + (form === 'json' ? 0 : EVENT_START.length)
}

/** The answer to the call with this body. It says how much arrived, so that a shortened body cannot pass. */
export function answerBody(id: number, receivedBytes: number, form: AnswerForm): Buffer {
  const template = templateOf(receivedBytes, form)
  const bytes = Buffer.from(template)
  writeId(bytes, answerIdOffset(form), id)
  return bytes
}

const MAX_TEMPLATES = 16
const templates = new Map<string, Buffer>()

function templateOf(receivedBytes: number, form: AnswerForm): Buffer {
  const key = `${form} ${receivedBytes}`
  const known = templates.get(key)
  if (known !== undefined) return known
  const assemble = (text: string): string => {
    const result = {
      resultType: 'complete',
      content: [{ type: 'text', text }],
      structuredContent: { receivedBytes },
    }
    return JSON.stringify({ jsonrpc: '2.0', id: FIRST_ID, result })
  }
  const json = assemble(textOf(Math.max(0, receivedBytes - assemble('').length)))
  const template = Buffer.from(form === 'json' ? json : EVENT_START + json + EVENT_END)
  if (templates.size < MAX_TEMPLATES) templates.set(key, template)
  return template
}

/** The form asked for by the first bytes of a body that `callBody` made; undefined when they are of another message. */
export function askedForm(start: string): AnswerForm | undefined {
  if (!start.startsWith(`"method":"tools/call","params":{"name":"`, ID_OFFSET + ID_DIGITS + 1)) {
    return undefined
  }
  return start.includes(TOOL_OF.json) ? 'json' : 'event-stream'
}
