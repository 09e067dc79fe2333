import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { idSpanOfResult, outlineMessage } from '../../src/wire/outline.ts'
import { META } from '../../src/wire/versions.ts'

/** Enough blanks behind a message to make the compiled pass worth while from its first byte to its last. */
const LARGE = ' '.repeat(300)

const outlineWith =
  (blanks: string) =>
  (text: string, maxDepth = 64, elements = 65_536) =>
    outlineMessage(Buffer.from(text + blanks), { maxDepth, elements })?.message

/** What the outline must be, by way of JSON.parse: the kept members, containers in them emptied. */
function outlineOf(text: string): unknown {
  const kept = (value: unknown, names: readonly string[]): Record<string, unknown> => {
    const entries = Object.entries(value as object).filter(([name]) => names.includes(name))
    return Object.fromEntries(entries.map(([name, member]) => [name, emptied(member)]))
  }
  const whole = JSON.parse(text) as Record<string, unknown>
  const found = kept(whole, ['jsonrpc', 'id', 'method', 'result', 'error', 'params'])
  const params = whole['params']
  if (!isPlain(params)) return found
  found['params'] = kept(params, ['name', 'uri', 'taskId', '_meta'])
  const meta = params['_meta']
  if (!isPlain(meta)) return found
  const members = kept(meta, [META.protocolVersion, META.clientCapabilities])
  return { ...found, params: { ...(found['params'] as object), _meta: members } }
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function emptied(value: unknown): unknown {
  if (Array.isArray(value)) return []
  return typeof value === 'object' && value !== null ? {} : value
}

/** Nothing said, or what JSON.parse says; false for an outline of what JSON.parse refuses. */
function isTrueOutline(text: string, found: unknown): boolean {
  if (found === undefined) return true
  try {
    return isDeepStrictEqual(found, outlineOf(text))
  } catch {
    return false
  }
}

/** What a damaged or forged body could have in the wrong place. */
const WRONG_BYTES = '{}[]",:\\0-+.eEtfn \u0001x/'.split('')

describe.each([
  ['small', ''],
  ['large', LARGE],
])('outlineMessage of a %s body', (_size, blanks) => {
  const outline = outlineWith(blanks)

  it('keeps what decisions hang on and only the kind of the rest', () => {
    const message = {
      jsonrpc: '2.0',
      id: 'ä',
      method: 'tools/call',
      params: {
        name: '名前',
        arguments: { name: 'deep', a: [1, { b: null }] },
        _meta: {
          [META.protocolVersion]: '2026-07-28',
          [META.clientCapabilities]: { roots: {} },
          other: [true],
        },
      },
    }
    expect(outline(JSON.stringify(message, undefined, 2))).toEqual({
      jsonrpc: '2.0',
      id: 'ä',
      method: 'tools/call',
      params: {
        name: '名前',
        _meta: { [META.protocolVersion]: '2026-07-28', [META.clientCapabilities]: {} },
      },
    })
  })

  it.each([
    ['no object', '[1]'],
    ['nothing', ''],
    ['a byte order mark', '\ufeff{}'],
    ['a second value', '{} {}'],
    ['an open object', '{"a":1'],
    ['a comma too many', '{"a":1,}'],
    ['a comma too few', '{"a":1 "b":2}'],
    ['a comma too many, deep', '{"a":[{"b":1,}]}'],
    ['a bracket of the wrong kind', '{"a":[1}}'],
    ['a key without value', '{"a"}'],
    ['a key that is no string', '{a:1}'],
    ['a single quote', "{'a':1}"],
    ['a comment', '{"a":/* } */1}'],
    ['a line break in a string', '{"a":"\n"}'],
    ['an unknown escape', '{"a":"\\x41"}'],
    ['a short unicode escape', '{"a":"\\u00g1"}'],
    ['a leading zero', '{"a":01}'],
    ['a plus sign', '{"a":+1}'],
    ['a number that ends with its point', '{"a":1.}'],
    ['a number without exponent digits', '{"a":1e}'],
    ['a literal cut short', '{"a":tru}'],
    ['NaN', '{"a":NaN}'],
    ['a repeated key of the message', '{"method":"a","id":1,"method":"b"}'],
    ['a repeated key of params', '{"params":{"name":"a","x":1,"name":"b"}}'],
    ['a repeated key that no decision hangs on yet', '{"params":{"x":1,"x":2}}'],
    ['a repeated key of _meta', '{"params":{"_meta":{"a":1,"a":2}}}'],
    ['an escaped key', '{"m\\u0065thod":"a"}'],
    ['an escaped key of params', '{"params":{"n\\u0061me":"a"}}'],
    ['an escape in a kept value', '{"method":"tools\\/call"}'],
    [
      'more members than it compares',
      `{${Array.from({ length: 17 }, (_, n) => `"${n}":0`).join(',')}}`,
    ],
  ])('leaves to the long way: %s', (_, text) => {
    expect(outline(text)).toBeUndefined()
  })

  it('counts levels and elements as the long way does', () => {
    const nested = (levels: number): string => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`
    expect(outline(nested(7), 8)).toEqual({})
    expect(outline(nested(8), 8)).toBeUndefined()
    // Two containers and seven commas.
    expect(outline('{"a":[1,2,3,4,5,6,7],"b":1}', 8, 9)).toEqual({})
    expect(outline('{"a":[1,2,3,4,5,6,7],"b":1}', 8, 8)).toBeUndefined()
    expect(outline('{"params":{"_meta":{}}}', 2)).toBeUndefined()
  })

  it('looks through long values of every kind', () => {
    const text = 'The "carts" left\n'.repeat(9_000)
    const records = Array.from({ length: 3_000 }, (_none, id) => ({ id, text: `note ${id}` }))
    const message = {
      method: 'm',
      other: text,
      params: { name: 'n', text, records },
      result: [text],
    }
    const json = JSON.stringify(message)
    expect(outline(json)).toEqual({ method: 'm', params: { name: 'n' }, result: [] })
    expect(outline(json, 64, 5_999)).toBeUndefined()
    expect(outline(json.replace('note 2999"', 'note 2999'))).toBeUndefined()
    expect(outline(json.replace('left\\n"', 'left\n"'))).toBeUndefined()
  })

  it('looks through a body that is larger than the compiled pass takes', () => {
    const json = JSON.stringify({ method: 'm', params: { text: 'x'.repeat(1_100_000) } })
    expect(outline(json)).toEqual({ method: 'm', params: {} })
    expect(outline(json.slice(0, -3))).toBeUndefined()
  })

  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('method', 'params', '_meta', 'name', 'uri', META.protocolVersion, '__proto__'),
  )
  const value = fc.oneof(fc.jsonValue(), text)
  const message = fc.record(
    {
      jsonrpc: fc.oneof(fc.constant('2.0'), value),
      id: fc.oneof(fc.integer(), fc.string(), value),
      method: fc.oneof(fc.constantFrom('tools/call', 'ping'), value),
      params: fc.oneof(
        value,
        fc.record(
          {
            name: value,
            uri: value,
            arguments: value,
            _meta: fc.oneof(
              value,
              fc.record(
                { [META.protocolVersion]: value, [META.clientCapabilities]: value, x: value },
                { requiredKeys: [] },
              ),
            ),
          },
          { requiredKeys: [] },
        ),
      ),
      result: value,
      error: value,
      other: value,
    },
    { requiredKeys: [] },
  )

  it('says the same as JSON.parse of any message, or nothing', () => {
    let told = 0
    const agrees = fc.property(message, fc.constantFrom(0, 1), (any, indent) => {
      const json = JSON.stringify(any, undefined, indent)
      const found = outline(json)
      if (found !== undefined) told += 1
      return isTrueOutline(json, found)
    })
    expect(fc.check(agrees, { numRuns: 3_000 }).counterexample).toBeNull()
    expect(told).toBeGreaterThan(1_000)
  })

  it('tells where id and name are, to the byte', () => {
    let told = 0
    const isRight = fc.property(message, fc.constantFrom(0, 1), (any, indent) => {
      const bytes = Buffer.from(JSON.stringify(any, undefined, indent) + blanks)
      const spans = outlineMessage(bytes, { maxDepth: 64, elements: 65_536 })?.spans
      if (spans === undefined) return true
      told += 1
      const at = ({ start, end }: { start: number; end: number }): unknown =>
        JSON.parse(bytes.toString('utf8', start, end))
      const { id, params } = JSON.parse(bytes.toString()) as {
        readonly id: unknown
        readonly params: { readonly name: unknown }
      }
      return isDeepStrictEqual([at(spans.id), at(spans.name)], [id, params.name])
    })
    expect(fc.check(isRight, { numRuns: 3_000 }).counterexample).toBeNull()
    expect(told).toBeGreaterThan(100)
  })

  it('never takes for valid what JSON.parse refuses, whatever byte is changed', () => {
    const damaged = fc.property(
      message,
      fc.nat(),
      fc.constantFrom(...WRONG_BYTES),
      (any, seed, wrong) => {
        const json = JSON.stringify(any)
        const at = seed % json.length
        const texts = [
          json.slice(0, at) + wrong + json.slice(at + 1),
          json.slice(0, at) + wrong + json.slice(at),
          json.slice(0, at) + json.slice(at + 1),
          json.slice(0, at),
        ]
        // A cut through a pair of surrogates would be repaired on the way to bytes.
        return texts.map((it) => it.toWellFormed()).every((it) => isTrueOutline(it, outline(it)))
      },
    )
    expect(fc.check(damaged, { numRuns: 3_000 }).counterexample).toBeNull()
  })
})

describe('idSpanOfResult', () => {
  const spanIn = (text: string, id: string | number = 7): string | undefined => {
    const bytes = Buffer.from(text)
    const span = idSpanOfResult(bytes, id, { maxDepth: 64, elements: 65_536 })
    return span && bytes.toString('utf8', span.start, span.end)
  }

  it('tells where the id of an answer is, wherever else there is one', () => {
    expect(spanIn('{"jsonrpc":"2.0","id":7,"result":{}}')).toBe('7')
    expect(
      spanIn('{"result":{"id":8,"a":[{"id":9}]}, "id" : 7 ,"jsonrpc":"2.0","x":{"id":1}}'),
    ).toBe('7')
    expect(spanIn('{"jsonrpc":"2.0","id":"ä","result":{}}', 'ä')).toBe('"ä"')
  })

  it.each([
    ['another id', '{"jsonrpc":"2.0","id":8,"result":{}}'],
    ['the same as a text', '{"jsonrpc":"2.0","id":"7","result":{}}'],
    ['no id', '{"jsonrpc":"2.0","result":{}}'],
    ['an error', '{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":""}}'],
    ['a result and an error', '{"jsonrpc":"2.0","id":7,"result":{},"error":{}}'],
    ['a request', '{"jsonrpc":"2.0","id":7,"method":"ping","result":{}}'],
    ['a result that is no object', '{"jsonrpc":"2.0","id":7,"result":[]}'],
    ['another protocol', '{"jsonrpc":"1.0","id":7,"result":{}}'],
    ['an id said twice', '{"jsonrpc":"2.0","id":7,"result":{},"id":7}'],
    ['a batch', '[{"jsonrpc":"2.0","id":7,"result":{}}]'],
    ['more behind it', '{"jsonrpc":"2.0","id":7,"result":{}}{}'],
    ['no JSON within', '{"jsonrpc":"2.0","id":7,"result":{"a":tru}}'],
  ])('leaves to the long way: %s', (_, text) => {
    expect(spanIn(text)).toBeUndefined()
  })
})
