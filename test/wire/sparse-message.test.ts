import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Content } from '../../src/core/index.ts'
import { encodeJson, RawValue } from '../../src/wire/raw-value.ts'
import { inOnePiece } from '../../src/wire/scan/json-scan.ts'
import { decodeMessage } from '../../src/wire/sparse-message.ts'

const MARK = '"(raw value)"'
/** Makes a value large enough to be kept apart, and a message large enough to be looked through for such values. */
const LARGE_TEXT = JSON.stringify('x"\\\n€\u{1f600}'.repeat(200))
const PADDING = `"padding":[${'0,'.repeat(5_000)}0]`

const decode = (text: string, maxDepth?: number, cuts: readonly number[] = []): unknown => {
  const content = inPieces(Buffer.from(text), cuts)
  return decodeMessage(content, inOnePiece(content), maxDepth)
}

const encode = (value: unknown): string =>
  encodeJson(() => JSON.stringify(value))
    .bytes()
    .toString('utf8')

function inPieces(bytes: Buffer, cuts: readonly number[]): Content {
  const at = [0, ...cuts.map((cut) => cut % bytes.length), bytes.length].toSorted((a, b) => a - b)
  const chunks = at.slice(1).map((end, place) => bytes.subarray(at[place], end))
  return new Content(
    chunks.filter(({ length }) => length > 0),
    bytes.length,
  )
}

/** What a text says, whatever its blanks and escapes are; of a repeated name the last, of a number every digit. */
const saying = (text: string): string => JSON.stringify(JSON.parse(text, withDigits))

function withDigits(_name: string, value: unknown, { source }: { source?: string } = {}): unknown {
  if (typeof value !== 'number' || source === undefined) return value
  const isExact = source.replace(/\D/g, '').length < 16 && Number.isFinite(value)
  return isExact ? value : source
}

/** Where two long texts begin to differ; empty where they do not. */
function difference(text: string, expected: string): string {
  if (text === expected) return ''
  let at = 0
  while (at < text.length && text[at] === expected[at]) at++
  return `${text.slice(at, at + 40)} in place of ${expected.slice(at, at + 40)}`
}

function rawValuesIn(value: unknown): RawValue[] {
  if (value instanceof RawValue) return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(rawValuesIn)
}

const blank = fc.constantFrom('', '', '', ' ', '\n', '\r\n\t ')
const name = fc.constantFrom(
  '"text"',
  '"data"',
  '"uri"',
  '"resource"',
  '"type"',
  '"arguments"',
  '"content"',
  '"te\\u0078t"',
  '"__proto__"',
  '"a"',
  '"a"',
  MARK,
)
const leaf = fc.oneof(
  fc.constantFrom(
    LARGE_TEXT,
    LARGE_TEXT,
    MARK,
    'null',
    'true',
    '12345678901234567890.50',
    '-0',
    '1E400',
    '"\\ud800"',
  ),
  fc.string({ unit: 'binary' }).map((it) => JSON.stringify(it)),
  fc.double().map((it) => JSON.stringify(it)),
)
const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    arrayOf(tie('json')),
    objectOf(tie('json')),
  ),
}))

function arrayOf(item: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(fc.array(item, { maxLength: 4 }), blank)
    .map(([items, it]) => `[${it}${items.join(`${it},`)}${it}]`)
}

function objectOf(value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(fc.array(fc.tuple(name, value), { maxLength: 4 }), blank)
    .map(
      ([members, it]) =>
        `{${it}${members.map(([key, of]) => `${key}${it}:${it}${of}`).join(`${it},`)}}`,
    )
}

const block = fc.oneof(
  json,
  fc.constant(`{"type":"text","text":${LARGE_TEXT}}`),
  fc.constant(`{"type":"resource","resource":{"uri":"a:b","blob":${LARGE_TEXT}}}`),
)
const result = fc
  .tuple(fc.array(block, { maxLength: 3 }), json, json, json)
  .map(([blocks, structured, contents, messages]) => {
    const lists = `"contents":[${contents}],"messages":[{"role":"user","content":${messages}}]`
    return `{"content":[${blocks.join(',')}],"structuredContent":{"a":${LARGE_TEXT},"b":${structured}},${lists}}`
  })
const message = fc.oneof(
  result.map((it) => `{"jsonrpc":"2.0","id":1,"result":${it},${PADDING}}`),
  json.map((it) => `{"params":{"name":"n","arguments":{"a":${LARGE_TEXT},"b":${it}}},${PADDING}}`),
  json.map((it) => `{"params":${it},"result":${it},${PADDING}}`),
)
const cuts = fc.array(fc.nat(), { maxLength: 4 })

