// The head of an HTTP/1.1 answer and where its body ends (RFC 9112 §4 to §6). Strict on purpose: whoever reads an answer
// otherwise than it was meant gives one caller the answer to another's call. What is ambiguous is refused, not mended.
import type { RawHeaders } from '../../../core/index.ts'

/** An endpoint that sends something that is not HTTP/1.1, or not clearly so. The message quotes nothing of it. */
export class MalformedAnswer extends Error {
  override readonly name = 'MalformedAnswer'
  readonly code = 'MALFORMED_ANSWER'
}

/** Where the body ends: after so many bytes, where its chunks do, or with the connection. */
export type BodyEnd = number | 'chunked' | 'close'

export interface AnswerHead {
  readonly status: number
  readonly headers: RawHeaders
  readonly bodyEnd: BodyEnd
  /** Whether another request may follow on the connection. */
  readonly keepsAlive: boolean
  /** How long the endpoint keeps the connection open without a request, if it said so. */
  readonly idleForMs: number | undefined
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: .*)?$/
/** RFC 9110 §5.5, and the line ends between fields. */
const NOT_IN_FIELDS = /[^\t\x20-\x7e\x80-\xff\r\n]/
const LONE_LINE_END = /\r(?!\n)|(?<!\r)\n/
/** RFC 9110 §5.6.2. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const TAB = 0x09
const SPACE = 0x20
const DIGITS = /^\d{1,15}$/
const KEEP_ALIVE_TIMEOUT = /(?:^|[\s,;])timeout\s*=\s*(\d{1,9})(?:$|[\s,;])/i

const NO_CONTENT = 204
const NOT_MODIFIED = 304
const SWITCHING_PROTOCOLS = 101
const FIRST_FINAL = 200

/** What the fields of a head say about framing and the connection. */
interface Framing {
  length: number | undefined
  coding: string | undefined
  connection: string
  keepAlive: string
}

/**
 * Reads a head: everything before the empty line, in latin1. Interim answers (1xx) have one as well.
 *
 * @throws MalformedAnswer
 */
export function readAnswerHead(text: string): AnswerHead {
  refuseControls(text)
  const lineEnd = endOfLine(text, 0)
  const [, minor, digits] = STATUS_LINE.exec(text.slice(0, lineEnd)) ?? []
  if (minor === undefined) throw new MalformedAnswer('not an HTTP/1.1 status line')
  const status = Number(digits)
  if (status === SWITCHING_PROTOCOLS) throw new MalformedAnswer('an upgrade nobody asked for')
  const framing: Framing = { length: undefined, coding: undefined, connection: '', keepAlive: '' }
  const headers = readFields(text, lineEnd + 2, framing)
  return {
    status,
    headers,
    bodyEnd: bodyEndOf(status, framing, minor),
    keepsAlive: minor === '1' && !/(?:^|[\t ,])close(?:$|[\t ,])/i.test(framing.connection),
    idleForMs: idleTimeOf(framing),
  }
}

/**
 * Reads a trailer section: one field to a line.
 *
 * @throws MalformedAnswer
 */
export function readTrailers(text: string): RawHeaders {
  refuseControls(text)
  return readFields(text, 0)
}

function refuseControls(text: string): void {
  if (!NOT_IN_FIELDS.test(text) && !LONE_LINE_END.test(text)) return
  throw new MalformedAnswer('a field with a character that none may have')
}

function readFields(text: string, start: number, framing?: Framing): RawHeaders {
  const fields: string[] = []
  for (let at = start; at < text.length; ) {
    const lineEnd = endOfLine(text, at)
    const colon = text.indexOf(':', at)
    const name = text.slice(at, colon)
    // No name, blanks around it, or a line that goes on the one before (RFC 9112 §5.1, §5.2).
    if (colon === -1 || colon > lineEnd || !TOKEN.test(name)) {
      throw new MalformedAnswer('a header line without a proper name')
    }
    const value = trimmed(text, colon + 1, lineEnd)
    fields.push(name, value)
    if (framing !== undefined) noteFraming(framing, name, value)
    at = lineEnd + 2
  }
  return fields
}

/** Without the blanks around it (RFC 9110 §5.5). */
function trimmed(text: string, start: number, end: number): string {
  let [first, last] = [start, end]
  while (first < last && isBlank(text.charCodeAt(first))) first++
  while (first < last && isBlank(text.charCodeAt(last - 1))) last--
  return text.slice(first, last)
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}

function endOfLine(text: string, start: number): number {
  const end = text.indexOf('\r\n', start)
  return end === -1 ? text.length : end
}

/** Most names are told apart by their length alone. */
function noteFraming(framing: Framing, name: string, value: string): void {
  if (name.length === 14 && name.toLowerCase() === 'content-length') {
    if (framing.length !== undefined || !DIGITS.test(value)) {
      throw new MalformedAnswer('a Content-Length that is not one number')
    }
    framing.length = Number(value)
  } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
    if (framing.coding !== undefined || value.toLowerCase() !== 'chunked') {
      throw new MalformedAnswer('a Transfer-Encoding other than chunked')
    }
    framing.coding = value
  } else if (name.length === 10) {
    const lower = name.toLowerCase()
    if (lower === 'connection') framing.connection += `,${value}`
    else if (lower === 'keep-alive') framing.keepAlive = value
  }
}

/** RFC 9112 §6.3, for answers to GET, POST and DELETE. */
function bodyEndOf(status: number, { length, coding }: Framing, minor: string): BodyEnd {
  if (coding !== undefined && (length !== undefined || minor === '0')) {
    throw new MalformedAnswer('two ways to tell where the body ends')
  }
  if (status < FIRST_FINAL || status === NO_CONTENT || status === NOT_MODIFIED) return 0
  if (coding !== undefined) return 'chunked'
  return length ?? 'close'
}

function idleTimeOf({ keepAlive }: Framing): number | undefined {
  if (keepAlive === '') return undefined
  const [, seconds] = KEEP_ALIVE_TIMEOUT.exec(keepAlive) ?? []
  return seconds === undefined ? undefined : Number(seconds) * 1000
}
