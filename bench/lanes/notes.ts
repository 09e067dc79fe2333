// What is said on the lanes of the gateway: the calls of the load generator, what the servers behind it offer and answer, and
// what has to come of it for a client. All sides build it from here, so that whatever is lost or added on the way shows.
import {
  callBody,
  callHead,
  FIRST_ID,
  MODERN_ENVELOPE,
  textOf,
  type CallScript,
  type Era,
} from '../call.ts'

/** A call by what its client says and how much: the arguments and the answer hang on nothing else. */
export interface NotesShape {
  readonly era: Era
  readonly kib: number
}

/** What a connection does over and over on a lane. */
export type LaneWork =
  | ({ readonly kind: 'call'; readonly path: string; readonly tool: string } & NotesShape)
  | { readonly kind: 'list'; readonly path: string; readonly list: ListedServers }

/** The servers behind a merged list, and how many of their tools a page has. */
export interface ListedServers {
  readonly servers: readonly string[]
  readonly pageSize: number
}

export type JsonValue = Readonly<Record<string, unknown>>

export const NOTES_TOOL = 'search_notes'
export const SERVER_INFO = { name: 'bench-backend', version: '1.0.0' } as const
export const SERVER_INFO_KEY = 'io.modelcontextprotocol/serverInfo'
/** Long enough for a whole run: a list that is read anew in between would not be a warm one. */
export const LIST_TTL_MS = 3_600_000
export const TOOLS_PER_SERVER = 20

const KIB = 1024
const SPARE_ANSWER_BYTES = 4_096
/** More than any list of the plan has. */
const MAX_LIST_BYTES = 4 * KIB * KIB
const ERAS: readonly Era[] = ['modern', 'legacy']
const SIZES_KIB = [1, 64]

export interface KnownNotes extends NotesShape {
  /** The arguments as JSON, byte for byte. */
  readonly argumentBytes: Buffer
  /** What a server has to say to them. */
  readonly answer: JsonValue
}

/** All calls that a server knows, by what it sees of them. */
export const KNOWN_NOTES: readonly KnownNotes[] = ERAS.flatMap((era) =>
  SIZES_KIB.map((kib) => {
    const argumentBytes = Buffer.from(JSON.stringify(straightCall({ era, kib }).params.arguments))
    return { era, kib, argumentBytes, answer: notesAnswer(argumentBytes.length, kib) }
  }),
)

interface NotesCall {
  readonly params: { readonly name: string; readonly arguments: JsonValue }
}

function straightCall({ era, kib }: NotesShape): NotesCall {
  const body = callBody({ era, bodyBytes: kib * KIB, answer: 'json' })
  return JSON.parse(body.toString()) as NotesCall
}

/** As long as the call, when a server of the modern era gives it. */
function notesAnswer(argumentBytes: number, kib: number): JsonValue {
  const answer = (text: string): JsonValue => ({
    content: [{ type: 'text', text }],
    structuredContent: { argumentBytes },
  })
  const whole = (text: string): string =>
    JSON.stringify({ jsonrpc: '2.0', id: FIRST_ID, result: modernResult(answer(text)) })
  return answer(textOf(kib * KIB - whole('').length))
}

/** A result as a server of the modern era gives it, and as each of its clients has to get it. */
export function modernResult(answer: JsonValue): JsonValue {
  return { resultType: 'complete', ...answer, _meta: { [SERVER_INFO_KEY]: SERVER_INFO } }
}

/** What a client has to get, whatever its server speaks. */
export function expectedNotes({ era, kib }: NotesShape): JsonValue {
  const known = KNOWN_NOTES.find((it) => it.era === era && it.kib === kib)
  if (known === undefined) throw new RangeError(`no call of ${kib} KiB is known`)
  return era === 'modern' ? modernResult(known.answer) : known.answer
}

export function scriptOfWork(work: LaneWork): CallScript {
  const { path } = work
  if (work.kind === 'list') {
    const list = { method: 'tools/list', params: { _meta: MODERN_ENVELOPE } }
    const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: FIRST_ID, ...list }))
    const head = { era: 'modern', path, method: list.method, name: undefined } as const
    return {
      era: 'modern',
      path,
      body,
      maxAnswerBytes: MAX_LIST_BYTES,
      head: (place) => callHead({ ...head, bodyBytes: body.length }, place),
    }
  }
  const { era, kib, tool } = work
  const call = straightCall(work)
  const params = { ...call.params, name: tool }
  const body = Buffer.from(JSON.stringify({ ...call, params }))
  const head = { era, path, method: 'tools/call', name: tool, bodyBytes: body.length } as const
  const maxAnswerBytes = kib * KIB + SPARE_ANSWER_BYTES
  return { era, path, body, maxAnswerBytes, head: (place) => callHead(head, place) }
}

/** The tools of a server, each about as long as tools are. */
export function toolsOf(server: string): readonly JsonValue[] {
  return Array.from({ length: TOOLS_PER_SERVER }, (_, place) => {
    const name = place === 0 ? NOTES_TOOL : `tool_${place}`
    const description = `Finds what the travellers of ${server} wrote down about their way, the weather and the prices.`
    return { name, title: `Tool ${place}`, description, inputSchema: INPUT, annotations: HINTS }
  })
}

const INPUT = {
  type: 'object',
  properties: {
    query: { type: 'string', description: 'Words that all have to be there.', minLength: 1 },
    records: { type: 'array', items: { type: 'object' }, maxItems: 10_000 },
    text: { type: 'string', description: 'Where to look.' },
  },
  required: ['query'],
} as const

const HINTS = { readOnlyHint: true, openWorldHint: false } as const

/** The first page of the merged list, names and all. */
export function expectedTools({ servers, pageSize }: ListedServers): readonly JsonValue[] {
  const all = servers.flatMap((server) =>
    toolsOf(server).map((tool) => ({ ...tool, name: `${server}_${String(tool['name'])}` })),
  )
  return all.slice(0, pageSize)
}
