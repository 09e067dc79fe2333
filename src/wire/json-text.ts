// Passes over JSON in its bytes without building anything: where a value ends, and that it is one (RFC 8259). All
// positions are offsets into the bytes; INVALID means that JSON.parse would throw. Bytes must be UTF-8.

export const INVALID = -1

export const QUOTE = 0x22
export const COMMA = 0x2c
export const COLON = 0x3a
export const BACKSLASH = 0x5c
export const OPEN_BRACKET = 0x5b
export const OPEN_BRACE = 0x7b

const MINUS = 0x2d
const PLUS = 0x2b
const POINT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const SPACE = 0x20
const LOWER_E = 0x65
const LOWER_U = 0x75
/** Turns an upper-case ASCII letter into a lower-case one. */
const LOWER_CASE = 0x20
const HEX_DIGITS = 4

/** In ASCII a closing bracket or brace comes two after its opening one. */
const CLOSES = 2

/** Bytes that end a plain run within a string: the quote, the backslash, and control characters, which are not allowed. */
const endsRun = new Uint8Array(256).fill(1, 0, SPACE)
endsRun[QUOTE] = 1
endsRun[BACKSLASH] = 1

/** What may follow a backslash, but for `u`. */
const isEscape = new Uint8Array(256)
for (const escape of Buffer.from('"\\/bfnrt')) isEscape[escape] = 1

const TRUE = 'true'
const FALSE = 'false'
const NULL = 'null'

/** Deepest nesting that is looked through; deeper is INVALID, whatever the budget. */
export const MAX_DEPTH = 1_024

/** How much structure a value may have, counted down to what is left. */
export interface StructureBudget {
  /** Containers plus commas: within one per container of the number of values. */
  elements: number
  readonly maxDepth: number
}

export function skipSpace(bytes: Uint8Array, start: number): number {
  return (bytes[start] as number) > SPACE ? start : skipBlanks(bytes, start)
}

function skipBlanks(bytes: Uint8Array, start: number): number {
  let at = start
  for (; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (byte !== SPACE && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break
  }
  return at
}

/** The quote that ends a string without escapes, from its first character on; INVALID for any other. */
export function plainEnd(bytes: Uint8Array, start: number): number {
  let at = start
  // Past the end there is no byte, which is no run either.
  while (endsRun[bytes[at] as number] === 0) at++
  return bytes[at] === QUOTE ? at : INVALID
}

/** Past the string whose opening quote is at `start`. */
export function skipString(bytes: Uint8Array, start: number): number {
  let at = start + 1
  for (;;) {
    // Past the end there is no byte, which is no run either.
    while (endsRun[bytes[at] as number] === 0) at++
    const byte = bytes[at]
    if (byte === QUOTE) return at + 1
    if (byte !== BACKSLASH) return INVALID
    const escape = bytes[at + 1] as number
    if (isEscape[escape] === 1) at += 2
    else if (escape === LOWER_U && areHexDigits(bytes, at + 2)) at += 2 + HEX_DIGITS
    else return INVALID
  }
}

function areHexDigits(bytes: Uint8Array, start: number): boolean {
  for (let at = start; at < start + HEX_DIGITS; at++) {
    const byte = bytes[at]
    if (byte === undefined) return false
    const letter = byte | LOWER_CASE
    if (!isDigit(byte) && (letter < 0x61 || letter > 0x66)) return false
  }
  return true
}

/** Past the number, `true`, `false` or `null` at `start`. */
export function skipScalar(bytes: Uint8Array, start: number): number {
  const first = bytes[start]
  if (first === MINUS || isDigit(first)) return skipNumber(bytes, start)
  const literal = first === 0x74 ? TRUE : first === 0x66 ? FALSE : NULL
  for (let at = 0; at < literal.length; at++) {
    if (bytes[start + at] !== literal.charCodeAt(at)) return INVALID
  }
  return start + literal.length
}

function skipNumber(bytes: Uint8Array, start: number): number {
  let at = bytes[start] === MINUS ? start + 1 : start
  // A leading zero stands alone.
  at = bytes[at] === ZERO ? at + 1 : skipDigits(bytes, at)
  if (at !== INVALID && bytes[at] === POINT) at = skipDigits(bytes, at + 1)
  if (at === INVALID || ((bytes[at] ?? 0) | LOWER_CASE) !== LOWER_E) return at
  const sign = bytes[at + 1]
  return skipDigits(bytes, sign === PLUS || sign === MINUS ? at + 2 : at + 1)
}

/** Past at least one digit. */
function skipDigits(bytes: Uint8Array, start: number): number {
  let at = start
  while (isDigit(bytes[at])) at++
  return at === start ? INVALID : at
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE
}

/** To the value behind the key at `start`, which a colon must follow. */
export function skipKey(bytes: Uint8Array, start: number): number {
  const quote = skipSpace(bytes, start)
  if (bytes[quote] !== QUOTE) return INVALID
  const keyEnd = skipString(bytes, quote)
  if (keyEnd === INVALID) return INVALID
  const colon = skipSpace(bytes, keyEnd)
  return bytes[colon] === COLON ? skipSpace(bytes, colon + 1) : INVALID
}

/** Opening bytes of what is open during `skipContainer`, which is never entered twice at once. */
const open = new Uint8Array(MAX_DEPTH)

/**
 * Past the object or array at `start`, which is already inside `depth` others. Exceeding the budget is INVALID too:
 * the caller looks with other means at what it may not pass.
 */
export function skipContainer(
  bytes: Uint8Array,
  start: number,
  depth: number,
  budget: StructureBudget,
): number {
  const maxOpen = Math.min(budget.maxDepth - depth, MAX_DEPTH)
  let elements = budget.elements
  let count = 0
  let around = 0
  let at = start
  for (;;) {
    const byte = bytes[at] as number
    if (byte === QUOTE) {
      at = skipString(bytes, at)
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (count === maxOpen || --elements < 0) return INVALID
      around = byte
      open[count++] = byte
      at = skipSpace(bytes, at + 1)
      if (bytes[at] !== byte + CLOSES) {
        if (byte === OPEN_BRACE) at = skipKey(bytes, at)
        if (at === INVALID) return INVALID
        continue
      }
    } else {
      at = skipScalar(bytes, at)
    }
    if (at === INVALID) return INVALID
    // Behind a value, or at the end of an empty container.
    at = skipSpace(bytes, at)
    while (bytes[at] === around + CLOSES) {
      at++
      if (--count === 0) {
        budget.elements = elements
        return at
      }
      around = open[count - 1] as number
      at = skipSpace(bytes, at)
    }
    if (bytes[at] !== COMMA || --elements < 0) return INVALID
    at = around === OPEN_BRACE ? skipKey(bytes, at + 1) : skipSpace(bytes, at + 1)
    if (at === INVALID) return INVALID
  }
}
