// Looking into JSON bytes and changing single values in them without decoding the rest: numbers too large for a double,
// the order of members and every unknown field stay what they were. Works on text that JSON.parse has accepted.

/** Names of members from the outermost object inwards, such as `['params', '_meta']`. In ASCII, as all of MCP's are. */
export type JsonPath = readonly string[]

export interface Replacement {
  readonly path: JsonPath
  /** The new value as JSON text. */
  readonly value: Buffer
}

/** From the first byte of a value to the one after its last. */
interface Span {
  readonly start: number
  readonly end: number
}

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const SPACE = 0x20
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])
/** Strings are read byte by byte up to here; a native search pays off only for longer ones. */
const SHORT_STRING_BYTES = 64

/** The text of the value at the path, the last one if a key is repeated; undefined when there is none. */
export function jsonValue(json: Buffer, path: JsonPath): Buffer | undefined {
  const span = findSpans(json, path).at(-1)
  return span === undefined ? undefined : json.subarray(span.start, span.end)
}

/**
 * The same text with the values at these paths replaced; a path that leads nowhere changes nothing. Where a key is
 * repeated all its values are replaced, so that every reader sees the new one, whichever it keeps.
 */
export function replaceJsonValues(json: Buffer, replacements: readonly Replacement[]): Buffer {
  const edits = replacements
    .flatMap(({ path, value }) => findSpans(json, path).map((span) => ({ ...span, value })))
    .toSorted((a, b) => a.start - b.start)
  if (edits.length === 0) return json
  const parts: Buffer[] = []
  let from = 0
  for (const { start, end, value } of edits) {
    parts.push(json.subarray(from, start), value)
    from = end
  }
  parts.push(json.subarray(from))
  return Buffer.concat(parts)
}

/** The texts of an array's items. */
export function jsonItems(json: Buffer): Buffer[] {
  const items: Buffer[] = []
  let at = skipSpace(json, skipSpace(json, 0) + 1)
  while (at < json.length && json[at] !== CLOSE_BRACKET) {
    const end = skipValue(json, at)
    items.push(json.subarray(at, end))
    at = nextElement(json, end)
  }
  return items
}

/**
 * The same JSON without line breaks: as a line of its own it would fall apart (MCP stdio: "MUST NOT contain embedded
 * newlines"). Valid JSON has raw line breaks only between tokens, where a space means the same.
 */
export function singleLine(json: Buffer): Buffer {
  const start = json.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)
    ? BYTE_ORDER_MARK.length
    : 0
  const text = json.subarray(start)
  if (!text.includes(LINE_FEED) && !text.includes(CARRIAGE_RETURN)) return text
  const line = Buffer.from(text)
  blankLineBreaks(line)
  return line
}

/** Makes line breaks in JSON spaces, where it is. */
export function blankLineBreaks(json: Buffer): void {
  for (const lineBreak of [LINE_FEED, CARRIAGE_RETURN]) {
    for (let at = json.indexOf(lineBreak); at >= 0; at = json.indexOf(lineBreak, at + 1)) {
      json[at] = SPACE
    }
  }
}

function findSpans(json: Buffer, path: JsonPath): Span[] {
  const spans: Span[] = []
  const start = skipSpace(json, 0)
  if (json[start] === OPEN_BRACE) collectSpans(json, start, { path, depth: 0, spans })
  return spans
}

interface Search {
  readonly path: JsonPath
  readonly depth: number
  readonly spans: Span[]
}

/** Walks the members of the object that opens at `open`; goes no deeper than the path does. */
function collectSpans(json: Buffer, open: number, search: Search): void {
  const { path, depth, spans } = search
  const isLast = depth === path.length - 1
  let at = skipSpace(json, open + 1)
  while (at < json.length && json[at] !== CLOSE_BRACE) {
    const keyEnd = skipString(json, at)
    const start = skipSpace(json, skipSpace(json, keyEnd) + 1)
    const end = skipValue(json, start)
    if (isKey(json, at, keyEnd, path[depth] as string)) {
      if (isLast) spans.push({ start, end })
      else if (json[start] === OPEN_BRACE)
        collectSpans(json, start, { path, depth: depth + 1, spans })
    }
    at = nextElement(json, end)
  }
}

/** A name with an escape is decoded, or `"\u0069d"` would be a way past the replacement. It is longer than the plain one. */
function isKey(json: Buffer, start: number, end: number, name: string): boolean {
  const extraBytes = end - start - name.length - 2
  if (extraBytes < 0 || (extraBytes > 0 && !hasEscape(json, start, end))) return false
  const quoted = json.toString('utf8', start, end)
  return (extraBytes === 0 ? quoted.slice(1, -1) : String(JSON.parse(quoted))) === name
}

function hasEscape(json: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (json[at] === BACKSLASH) return true
  return false
}

function skipSpace(json: Buffer, from: number): number {
  let at = from
  while (at < json.length && (json[at] as number) <= SPACE) at++
  return at
}

/** Past a comma to the next element, or to the closing bracket. */
function nextElement(json: Buffer, from: number): number {
  const at = skipSpace(json, from)
  return json[at] === COMMA ? skipSpace(json, at + 1) : at
}

/** Index after the value that starts at `start`. Nesting is counted, not recursed into: depth costs no stack. */
function skipValue(json: Buffer, start: number): number {
  const first = json[start]
  if (first === QUOTE) return skipString(json, start)
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return skipScalar(json, start)
  let depth = 0
  for (let at = start; at < json.length; at++) {
    const byte = json[at]
    if (byte === QUOTE) at = skipString(json, at) - 1
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++
    else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) return at + 1
  }
  return json.length
}

function skipScalar(json: Buffer, start: number): number {
  let at = start
  while (at < json.length) {
    const byte = json[at] as number
    if (byte <= SPACE || byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET) break
    at++
  }
  return at
}

/** Index after the closing quote of the string that opens at `start`. */
function skipString(json: Buffer, start: number): number {
  const native = Math.min(json.length, start + SHORT_STRING_BYTES)
  let at = start + 1
  for (; at < native; at++) {
    const byte = json[at]
    if (byte === QUOTE) return at + 1
    if (byte === BACKSLASH) at++
  }
  return skipLongString(json, start, at)
}

function skipLongString(json: Buffer, start: number, from: number): number {
  let at = json.indexOf(QUOTE, from)
  while (at >= 0 && isEscaped(json, start, at)) at = json.indexOf(QUOTE, at + 1)
  return at < 0 ? json.length : at + 1
}

function isEscaped(json: Buffer, start: number, at: number): boolean {
  let backslashes = 0
  while (at - 1 - backslashes > start && json[at - 1 - backslashes] === BACKSLASH) backslashes++
  return backslashes % 2 === 1
}
