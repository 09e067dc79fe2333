// Where strings end, for json-scan.as. The places that matter to a string are found ahead of it, a chunk at a time, into a
// list of "stops": quotes, backslashes and control characters. Going from token to token then means stepping through that
// list, and no load has to wait for the position that the one before it yields.

/** What every function that returns a position says when the bytes are no JSON. No position is zero. */
export const INVALID: usize = 0

export const QUOTE: u32 = 0x22
/** Turns an upper-case ASCII letter into a lower-case one, and a bracket into a brace. */
export const LOWER_CASE: u32 = 0x20

const SPACE: u32 = 0x20
const SLASH: u32 = 0x2f
const ZERO: u32 = 0x30
const BACKSLASH: u32 = 0x5c
const LOWER_A: u32 = 0x61
const LOWER_U: u32 = 0x75

/** A quote and a colon, read as one little-endian number. */
const QUOTE_COLON: u32 = 0x3a22

/** What may follow a backslash, as bits from 0x5c on: the backslash, b, f, n, r, t, u. Quote and slash come before it. */
const ESCAPES_FROM_BACKSLASH: u32 =
  1 | (1 << 6) | (1 << 10) | (1 << 18) | (1 << 22) | (1 << 24) | (1 << 25)

const BLOCK: usize = 64
/** Bytes in which stops are looked for at a time. */
const CHUNK: usize = 4096
const STOP_BYTES: usize = 4

// Constants of `stopsIn`. They lie in memory because V8 builds a literal anew at each use; a loaded one stays in its
// register.
const FLIPPED: usize = memory.data<u8>(
  [0x82, 0x82, 0x82, 0x82, 0x82, 0x82, 0x82, 0x82, 0x82, 0x82, 0x82, 0x82, 0x82, 0x82, 0x82, 0x82], 16)
const FLIPPED_PLAIN: usize = memory.data<u8>(
  [0xa1, 0xa1, 0xa1, 0xa1, 0xa1, 0xa1, 0xa1, 0xa1, 0xa1, 0xa1, 0xa1, 0xa1, 0xa1, 0xa1, 0xa1, 0xa1], 16)
const BACKSLASHES: usize = memory.data<u8>(
  [0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c], 16)

/** The stops of a chunk, INVALID behind them, and room for what is written past them, four at a time. */
const STOPS: usize = memory.data(<i32>(STOP_BYTES * (CHUNK + BLOCK)), 64)

let bodyEnd: usize = 0
/** Up to where stops were looked for. */
let scanned: usize = 0
/** The next entry in the list of stops. All stops before it lie before the token being read. */
let next: usize = 0

/**
 * To the value behind the key that follows a comma, if it is written as most are: at most one space before it and behind
 * its colon, and no escapes. INVALID means that it is not of that kind.
 */
@inline
export function plainKeyEnd(comma: usize): usize {
  const start = comma + 1 + usize(load<u8>(comma, 1) == SPACE)
  // Line ends before it, which are stops too, may not be stepped over yet.
  if (load<usize>(next) != start) return INVALID
  if (load<u8>(start) != QUOTE) return INVALID
  const stop = load<usize>(next, STOP_BYTES)
  if (load<u16>(stop) != QUOTE_COLON) return INVALID
  next += 2 * STOP_BYTES
  return stop + 2 + usize(load<u8>(stop, 2) == SPACE)
}

/** Past the string whose opening quote is at `start`. */
@inline
export function stringEnd(start: usize): usize {
  if (load<usize>(next) == start) {
    const stop = load<usize>(next, STOP_BYTES)
    if (load<u8>(stop) == QUOTE) {
      next += 2 * STOP_BYTES
      return stop + 1
    }
  }
  return stringEndByStops(start)
}

