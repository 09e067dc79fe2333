import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  checkParamHeaders,
  paramHeaders,
  parseLossless,
  scanParamHeaders,
  type ParamFields,
  type ParamHeader,
} from '../../src/wire/index.ts'

const property = (name: unknown, type: unknown = 'string') => ({ type, 'x-mcp-header': name })

const SCHEMA = {
  type: 'object',
  properties: {
    region: property('Region'),
    plain: { type: 'string' },
    deep: { type: 'object', properties: { size: property('Size', 'integer') } },
    dry: property('Dry-Run', 'boolean'),
    ratio: property('Ratio', 'number'),
    'x-mcp-header': { type: 'string' },
  },
}
const DECLARED = scanParamHeaders(SCHEMA).headers as readonly ParamHeader[]

function fields(values: Readonly<Record<string, string>>, repeated?: string): ParamFields {
  const byName = new Map(Object.entries(values).map(([name, value]) => [name.toLowerCase(), value]))
  return { header: (name) => byName.get(name), isRepeated: (name) => name === repeated }
}

describe('the annotations of a schema', () => {
  it('are found along properties, at any depth', () => {
    expect(DECLARED).toEqual([
      { name: 'Region', path: ['region'], type: 'string' },
      { name: 'Size', path: ['deep', 'size'], type: 'integer' },
      { name: 'Dry-Run', path: ['dry'], type: 'boolean' },
      { name: 'Ratio', path: ['ratio'], type: 'number' },
    ])
  })

  it.each([
    ['no schema', undefined],
    ['a boolean schema', true],
    ['a schema without any', { type: 'object', properties: { a: { type: 'string' } } }],
    ['malformed keywords', { properties: 'a', items: 7, $defs: 'x', oneOf: null }],
    ['a value that only looks like one', { properties: { a: { const: property('A') } } }],
  ])('may be missing: %s', (_, schema) => {
    expect(scanParamHeaders(schema)).toEqual({ headers: [] })
  })

  it.each([
    ['of an empty name', { properties: { a: property('') } }],
    ['of a name with a space', { properties: { a: property('A B') } }],
    ['of a name with a line break', { properties: { a: property('A\r\nB') } }],
    ['of a name outside ASCII', { properties: { a: property('Ä') } }],
    ['that is no text', { properties: { a: property(7) } }],
    ['of an object', { properties: { a: property('A', 'object') } }],
    ['of an array', { properties: { a: property('A', 'array') } }],
    ['of several types', { properties: { a: property('A', ['string', 'null']) } }],
    ['without a type', { properties: { a: { 'x-mcp-header': 'A' } } }],
    ['at the root', property('A')],
    ['twice, in another case', { properties: { a: property('AB'), b: property('aB') } }],
    ['below items', { properties: { a: { items: { properties: { b: property('A') } } } } }],
    ['below oneOf', { oneOf: [{}, { properties: { a: property('A') } }] }],
    ['below if', { if: { properties: { a: property('A') } } }],
    ['below $defs', { $defs: { x: property('A') } }],
    ['below patternProperties', { patternProperties: { '^a': property('A') } }],
    ['below additionalProperties', { additionalProperties: property('A') }],
  ])('make the tool invalid: %s', (_, schema) => {
    expect(scanParamHeaders(schema)).toEqual({ fault: expect.stringContaining('x-mcp-header') })
  })
})

describe('the headers of a call', () => {
  it('mirror the values that are there, encoded where a header needs it', () => {
    const args = { region: 'Zürich', plain: 'x', deep: { size: 42 }, dry: false, ratio: 0.5 }
    const encoded = `=?base64?${Buffer.from('Zürich').toString('base64')}?=`
    expect(paramHeaders(DECLARED, args).join('|')).toBe(
      `Mcp-Param-Region|${encoded}|Mcp-Param-Size|42|Mcp-Param-Dry-Run|false|Mcp-Param-Ratio|0.5`,
    )
  })

  it.each([
    ['absent', {}],
    ['null', { region: null, deep: null }],
    ['no object', 'region'],
    ['missing', undefined],
    ['of a type that no header has', { region: { a: 1 }, dry: ['x'], deep: { size: [] } }],
    ['inherited', Object.create({ region: 'x' })],
    ['too large', { deep: { size: 2 ** 53 } }],
    ['too large and kept as text', parseLossless('{"deep":{"size":12345678901234567890}}')],
  ])('leave out values that are %s', (_, args: unknown) => {
    expect(paramHeaders(DECLARED, args)).toEqual([])
  })

  it('write a number that was kept as text as the number it is', () => {
    const args = parseLossless('{"deep":{"size":42.00},"x":1234567890123456789}')
    expect(paramHeaders(DECLARED, args)).toEqual(['Mcp-Param-Size', '42'])
  })
})

describe('headers of a client', () => {
  const args = { region: 'us', deep: { size: 42 }, dry: true }
  const good = { 'Mcp-Param-Region': 'us', 'mcp-param-size': '42.0', 'MCP-PARAM-DRY-RUN': 'true' }

  it('agree in any case of their names, and with numbers written in another way', () => {
    expect(checkParamHeaders(DECLARED, args, fields(good))).toBeUndefined()
  })

  it('are ignored where the body has no value', () => {
    const extra = { ...good, 'mcp-param-ratio': '1', 'mcp-param-unknown': 'x' }
    expect(checkParamHeaders(DECLARED, args, fields(extra))).toBeUndefined()
  })

  it.each([
    ['is missing', { ...good, 'Mcp-Param-Region': undefined }, '(missing)'],
    ['says another value', { ...good, 'Mcp-Param-Region': 'eu' }, 'eu'],
    ['says it in another case', { ...good, 'Mcp-Param-Region': 'US' }, 'US'],
    ['is malformed base64', { ...good, 'Mcp-Param-Region': '=?base64?dXM?=' }, '(malformed)'],
    ['has bytes outside ASCII', { ...good, 'Mcp-Param-Region': 'ü' }, '(malformed)'],
  ])('disagree when one %s', (_, values, header) => {
    const given = Object.entries(values).filter((it): it is [string, string] => it[1] !== undefined)
    expect(checkParamHeaders(DECLARED, args, fields(Object.fromEntries(given)))).toEqual({
      name: 'Mcp-Param-Region',
      header,
      body: 'us',
    })
  })

  it('disagree when one is repeated, though the join equals the value', () => {
    const mismatch = checkParamHeaders(
      DECLARED,
      { region: 'a, b' },
      fields({ 'mcp-param-region': 'a, b' }, 'mcp-param-region'),
    )
    expect(mismatch).toMatchObject({ header: '(malformed)' })
  })

  it('compare texts as texts, even where both are numbers', () => {
    const mismatch = checkParamHeaders(
      DECLARED,
      { region: '42' },
      fields({ 'mcp-param-region': '42.0' }),
    )
    expect(mismatch).toMatchObject({ header: '42.0', body: '42' })
  })

  it('agree when they were built from the same arguments', () => {
    const values = fc.record(
      {
        region: fc.string({ unit: 'binary' }),
        deep: fc.record({ size: fc.maxSafeInteger() }),
        dry: fc.boolean(),
        ratio: fc.double(),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(values, (sample) => {
        // Lone surrogates cannot travel in UTF-8, in a body as little as in a header.
        fc.pre(sample.region === undefined || sample.region.isWellFormed())
        const raw = paramHeaders(DECLARED, sample)
        const pairs = raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1]]] : []))
        expect(
          checkParamHeaders(DECLARED, sample, fields(Object.fromEntries(pairs))),
        ).toBeUndefined()
      }),
    )
  })
})
