import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { globPattern, uriTemplatePattern } from '../../../src/mcp/catalog/pattern.ts'

describe('globPattern', () => {
  it.each([
    ['get_*', 'get_weather', true],
    ['get_*', 'get_', true],
    ['get_*', 'forget_me', false],
    ['*', '', true],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['a?c', 'abbc', false],
    ['*_*_*', 'a_b_c', true],
    ['a.c', 'abc', false],
    ['ü*', 'über', true],
    ['', '', true],
    ['', 'a', false],
  ])('%s fits %s: %s', (glob, text, fits) => {
    expect(globPattern(glob).matches(text)).toBe(fits)
  })

  it('agrees with the regular expression of the same meaning', () => {
    const characters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 })
    const texts = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 })
    fc.assert(
      fc.property(characters, texts, (glob, text) => {
        const expected = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`)
        expect(globPattern(glob).matches(text)).toBe(expected.test(text))
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('uriTemplatePattern', () => {
  it.each([
    ['file:///{path}', 'file:///a.txt', true],
    ['file:///{path}', 'file:///a/b.txt', false],
    ['file:///{+path}', 'file:///a/b.txt', true],
    ['note://{id}/v{version}', 'note://7/v12', true],
    ['note://{id}/v{version}', 'note://7/12', false],
    ['find://x{?q,limit}', 'find://x?q=1&limit=2', true],
    ['find://x{?q,limit}', 'find://x', true],
    ['find://x{?q,limit}', 'find://xy', false],
    ['doc://a{#part}', 'doc://a#b', true],
    ['tree://a{/branch*}', 'tree://a/b/c', true],
    ['plain://x', 'plain://x', true],
    ['odd://{', 'odd://{', true],
    ['odd://{}', 'odd://{}', true],
  ])('%s matches %s: %s', (uriTemplate, uri, fits) => {
    expect(uriTemplatePattern(uriTemplate).matches(uri)).toBe(fits)
  })

  it('takes a URI made to be hard in little time', () => {
    const pattern = uriTemplatePattern(`x://{+a}${'a{+b}'.repeat(40)}`)
    const before = process.cpuUsage().user
    expect(pattern.matches(`x://${'a'.repeat(8_000)}!`)).toBe(true)
    expect(pattern.matches(`x://${'b'.repeat(8_000)}!`)).toBe(false)
    expect(process.cpuUsage().user - before).toBeLessThan(500_000)
  })
})
