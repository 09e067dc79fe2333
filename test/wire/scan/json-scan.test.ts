import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { INVALID, MAX_DEPTH, skipContainer, skipString } from '../../../src/wire/json-text.ts'
import { JsonScan, MAX_SCAN_BYTES } from '../../../src/wire/scan/json-scan.ts'

const scan = new JsonScan()
const BLOCK = 64
const CHUNK = 4_096
const AMPLE = { maxDepth: MAX_DEPTH, elements: MAX_SCAN_BYTES }

/** Where the compiled pass says that the container or string at `start` ends. */
function scannedEnd(text: string, start = 0): number {
  const body = Buffer.from(text)
  scan.take(body)
  return body[start] === 0x22 ? scan.skipString(start) : scan.skipContainer(start, 0, { ...AMPLE })
}

/** The same from the plain pass. */
function plainEnd(text: string, start = 0): number {
  const body = Buffer.from(text)
  return body[start] === 0x22
    ? skipString(body, start)
    : skipContainer(body, start, 0, { ...AMPLE })
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Whether both passes agree, and take the text for one container or string, blanks behind it, if JSON.parse does. */
function agreesWithParse(text: string): boolean {
  const end = scannedEnd(text)
  const behind = end === INVALID ? '' : Buffer.from(text).toString('utf8', end)
  const isTaken = end !== INVALID && /^[ \t\n\r]*$/.test(behind)
  return end === plainEnd(text) && isTaken === isJson(text)
}

const VALID = [
  '""',
  '"\\""',
  '"\\\\"',
  '"\\\\\\""',
  '"\\u00e9\\uD83D\\ude00"',
  '"\\b\\f\\n\\r\\t\\/"',
  '"ä名😀"',
  '"\u007f"',
  '0',
  '-0',
  '-0.0E+00',
  '1e-7',
  '12345678901234567',
  '123456789012345678901234567890.12345678901234567890e12',
  'true',
  'false',
  'null',
  '[]',
  '{}',
  '[ ]',
  '{\t}',
  '[[],{},[{}]]',
  '{"a":1,"b":[2,"c"],"":{"d":null}}',
  '{"a": 1, "b": "c"}',
  '{ "a" : 1 , "b"\n:\r\n"c" }',
  '{"a":\n1,":b":2}',
  '{"\\n":"\\n","\\"":"\\""}',
]

const BROKEN = [
  '"',
  '"\\',
  '"\\"',
  '"\\x"',
  '"\\u12g4"',
  '"\\u123"',
  '"\\U0041"',
  '"a\u0000"',
  '"\t"',
  '"\u001f"',
  "'a'",
  '01',
  '-01',
  '-',
  '+1',
  '.5',
  '1.',
  '1.e1',
  '1e',
  '1e+',
  '1ee1',
  '1.2.3',
  '0x1',
  '1a',
  'tru',
  'truE',
  'truee',
  'nul',
  'falsy',
  'NaN',
  '',
  ',',
  ':',
  '[',
  '{',
  ']',
  '}',
  '[1,]',
  '[,1]',
  '[1 2]',
  '[1:2]',
  '[}',
  '{]',
  '{"a":1]',
  '["a":1]',
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  '{,"a":1}',
  '{"a" 1}',
  '{"a":1 "b":2}',
  '{"a":1,"b"}',
  '{"a"::1}',
  '{1:2}',
  '{a":1}',
  '{"a:1}',
  '{"a":\n1,":2}',
  '{"a":1,,"b":2}',
  '\\"',
  '1\\"',
  '\f1',
  '\u00a01',
  '\u001a',
  '/**/1',
]

/** Every place around the borders of the blocks in which the pass looks for the ends of strings. */
const around = (border: number): number[] =>
  Array.from({ length: 48 }, (_, place) => border - 24 + place)

describe('the compiled pass', () => {
  describe.each([
    ['text before it', (length: number) => `["${'x'.repeat(length)}",`],
    ['blanks before it', (length: number) => `[${' '.repeat(length)}`],
    ['line ends before it', (length: number) => `[${'\n'.repeat(length)}`],
    ['numbers before it', (length: number) => `[${'1,'.repeat(length / 2)}`],
    ['escapes before it', (length: number) => `["${'\\"'.repeat(length / 2)}",`],
    ['records before it', (length: number) => `[${'{"a":1,"b":[]},'.repeat(length / 15)}`],
    ['a key before it', (length: number) => `[{"${'k'.repeat(length)}":`, '}'],
  ])('with %s', (_, before, behind = '') => {
    const lengths = [...Array.from({ length: 3 * BLOCK }, (_none, at) => at), ...around(CHUNK)]
    const wrapped = (value: string): string[] =>
      lengths.map((length) => `${before(length)}${value}${behind}]`)

    it('takes what JSON.parse takes, wherever it lies', () => {
      for (const value of VALID) {
        for (const text of wrapped(value)) {
          expect(scannedEnd(text), text).toBe(Buffer.byteLength(text))
        }
      }
    })

    it('refuses what JSON.parse refuses, wherever it lies', () => {
      for (const value of BROKEN) {
        for (const text of wrapped(value)) {
          expect(agreesWithParse(text), text).toBe(true)
        }
      }
    })
  })

  it('is not misled by what lies behind the body', () => {
    const text = `{"a":[1,"b\\u00e9",${'"long",'.repeat(40)}{"c":true}]}`
    for (let length = 1; length < text.length; length++) {
      scan.take(Buffer.from(text))
      expect(scannedEnd(text.slice(0, length)), text.slice(0, length)).toBe(INVALID)
    }
    for (const rest of [']', '"', ',1]', ' x', '\0']) {
      expect(scannedEnd(text + rest)).toBe(text.length)
    }
  })

  it('takes strings for themselves, and containers within a body', () => {
    for (const text of ['"a"', '"\\""', `"${'a'.repeat(9_000)}\\n"`]) {
      expect(scannedEnd(text)).toBe(text.length)
      expect(scannedEnd(`${text}:[1]`)).toBe(text.length)
      expect(scannedEnd(text.slice(0, -1))).toBe(INVALID)
    }
    const body = '{"a":"b\\"","c":[1,{"d":"]"}],"e":"f"}'
    expect(scannedEnd(body, body.indexOf('['))).toBe(body.indexOf(']', body.indexOf('}')) + 1)
    expect(scannedEnd(body, body.indexOf('"f'))).toBe(body.length - 1)
  })

  it('takes a body of the largest size, of nothing but stops or none at all', () => {
    const room = MAX_SCAN_BYTES - 6
    for (const text of ['\\"'.repeat(room / 2), '\\\\'.repeat(room / 2), 'x'.repeat(room)]) {
      expect(scannedEnd(`[["${text}"]]`)).toBe(MAX_SCAN_BYTES)
      expect(scannedEnd(`[["${text}\\]]`)).toBe(INVALID)
      expect(scannedEnd(`[["${text}]]]`)).toBe(INVALID)
    }
    expect(scannedEnd(`[${'0,'.repeat(room / 2)}0]`)).toBe(room + 3)
    expect(scannedEnd(`[${' '.repeat(room)}]`)).toBe(room + 2)
    expect(scannedEnd(`[${'\n'.repeat(room)}`)).toBe(INVALID)
    expect(scannedEnd(`[${'7'.repeat(room)}]`)).toBe(room + 2)
  })

  it('nests as deep as the plain pass, and no deeper', () => {
    for (const levels of [1, 2, 63, 64, 65, MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 5_000]) {
      for (const [open, close] of ['[]', '{}'].map((pair) => pair.split('') as [string, string])) {
        const member = open === '{' ? '"a":' : ''
        const inner = `${member}${open}`.repeat(levels - 1)
        const text = `${open}${inner}${close.repeat(levels)}`
        expect(scannedEnd(text)).toBe(levels > MAX_DEPTH ? INVALID : text.length)
        expect(plainEnd(text)).toBe(scannedEnd(text))
      }
    }
  })

  const value = fc.oneof(fc.jsonValue({ maxDepth: 5 }), fc.string({ unit: 'binary' }))
  const style = fc.constantFrom<(of: unknown) => string>(
    (of) => JSON.stringify(of),
    (of) => JSON.stringify(of, undefined, 2),
    (of) => JSON.stringify(of, undefined, '\t'),
    // As Python's json.dumps writes it.
    (of) => JSON.stringify(of).replaceAll(/(?<=[\]}"\w])([,:])(?=["\w[{-])/g, '$1 '),
  )
  const documentOf = fc
    .tuple(style, fc.oneof(fc.array(value), fc.dictionary(fc.string(), value)))
    .map(([write, of]) => write(of))

  it('spends of depth and elements what the plain pass spends', () => {
    const depth = fc.integer({ min: 0, max: 6 })
    const elements = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constant(2 ** 40))
    const spendsTheSame = fc.property(documentOf, depth, elements, (text, maxDepth, left) => {
      const body = Buffer.from(text)
      const plain = { maxDepth, elements: left }
      const compiled = { maxDepth, elements: left }
      const end = skipContainer(body, 0, 0, plain)
      scan.take(body)
      if (scan.skipContainer(0, 0, compiled) !== end) return false
      return end === INVALID || isDeepStrictEqual(compiled, plain)
    })
    expect(fc.check(spendsTheSame, { numRuns: 3_000 }).counterexample).toBeNull()
  })

  it('says the same as JSON.parse of any document', () => {
    const agrees = fc.property(documentOf, agreesWithParse)
    expect(fc.check(agrees, { numRuns: 3_000 }).counterexample).toBeNull()
  })

  it('says the same as JSON.parse of any document with something changed', () => {
    const WRONG = [
      ...'{}[]",:\\0-+.eEtfnu \u0001\u0000\t\n\r\f/ä'.split(''),
      '\\"',
      '\\u00',
      '""',
      '],[',
      '},{"',
    ]
    const change = fc.tuple(
      fc.nat(),
      fc.nat({ max: 3 }),
      fc.oneof(fc.constantFrom(...WRONG), fc.constant('')),
    )
    const changed = fc.property(
      documentOf,
      fc.array(change, { minLength: 1, maxLength: 3 }),
      (text, changes) => {
        let damaged = text
        for (const [place, dropped, wrong] of changes) {
          const at = 1 + (place % damaged.length)
          damaged = damaged.slice(0, at) + wrong + damaged.slice(at + dropped)
        }
        // A cut through a pair of surrogates would be repaired on the way to bytes.
        return agreesWithParse(damaged.toWellFormed())
      },
    )
    expect(fc.check(changed, { numRuns: 20_000 }).counterexample).toBeNull()
  })

  it('says the same as the plain pass of all texts of seven tokens', () => {
    const tokens = ['{', '}', '[', ']', ',', ':', '"k"', '1 ']
    let taken = 0
    const check = (text: string, more: number): void => {
      const end = scannedEnd(text)
      if (end !== plainEnd(text)) throw new Error(`${end} for ${text}`)
      if (end === text.length) taken++
      if (more > 0) for (const token of tokens) check(text + token, more - 1)
    }
    for (const open of ['[', '{']) check(open, 6)
    expect(taken).toBe(56)
  })
})