describe('a large message', () => {
  it('says, encoded again, what it said before, in whatever pieces it came', () => {
    fc.assert(
      fc.property(message, cuts, (text, pieces) => {
        expect(difference(saying(encode(decode(text, undefined, pieces))), saying(text))).toBe('')
      }),
      { numRuns: 500 },
    )
  })

  it('says the same to whoever does not know of raw values', () => {
    fc.assert(
      fc.property(message, (text) => {
        expect(difference(saying(JSON.stringify(decode(text))), saying(text))).toBe('')
      }),
      { numRuns: 200 },
    )
  })

  it('is refused when it is damaged, and only then', () => {
    const damage = fc.tuple(fc.nat(), fc.constantFrom(...'{}[]",:\\0-eE \u0001x'.split('')))
    fc.assert(
      fc.property(message, damage, fc.boolean(), (text, [place, byte], isCut) => {
        const at = place % text.length
        const after = isCut ? '' : byte + text.slice(at + 1)
        // Half of a surrogate pair is nothing that bytes can say.
        const damaged = (text.slice(0, at) + after).toWellFormed()
        const decoded = decode(damaged)
        expect(decoded !== undefined).toBe(isJson(damaged))
        const said = decoded === undefined ? '' : saying(encode(decoded))
        expect(difference(said, decoded === undefined ? '' : saying(damaged))).toBe('')
      }),
      { numRuns: 500 },
    )
  })

  it('keeps its large values as the bytes that they were', () => {
    const args = `{ "n": 1.0 , "n": 12345678901234567890, "t": ${LARGE_TEXT} }`
    const text = `{"method":"tools/call","params":{"arguments":${args}},${PADDING}}`
    expect(encode(decode(text))).toContain(args)
  })
})

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('what stays raw', () => {
  const paths = (text: string): unknown => {
    const seen: string[] = []
    const visit = (value: unknown, path: string): void => {
      if (value instanceof RawValue) seen.push(path)
      else if (typeof value === 'object' && value !== null) {
        for (const [key, inside] of Object.entries(value)) visit(inside, `${path}/${key}`)
      }
    }
    visit(decode(text), '')
    return seen
  }
  const big = `{"a":${LARGE_TEXT}}`

  it.each([
    [
      'arguments',
      `{"params":{"arguments":${big},"_meta":${big}},${PADDING}}`,
      ['/params/arguments'],
    ],
    [
      'text and data of content',
      `{"result":{"content":[1,{"type":"text","text":${LARGE_TEXT}},{"data":${LARGE_TEXT}}]},${PADDING}}`,
      ['/result/content/1/text', '/result/content/2/data'],
    ],
    [
      'what resources hold',
      `{"result":{"contents":[{"uri":${LARGE_TEXT},"blob":${LARGE_TEXT}}]},${PADDING}}`,
      ['/result/contents/0/blob'],
    ],
    [
      'prompts',
      `{"result":{"messages":[{"content":{"text":${LARGE_TEXT}}}]},${PADDING}}`,
      ['/result/messages/0/content/text'],
    ],
    [
      'structured content that is an object',
      `{"result":{"structuredContent":${big}},${PADDING}}`,
      ['/result/structuredContent'],
    ],
    [
      'no structured content of another type',
      `{"result":{"structuredContent":[${big}]},${PADDING}}`,
      [],
    ],
    ['no arguments that are a text', `{"params":{"arguments":${LARGE_TEXT}},${PADDING}}`, []],
    [
      'nothing in a list of tools',
      `{"result":{"tools":[{"inputSchema":${big},"text":${LARGE_TEXT}}]},${PADDING}}`,
      [],
    ],
    [
      'nothing where a name is repeated on the way',
      `{"params":{"arguments":${big},"arguments":{}},${PADDING}}`,
      [],
    ],
    [
      'nothing where a name on the way has an escape',
      `{"params":{"ar\\u0067uments":{},"arguments":${big}},${PADDING}}`,
      [],
    ],
    ['nothing in a small message', `{"params":{"arguments":${big}}}`, []],
    ['nothing in a batch', `[{"params":{"arguments":${big}},${PADDING}}]`, []],
    [
      'nothing among thousands of small items',
      `{"result":{"content":[${'1,'.repeat(5_000)}{"text":${LARGE_TEXT}}]}}`,
      [],
    ],
  ])('is %s', (_what, text, expected) => {
    expect(paths(text)).toEqual(expected)
  })

  it('is refused beyond a depth, wherever that is', () => {
    const nested = (depth: number): string => '['.repeat(depth) + LARGE_TEXT + ']'.repeat(depth)
    const call = (depth: number): string =>
      `{"params":{"arguments":{"a":${nested(depth)}}},${PADDING}}`
    expect(rawValuesIn(decode(call(7), 10))).toHaveLength(1)
    expect(decode(call(8), 10)).toBeUndefined()
    expect(decode(`{"a":${nested(10)},${PADDING}}`, 10)).toBeUndefined()
  })

  it('is read when somebody asks, and is then what that one has seen', () => {
    const args = `{"n": 1 ,"n": 12345678901234567890,"t":${LARGE_TEXT}}`
    const decoded = decode(`{"params":{"arguments":${args}},${PADDING}}`)
    const [raw] = rawValuesIn(decoded)
    const seen = JSON.stringify(raw?.value)
    expect(difference(saying(seen), saying(args))).toBe('')
    expect(encode(decoded)).toContain(seen)
  })

  it('is not found where a message says what stands for it', () => {
    const text = `{"params":{"name":${MARK},"arguments":${big}},${PADDING}}`
    expect(difference(saying(encode(decode(text))), saying(text))).toBe('')
  })

  it('refuses to be sent once its memory was given back', () => {
    const content = inPieces(Buffer.from(`{"params":{"arguments":${big}},${PADDING}}`), [100])
    const decoded = decodeMessage(content, inOnePiece(content))
    content.hold()
    content.letGoSent()
    expect(() => encode(decoded)).toThrow('given back')
  })

  it('keeps the memory of what it came in as long as what it went into', () => {
    const content = inPieces(Buffer.from(`{"params":{"arguments":${big}},${PADDING}}`), [100])
    const decoded = decodeMessage(content, inOnePiece(content))
    content.hold()
    const out = encodeJson(() => JSON.stringify(decoded))
    out.hold()
    out.letGoSent()
    expect(content.chunks).toHaveLength(2)
    content.letGo()
    expect(() => content.chunks).toThrow('given back')
  })
})
