// The short way to what decisions hang on: one pass over the bytes of a message that checks all of it and keeps a
// handful of members. Building everything with JSON.parse would cost several times as much, for values that are only
// forwarded. Whatever is out of the ordinary is left to the long way, which decides and explains.
import type { CallSpans, JsonObject, RpcId, Span } from './inbound.ts'
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
import { META } from './versions.ts'

const CLOSE_BRACE = 0x7d
const ZERO = 0x30

/** Stand in for values that no decision looks into. */
const SOME_OBJECT: JsonObject = Object.freeze({})
const SOME_ARRAY: readonly unknown[] = Object.freeze([])
const NOTHING: Span = Object.freeze({ start: 0, end: 0 })

/** Members of an object in which every key counts; more than that is unusual enough for the long way. */
const MAX_MEMBERS = 16

/** A value with at least so many bytes from its start to the end of the body is worth the way into the compiled pass. */
const MIN_SCAN_BYTES = 256

/** An object on the way to what decisions hang on. */
interface Level {
  /** Containers around its members. */
  readonly depth: number
  readonly kept: readonly KeptMember[]
}

interface KeptMember {
  readonly name: string
  readonly bytes: Uint8Array
  /** Where more is kept, if the member is an object. */
  readonly inside: Level | undefined
}

const keep = (name: string, inside?: Level): KeptMember => ({
  name,
  bytes: Buffer.from(name),
  inside,
})

const META_LEVEL: Level = {
  depth: 3,
  kept: [keep(META.protocolVersion), keep(META.clientCapabilities)],
}
const NAME_MEMBER = keep('name')
const ID_MEMBER = keep('id')
const PARAMS_LEVEL: Level = {
  depth: 2,
  kept: [NAME_MEMBER, keep('uri'), keep('taskId'), keep('_meta', META_LEVEL)],
}
const MESSAGE_LEVEL: Level = {
  depth: 1,
  kept: ['jsonrpc', 'method', 'result', 'error']
    .map((name) => keep(name))
    .concat(ID_MEMBER, keep('params', PARAMS_LEVEL)),
}

/** A message, read as far as decisions need it. */
export interface Outline {
  /**
   * The members of the message, of its `params` and of `params._meta` on which decisions hang, as JSON.parse would give
   * them, objects and arrays among them only by their kind.
   */
  readonly message: JsonObject
  /** Undefined without an id, or without `params.name`. */
  readonly spans: CallSpans | undefined
}

/**
 * Undefined when the bytes have to be looked at the long way: they are no valid JSON or no object, exceed the budget, repeat
 * a key or escape one.
 */
export function outlineMessage(bytes: Buffer, budget: StructureBudget): Outline | undefined {
  const pass = new OutlinePass(bytes, budget)
  const message = pass.readWhole()
  return message && { message, spans: pass.spans }
}

/**
 * Where the id is in the answer to a request, if that was answered with a result, an object. Undefined for every other
 * message, and for bytes that have to be looked at the long way.
 */
export function idSpanOfResult(
  bytes: Buffer,
  id: RpcId,
  budget: StructureBudget,
): Span | undefined {
  const pass = new OutlinePass(bytes, budget)
  const message = pass.readWhole()
  if (message === undefined || message['id'] !== id) return undefined
  const isResult = message['jsonrpc'] === '2.0' && message['result'] === SOME_OBJECT
  return isResult && !('method' in message) && !('error' in message) ? pass.idSpan : undefined
}

class OutlinePass {
  /** Behind what was read. */
  at: number
  /** Of the message's `id`, once it was read. */
  idSpan: Span | undefined
  /** Of `params.name`, once it was read. */
  #nameSpan: Span | undefined
  /** The largest in `params` so far of which nothing is kept. */
  #closedSpan: Span = NOTHING
  readonly #bytes: Buffer
  readonly #budget: StructureBudget
  /** The compiled pass with the body in it, once a value was worth it. */
  #scan: JsonScan | undefined

  constructor(bytes: Buffer, budget: StructureBudget) {
    this.#bytes = bytes
    this.#budget = budget
    this.at = skipSpace(bytes, 0)
  }

