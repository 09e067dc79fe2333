// The compiled pass over JSON: where a container or a string ends, and that it is valid (RFC 8259). It answers what
// ../json-text.ts answers, which is the plainer one to read first. Strings are left to strings.as.
//
// AssemblyScript, compiled by scripts/build-json-scan.ts into json-scan-module.ts. Bytes must be UTF-8, checked before. No
// position is compared with the end of the body: behind the body lie zero bytes, and a zero byte is valid nowhere in JSON.
import { begin, INVALID, isDigit, LOWER_CASE, plainKeyEnd, QUOTE, stringEnd } from './strings'

const SPACE: u32 = 0x20
const PLUS: u32 = 0x2b
const COMMA: u32 = 0x2c
const MINUS: u32 = 0x2d
const POINT: u32 = 0x2e
const ZERO: u32 = 0x30
const COLON: u32 = 0x3a
const LOWER_E: u32 = 0x65
const OPEN_BRACE: u32 = 0x7b

/** In ASCII a closing bracket or brace comes two after its opening one. */
const CLOSES: u32 = 2

// Four bytes read as one little-endian number.
const TRUE: u32 = 0x65757274
const NULL: u32 = 0x6c6c756e
const FALS: u32 = 0x736c6166

/** Bytes looked at in one instruction. */
const LANES: i32 = 16

/** Opening bytes of what is open. The caller allows no more containers than this has room for. */
const OPENED: usize = memory.data(1024)

let elements: i32 = 0

/** Where the body is to be put, behind everything else in memory. Two blocks of zero bytes must follow it. */
export function bodyStart(): usize {
  return __heap_base
}

/** What the container left of the elements it was allowed. */
export function elementsLeft(): i32 {
  return elements
}

/** Past the string whose opening quote is at `start`. */
export function skipString(start: usize, end: usize): usize {
  begin(start, end)
  return stringEnd(start)
}

/** Past the object or array at `start`. INVALID also when it nests deeper or has more elements than allowed. */
export function skipContainer(start: usize, end: usize, maxOpen: i32, maxElements: i32): usize {
  begin(start, end)
  elements = maxElements
  let at = start
  let count = 0
  let around: u32 = 0
  while (true) {
    const byte: u32 = load<u8>(at)
    if (byte == QUOTE) {
      at = stringEnd(at)
    } else if (isDigit(byte) || byte == MINUS) {
      at = numberEnd(at, byte)
    } else if ((byte | LOWER_CASE) == OPEN_BRACE) {
      if (count == maxOpen) return INVALID
      elements--
      around = byte
      store<u8>(OPENED + count++, byte)
      at = blanksEnd(at + 1)
      if (load<u8>(at) != byte + CLOSES) {
        if (byte == OPEN_BRACE) at = keyEnd(at)
        if (at == INVALID) return INVALID
        continue
      }
    } else if (byte <= SPACE) {
      const behind = blanksEnd(at)
      if (behind == at) return INVALID
      at = behind
      continue
    } else {
      at = literalEnd(at)
    }
    if (at == INVALID) return INVALID
    // Behind a value, or at the end of an empty container.
    while (true) {
      if (load<u8>(at) == COMMA) {
        elements--
        if (around != OPEN_BRACE) {
          at = blanksEnd(at + 1)
          break
        }
        const value = plainKeyEnd(at)
        at = value == INVALID ? keyEnd(at + 1) : value
        if (at == INVALID) return INVALID
        break
      }
      if (load<u8>(at) <= SPACE) {
        at = blanksEnd(at)
        if (load<u8>(at) == COMMA) continue
      }
      if (load<u8>(at) != around + CLOSES) return INVALID
      at++
      if (--count == 0) return elements < 0 ? INVALID : at
      around = load<u8>(OPENED + count - 1)
    }
  }
  return INVALID
}

/** To the value behind the key in an object that starts at `start`, or behind blanks there. */
function keyEnd(start: usize): usize {
  let at = blanksEnd(start)
  if (load<u8>(at) != QUOTE) return INVALID
  at = stringEnd(at)
  if (at == INVALID) return INVALID
  at = blanksEnd(at)
  return load<u8>(at) == COLON ? blanksEnd(at + 1) : INVALID
}

/** Past the number at `start`, whose first byte is `first`. */
@inline
function numberEnd(start: usize, first: u32): usize {
  let from = start + usize(first == MINUS)
  let at = digitsEnd(from)
  if (at == from) return INVALID
  // A leading zero stands alone.
  if (load<u8>(from) == ZERO && at != from + 1) return INVALID
  // So end most.
  if (load<u8>(at) == COMMA) return at
  if (load<u8>(at) == POINT) {
    from = at + 1
    at = digitsEnd(from)
    if (at == from) return INVALID
  }
  if ((load<u8>(at) | LOWER_CASE) != LOWER_E) return at
  const sign: u32 = load<u8>(at, 1)
  from = at + 1 + usize(sign == PLUS || sign == MINUS)
  at = digitsEnd(from)
  return at == from ? INVALID : at
}

/** Past `true`, `false` or `null`. */
@inline
function literalEnd(start: usize): usize {
  const four = load<u32>(start)
  if (four == TRUE || four == NULL) return start + 4
  return four == FALS && load<u8>(start, 4) == LOWER_E ? start + 5 : INVALID
}

@inline
function digitsEnd(start: usize): usize {
  let at = start
  while (true) {
    // Moved so that digits are the smallest of all signed bytes: one comparison instead of two.
    const moved = i8x16.sub(v128.load(at), i8x16.splat(<i8>0xb0))
    const others = ~i8x16.bitmask(i8x16.lt_s(moved, i8x16.splat(<i8>0x8a)))
    const length = ctz(others)
    if (length < LANES) return at + length
    at += LANES
  }
  return INVALID
}

@inline
function blanksEnd(start: usize): usize {
  return load<u8>(start) > SPACE ? start : blankRunEnd(start)
}

function blankRunEnd(start: usize): usize {
  let at = start
  while (true) {
    // By its low half each byte is compared with the only blank that has the same one; where there is none, with zero.
    const bytes = v128.load(at)
    const low = v128.and(bytes, i8x16.splat(0x0f))
    const blanks = i8x16(0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0x09, 0x0a, 0, 0, 0x0d, 0, 0)
    const others = ~i8x16.bitmask(i8x16.eq(bytes, i8x16.swizzle(blanks, low)))
    const length = ctz(others)
    if (length < LANES) return at + length
    at += LANES
  }
  return INVALID
}
