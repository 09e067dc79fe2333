import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonItems, jsonValue, replaceJsonValues, singleLine } from '../../src/wire/lossless.ts'

const text = (bytes: Buffer | undefined): string | undefined => bytes?.toString('utf8')

describe('a value found by its path', () => {
  it.each([
    ['{"id":1}', ['id'], '1'],
    ['{"result":{"id":7},"id":"a\\"}"}', ['id'], '"a\\"}"'],
    [' { "id" : 1.0e3 , "x":2} ', ['id'], '1.0e3'],
    ['{"id":123456789012345678901234567890}', ['id'], '123456789012345678901234567890'],
    ['{"params":{"_meta":{"t":[1,{"t":2}]}}}', ['params', '_meta', 't'], '[1,{"t":2}]'],
    ['{"par\\u0061ms":{"\\u0069d":5}}', ['params', 'id'], '5'],
    ['{"id":1,"id":2}', ['id'], '2'],
    ['{"é":1,"id":{"é":2,"b":"}"}}', ['id', 'b'], '"}"'],
  ])('in %s at %j is %s', (json, path, expected) => {
    expect(text(jsonValue(Buffer.from(json), path))).toBe(expected)
  })

  it.each([
    ['{}', ['id']],
    ['{"x":{"id":1}}', ['id']],
    ['{"params":[{"id":1}]}', ['params', 'id']],
    ['[{"id":1}]', ['id']],
    ['{"params":"id"}', ['params', 'id']],
    ['{"i":1,"idd":2,"\\u0069":3}', ['id']],
  ])('is undefined in %s at %j', (json, path) => {
    expect(jsonValue(Buffer.from(json), path)).toBeUndefined()
  })
})

describe('replacing values', () => {
  const own = Buffer.from('42')

  it('leaves everything else as it was, byte for byte', () => {
    const json =
      '{ "z":1.0, "id" : "é" ,"big":12345678901234567890,"2":0,"1":{"id":1,"__proto__":null}}'
    expect(text(replaceJsonValues(Buffer.from(json), [{ path: ['id'], value: own }]))).toBe(
      json.replace('"é"', '42'),
    )
  })

  it('reaches every value of a repeated key, however the key is written', () => {
    const json = '{"id":1,"a":0,"\\u0069d":2,"params":{"t":1},"params":{"t":2}}'
    const replaced = replaceJsonValues(Buffer.from(json), [
      { path: ['params', 't'], value: own },
      { path: ['id'], value: own },
    ])
    expect(text(replaced)).toBe('{"id":42,"a":0,"\\u0069d":42,"params":{"t":42},"params":{"t":42}}')
  })

  it('agrees with parsing, changing and writing for any JSON', () => {
    const message = fc.record(
      {
        id: fc.jsonValue(),
        params: fc.record({ _meta: fc.record({ t: fc.jsonValue() }), x: fc.jsonValue() }),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(message, fc.boolean(), fc.jsonValue(), (value, pretty, replacement) => {
        const json = JSON.stringify(value, undefined, pretty ? '\t' : undefined)
        const replaced = replaceJsonValues(Buffer.from(json), [
          { path: ['id'], value: Buffer.from(JSON.stringify(replacement)) },
          { path: ['params', '_meta', 't'], value: own },
        ])
        const expected = JSON.parse(json)
        if ('id' in expected) expected.id = replacement
        if (expected.params?._meta?.t !== undefined) expected.params._meta.t = 42
        expect(JSON.parse(replaced.toString())).toEqual(JSON.parse(JSON.stringify(expected)))
      }),
      { numRuns: 500 },
    )
  })

  it('finds the end of strings of any length with any run of backslashes', () => {
    for (let length = 0; length < 140; length++) {
      for (const tail of ['', '\\', '\\\\', '"', '\\"', '"\\']) {
        const json = JSON.stringify({ s: 'x'.repeat(length) + tail, id: 1 })
        expect(text(jsonValue(Buffer.from(json), ['id'])), json).toBe('1')
      }
    }
  })

  it('takes nesting of any depth', () => {
    const deep = '['.repeat(200_000) + ']'.repeat(200_000)
    expect(text(jsonValue(Buffer.from(`{"result":${deep},"id":3}`), ['id']))).toBe('3')
  })
})

describe('the items of an array', () => {
  it.each([
    ['[]', []],
    [' [ ] ', []],
    ['[1]', ['1']],
    [' [ {"a":[1,2]} , "],[" ,null ] ', ['{"a":[1,2]}', '"],["', 'null']],
  ])('of %s are %j', (json, expected) => {
    expect(jsonItems(Buffer.from(json)).map(text)).toEqual(expected)
  })
})

describe('one line', () => {
  it('is what pretty-printed JSON becomes, meaning the same', () => {
    const value = { a: ['x\n\r', 'é'], b: { c: 1 } }
    const pretty = JSON.stringify(value, undefined, '\t').replaceAll('\n', '\r\n')
    const line = singleLine(Buffer.from(pretty))
    expect(text(line)).not.toMatch(/[\r\n]/)
    expect(JSON.parse(line.toString())).toEqual(value)
  })

  it('is the very same bytes when there is nothing to change', () => {
    const json = Buffer.from('{"a":1}')
    expect(singleLine(json).byteOffset).toBe(json.byteOffset)
    expect(singleLine(json).buffer).toBe(json.buffer)
  })

  it('has no byte order mark', () => {
    expect(text(singleLine(Buffer.from('\uFEFF{"a":1}')))).toBe('{"a":1}')
  })

  it('leaves the bytes it was given alone', () => {
    const json = Buffer.from('{\n}')
    singleLine(json)
    expect(text(json)).toBe('{\n}')
  })
})