  get spans(): CallSpans | undefined {
    const [id, name] = [this.idSpan, this.#nameSpan]
    if (id === undefined || name === undefined) return undefined
    return { id, name, closed: this.#closedSpan }
  }

  /** A message, and nothing behind it. */
  readWhole(): JsonObject | undefined {
    const message = this.#readObject(MESSAGE_LEVEL)
    if (message === undefined) return undefined
    return skipSpace(this.#bytes, this.at) === this.#bytes.length ? message : undefined
  }

  #readObject(level: Level): JsonObject | undefined {
    const bytes = this.#bytes
    const budget = this.#budget
    if (bytes[this.at] !== OPEN_BRACE || level.depth > budget.maxDepth) return undefined
    const found: Record<string, unknown> = {}
    const keys: number[] = []
    this.at = skipSpace(bytes, this.at + 1)
    let isFirst = true
    for (;;) {
      if (--budget.elements < 0) return undefined
      if (isFirst && bytes[this.at] === CLOSE_BRACE) break
      isFirst = false
      const keyStart = this.at + 1
      const keyEnd = bytes[this.at] === QUOTE ? plainEnd(bytes, keyStart) : INVALID
      if (keyEnd === INVALID || keys.length >= 2 * MAX_MEMBERS) return undefined
      if (isRepeated(bytes, keys, keyStart, keyEnd)) return undefined
      keys.push(keyStart, keyEnd)
      const colon = skipSpace(bytes, keyEnd + 1)
      if (bytes[colon] !== COLON) return undefined
      this.at = skipSpace(bytes, colon + 1)
      const member = memberAt(bytes, level, keyStart, keyEnd)
      if (!this.#readValue(level, member, found)) return undefined
      this.at = skipSpace(bytes, this.at)
      const byte = bytes[this.at]
      if (byte === CLOSE_BRACE) break
      if (byte !== COMMA) return undefined
      this.at = skipSpace(bytes, this.at + 1)
    }
    this.at++
    return found
  }

  /** False when the value is not valid, or cannot be told the short way. */
  #readValue(
    { depth }: Level,
    member: KeptMember | undefined,
    found: Record<string, unknown>,
  ): boolean {
    const bytes = this.#bytes
    const start = this.at
    const first = bytes[start]
    if (first === OPEN_BRACE && member?.inside !== undefined) {
      const inside = this.#readObject(member.inside)
      found[member.name] = inside
      return inside !== undefined
    }
    if (first === OPEN_BRACE || first === OPEN_BRACKET) {
      const scan = this.#scanAt(start)
      this.at = scan
        ? scan.skipContainer(start, depth, this.#budget)
        : skipContainer(bytes, start, depth, this.#budget)
      if (member !== undefined) found[member.name] = first === OPEN_BRACE ? SOME_OBJECT : SOME_ARRAY
      else if (depth === PARAMS_LEVEL.depth) this.#noteClosed(start)
      return this.at !== INVALID
    }
    if (first === QUOTE) {
      if (member === undefined) {
        this.at = this.#scanAt(start)?.skipString(start) ?? skipString(bytes, start)
        return this.at !== INVALID
      }
      const end = plainEnd(bytes, start + 1)
      if (end === INVALID) return false
      found[member.name] = bytes.toString('utf8', start + 1, end)
      this.at = end + 1
      this.#noteSpan(member, start)
      return true
    }
    this.at = skipScalar(bytes, start)
    if (this.at === INVALID) return false
    if (member === undefined) return true
    found[member.name] = scalarAt(bytes, start, this.at)
    if (member === ID_MEMBER) this.#noteSpan(member, start)
    return true
  }

  #noteSpan(member: KeptMember, start: number): void {
    if (member === NAME_MEMBER) this.#nameSpan = { start, end: this.at }
    else if (member === ID_MEMBER) this.idSpan = { start, end: this.at }
  }

  #noteClosed(start: number): void {
    const { start: from, end } = this.#closedSpan
    if (this.at - start > end - from) this.#closedSpan = { start, end: this.at }
  }

  /** The compiled pass, if it is there and worth it from here on. */
  #scanAt(start: number): JsonScan | undefined {
    const bytes = this.#bytes
    if (bytes.length - start < MIN_SCAN_BYTES || bytes.length > MAX_SCAN_BYTES) return undefined
    this.#scan ??= jsonScanOf(bytes)
    return this.#scan
  }
}

/** Digits that surely make an exact integer. */
const EXACT_DIGITS = 15

/** The number or literal between two positions: most are an id of a few digits. */
function scalarAt(bytes: Buffer, start: number, end: number): unknown {
  let value = 0
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - ZERO
    if (digit < 0 || digit > 9 || end - start > EXACT_DIGITS) {
      return JSON.parse(bytes.toString('latin1', start, end))
    }
    value = value * 10 + digit
  }
  return value
}

/** Whether the key from `start` to `end` is one of those that came before it. */
function isRepeated(
  bytes: Uint8Array,
  keys: readonly number[],
  start: number,
  end: number,
): boolean {
  const length = end - start
  for (let key = 0; key < keys.length; key += 2) {
    const earlier = keys[key] as number
    if ((keys[key + 1] as number) - earlier !== length) continue
    let same = 0
    while (same < length && bytes[earlier + same] === bytes[start + same]) same++
    if (same === length) return true
  }
  return false
}

function memberAt(
  bytes: Uint8Array,
  { kept }: Level,
  start: number,
  end: number,
): KeptMember | undefined {
  const length = end - start
  for (const member of kept) {
    if (member.bytes.length !== length) continue
    let same = 0
    while (same < length && member.bytes[same] === bytes[start + same]) same++
    if (same === length) return member
  }
  return undefined
}
