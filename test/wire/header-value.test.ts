import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeHeaderValue, encodeHeaderValue } from '../../src/wire/index.ts'

describe('header values', () => {
  it('decodes what it encodes, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const wellFormed = text.toWellFormed()
        const value = encodeHeaderValue(wellFormed)
        expect(value).toMatch(/^[\t\x20-\x7e]+$/)
        expect(value.trim()).toBe(value)
        expect(decodeHeaderValue(value)).toBe(wellFormed)
      }),
    )
  })

  it.each([
    ['plain text', 'get_weather', 'get_weather'],
    ['base64 of UTF-8', '=?base64?w7Zk?=', 'öd'],
    ['the empty base64 value', '=?base64??=', ''],
    ['a missing suffix, literally', '=?base64?w7Zk', '=?base64?w7Zk'],
    ['an upper-case marker, literally', '=?BASE64?w7Zk?=', '=?BASE64?w7Zk?='],
    ['a marker that overlaps itself, literally', '=?base64?=', '=?base64?='],
  ])('reads %s', (_, value, text) => {
    expect(decodeHeaderValue(value)).toBe(text)
  })

  it.each([
    ['a missing pad', '=?base64?YQ?='],
    ['the URL alphabet', '=?base64?__8=?='],
    ['bytes that are not UTF-8', '=?base64?/w==?='],
    ['bytes outside ASCII', 'caf\u00e9'],
  ])('refuses %s', (_, value) => {
    expect(decodeHeaderValue(value)).toBeUndefined()
  })
})