/** Past a string with escapes, with a control character, with blanks before it, or across two chunks. */
function stringEndByStops(start: usize): usize {
  let entry = listed(next)
  while (load<usize>(entry) != start) entry = listed(entry + STOP_BYTES)
  while (true) {
    entry = listed(entry + STOP_BYTES)
    const stop = load<usize>(entry)
    if (load<u8>(stop) == QUOTE) {
      next = entry + STOP_BYTES
      return stop + 1
    }
    if (load<u8>(stop) != BACKSLASH) return INVALID
    const escape: u32 = load<u8>(stop, 1)
    if (escape == QUOTE || escape == BACKSLASH) {
      // A stop itself, but not one of this string.
      entry = listed(entry + STOP_BYTES)
    } else if (!isEscape(escape)) {
      return INVALID
    } else if (escape == LOWER_U && !areHexDigits(load<u32>(stop, 2))) {
      return INVALID
    }
  }
  return INVALID
}

/** Without branches, because what is escaped can hardly be foreseen. */
@inline
function isEscape(byte: u32): bool {
  const bit = byte - BACKSLASH
  const isFromBackslash = (ESCAPES_FROM_BACKSLASH >> bit) & u32(bit < 32)
  return (isFromBackslash | u32(byte == QUOTE) | u32(byte == SLASH)) != 0
}

function areHexDigits(four: u32): bool {
  for (let rest = 0; rest < 4; rest++) {
    const byte = four & 0xff
    if (!isDigit(byte) && (byte | LOWER_CASE) - LOWER_A > 5) return false
    four >>= 8
  }
  return true
}

@inline
export function isDigit(byte: u32): bool {
  return byte - ZERO < 10
}

/** Before anything is read: from where to where the body is looked at. */
export function begin(start: usize, end: usize): void {
  scanned = start
  bodyEnd = end
  listStops()
}

/** The entry itself or, at the end of the list, the first of the next one. The zero byte behind the body is the last stop. */
@inline
function listed(entry: usize): usize {
  if (load<usize>(entry) != INVALID) return entry
  listStops()
  return STOPS
}

/** Lists the stops of the next chunk, or of more if it has none. */
function listStops(): void {
  const flipped = v128.load(FLIPPED)
  const plain = v128.load(FLIPPED_PLAIN)
  const backslash = v128.load(BACKSLASHES)
  const end = min(scanned + CHUNK, bodyEnd)
  let at = scanned
  let to = STOPS
  do {
    const first = stopsIn(v128.load(at), flipped, plain, backslash)
    const second = stopsIn(v128.load(at, 16), flipped, plain, backslash)
    const third = stopsIn(v128.load(at, 32), flipped, plain, backslash)
    const fourth = stopsIn(v128.load(at, 48), flipped, plain, backslash)
    const bits = <u64>(first | (second << 16)) | (<u64>(third | (fourth << 16)) << 32)
    if (bits != 0) to = listBits(bits, at, to)
    at += BLOCK
  } while (at < end || to == STOPS)
  store<usize>(to, INVALID)
  scanned = at
  next = STOPS
}

/** Appends a position for each bit, and returns the end of the list. */
@inline
function listBits(bits: u64, at: usize, to: usize): usize {
  const end = to + STOP_BYTES * <usize>popcnt(bits)
  // Four at a time, needed or not: a branch for each would be guessed wrong too often.
  do {
    store<usize>(to, at + <usize>ctz(bits))
    bits &= bits - 1
    store<usize>(to, at + <usize>ctz(bits), STOP_BYTES)
    bits &= bits - 1
    store<usize>(to, at + <usize>ctz(bits), 2 * STOP_BYTES)
    bits &= bits - 1
    store<usize>(to, at + <usize>ctz(bits), 3 * STOP_BYTES)
    bits &= bits - 1
    to += 4 * STOP_BYTES
  } while (bits != 0)
  return end
}

/**
 * A bit for each byte at which a plain run within a string ends: quotes, backslashes, control characters. Two bits are
 * flipped so that a quote and the control characters are the smallest of all signed bytes.
 */
@inline
function stopsIn(bytes: v128, flipped: v128, plain: v128, backslash: v128): u32 {
  const ends = i8x16.lt_s(v128.xor(bytes, flipped), plain)
  return i8x16.bitmask(v128.or(ends, i8x16.eq(bytes, backslash)))
}
