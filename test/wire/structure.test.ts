import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { measureStructure } from '../../src/wire/structure.ts'

const measure = (text: string) => measureStructure(text, 1_000, 1_000_000)

describe('measureStructure', () => {
  it('counts members as written, so that a duplicate key shows', () => {
    const text =
      '{"method":"a","params":{"name":"x","name":"y","_meta":{"k":1,"k":2}},"method":"b"}'
    expect(measure(text)).toMatchObject({ rootMembers: 3, paramsMembers: 3, metaMembers: 2 })
  })

  it('recognises params and _meta however their names are escaped', () => {
    const text = '{"p\\u0061rams":{"\\u005fmeta":{"k":1,"k":2}}}'
    expect(measure(text)).toMatchObject({ rootMembers: 1, paramsMembers: 1, metaMembers: 2 })
  })

  it('is not misled by structure inside strings', () => {
    const text = JSON.stringify({ a: '{"b":[,]}\\"', params: { 'x:"\\': '\\\\"{' } })
    expect(measure(text)).toMatchObject({ depth: 2, rootMembers: 2, paramsMembers: 1 })
  })

  it('stops once the depth or the number of values is exceeded', () => {
    const deep = '['.repeat(100) + ']'.repeat(100)
    expect(measureStructure(deep, 10, 1_000).depth).toBe(11)
    expect(measureStructure(`[${'1,'.repeat(99)}1]`, 10, 50).elements).toBeGreaterThan(50)
  })

  it('agrees with the parsed value for any JSON without duplicates', () => {
    const anyMessage = fc.record({
      method: fc.string({ unit: 'binary' }),
      params: fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()),
      other: fc.jsonValue(),
    })
    fc.assert(
      fc.property(anyMessage, fc.constantFrom(0, 2), (message, indent) => {
        const text = JSON.stringify(message, undefined, indent)
        const found = measure(text)
        // JSON.stringify of a parsed dictionary may hold "__proto__", which parsing keeps as a plain member.
        const parsed = JSON.parse(text) as { params: object }
        expect(found.rootMembers).toBe(Object.keys(parsed).length)
        expect(found.paramsMembers).toBe(Object.keys(parsed.params).length)
        expect(found.depth).toBe(depthOf(parsed))
      }),
    )
  })
})

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}
