// Where a message has large values that nobody needs to look into, found in one pass that checks all of it and builds
// nothing. What is out of the ordinary is left to JSON.parse: then there are none.
import {
  COLON,
  COMMA,
  INVALID,
  OPEN_BRACE,
  OPEN_BRACKET,
  plainEnd,
  QUOTE,
  skipContainer,
  skipScalar,
  skipSpace,
  skipString,
  type StructureBudget,
} from './json-text.ts'
import { jsonScanOf, MAX_SCAN_BYTES, type JsonScan } from './scan/json-scan.ts'

/** A shorter value costs less to parse and to write than to keep apart. */
const MIN_VALUE_BYTES = 1_024
/** Members of an object on the way to such values; more is unusual enough. */
const MAX_MEMBERS = 32
/** Items of an array that are looked into whatever their size, and the bytes for which there may be one more. */
const FREE_ITEMS = 32
const BYTES_PER_ITEM = 512
const CLOSE_BRACE = 0x7d
const CLOSE_BRACKET = 0x5d

/** What is known of a value by its place in a message. */
interface Place {
  /** The first byte of what nobody looks into, if the value begins so: a text or an object. */
  readonly closed?: typeof QUOTE | typeof OPEN_BRACE
  /** What is inside, if it is an object, or an array. */
  readonly members?: ReadonlyMap<string, Place>
  readonly items?: Place
}

const OBJECT: Place = { closed: OPEN_BRACE }
const TEXT: Place = { closed: QUOTE }
const within = (members: Readonly<Record<string, Place>>): Place => ({
  members: new Map(Object.entries(members)),
})

/** Whose URI a merged view changes. */
const RESOURCE = within({ text: TEXT, blob: TEXT })
/** Content of a tool's result, or of a prompt's message. */
const BLOCK = within({ text: TEXT, data: TEXT, resource: RESOURCE })
const MESSAGE = within({
  params: within({ arguments: OBJECT }),
  result: within({
    content: { items: BLOCK },
    structuredContent: OBJECT,
    contents: { items: RESOURCE },
    messages: { items: within({ content: BLOCK }) },
  }),
})

/** A value from its first byte to the one after its last. */
export interface LargeValue {
  /** Names of members, and places in arrays, from the message inwards. No object on the way repeats a name. */
  readonly path: readonly (string | number)[]
  readonly start: number
  readonly end: number
}

/** In order. Empty when there are none, the bytes are not valid JSON or no message, or nest deeper than `maxDepth`. */
export function findLargeValues(bytes: Buffer, maxDepth: number): readonly LargeValue[] {
  const pass = new Pass(bytes, maxDepth)
  const isWhole = pass.read(MESSAGE, 0) && skipSpace(bytes, pass.at) === bytes.length
  return isWhole ? pass.found : []
}

class Pass {
  /** Behind what was read. */
  at: number
  readonly found: LargeValue[] = []
  readonly #bytes: Buffer
  readonly #budget: StructureBudget
  readonly #scan: JsonScan | undefined
  readonly #path: (string | number)[] = []

  constructor(bytes: Buffer, maxDepth: number) {
    this.#bytes = bytes
    // As many as there can be: whoever wants fewer has counted before.
    this.#budget = { maxDepth, elements: bytes.length }
    this.#scan = bytes.length > MAX_SCAN_BYTES ? undefined : jsonScanOf(bytes)
    this.at = skipSpace(bytes, 0)
  }

  /** False when the value is not valid, or cannot be told this way. `depth`: containers around it. */
  read(place: Place | undefined, depth: number): boolean {
    const start = this.at
    const first = this.#bytes[start]
    if (first === OPEN_BRACE && place?.members) return this.#readObject(place.members, depth + 1)
    if (first === OPEN_BRACKET && place?.items) return this.#readArray(place.items, depth + 1)
    this.at = this.#end(start, depth)
    if (this.at === INVALID) return false
    if (first === place?.closed && this.at - start >= MIN_VALUE_BYTES) {
      this.found.push({ path: [...this.#path], start, end: this.at })
    }
    return true
  }

  #readObject(members: ReadonlyMap<string, Place>, depth: number): boolean {
    if (depth > this.#budget.maxDepth) return false
    const names = new Set<string>()
    if (this.#isEmpty(CLOSE_BRACE)) return true
    for (;;) {
      const name = this.#readName()
      if (name === undefined || names.has(name) || names.size === MAX_MEMBERS) return false
      names.add(name)
      if (!this.#readInside(name, members.get(name), depth)) return false
      if (this.#isOver(CLOSE_BRACE)) return true
      if (this.at === INVALID) return false
    }
  }

  #readArray(place: Place, depth: number): boolean {
    if (depth > this.#budget.maxDepth) return false
    const start = this.at
    if (this.#isEmpty(CLOSE_BRACKET)) return true
    for (let item = 0; ; item++) {
      if (item > FREE_ITEMS + (this.at - start) / BYTES_PER_ITEM) return false
      if (!this.#readInside(item, place, depth)) return false
      if (this.#isOver(CLOSE_BRACKET)) return true
      if (this.at === INVALID) return false
    }
  }

  #readInside(step: string | number, place: Place | undefined, depth: number): boolean {
    this.#path.push(step)
    const isValid = this.read(place, depth)
    this.#path.pop()
    return isValid
  }

  /** To behind the colon. Undefined for a name with an escape, which could be any. */
  #readName(): string | undefined {
    const bytes = this.#bytes
    const start = this.at + 1
    const end = bytes[this.at] === QUOTE ? plainEnd(bytes, start) : INVALID
    if (end === INVALID) return undefined
    const colon = skipSpace(bytes, end + 1)
    if (bytes[colon] !== COLON) return undefined
    this.at = skipSpace(bytes, colon + 1)
    return bytes.toString('latin1', start, end)
  }

  /** Past the opening bracket, to what is inside, or past the closing one. */
  #isEmpty(close: number): boolean {
    this.at = skipSpace(this.#bytes, this.at + 1)
    if (this.#bytes[this.at] !== close) return false
    this.at++
    return true
  }

  /** Past the closing bracket, or past a comma to what is next; INVALID where neither is. */
  #isOver(close: number): boolean {
    const bytes = this.#bytes
    const at = skipSpace(bytes, this.at)
    const isClosed = bytes[at] === close
    if (isClosed) this.at = at + 1
    else this.at = bytes[at] === COMMA ? skipSpace(bytes, at + 1) : INVALID
    return isClosed
  }

  /** Behind a value that is not looked into. */
  #end(start: number, depth: number): number {
    const bytes = this.#bytes
    const first = bytes[start]
    const scan = this.#scan
    if (first === QUOTE) return scan?.skipString(start) ?? skipString(bytes, start)
    if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return skipScalar(bytes, start)
    return (
      scan?.skipContainer(start, depth, this.#budget) ??
      skipContainer(bytes, start, depth, this.#budget)
    )
  }
}
