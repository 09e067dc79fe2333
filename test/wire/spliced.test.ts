import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Content } from '../../src/core/index.ts'
import { spliced } from '../../src/wire/raw-value.ts'

/** Around the length up to which what comes out is one piece, and far from it. */
const SIZES = [0, 10, 300, 8_150, 8_192, 8_230, 40_000] as const

describe('spliced', () => {
  it('has other bytes in the places that are named, and the same in all others', () => {
    const isRight = fc.property(
      fc.constantFrom(...SIZES),
      fc.array(fc.nat(), { maxLength: 4 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(), fc.string({ maxLength: 30 })), { maxLength: 3 }),
      (size, cuts, wanted) => {
        const text = Array.from({ length: size }, (_, at) => 'abcdefghij'[at % 10]).join('')
        const positions = wanted.flatMap(([a, b]) => [a % (size + 1), b % (size + 1)])
        const sorted = positions.toSorted((a, b) => a - b)
        const splices = wanted.map(([, , other], place) => ({
          span: { start: sorted[2 * place] as number, end: sorted[2 * place + 1] as number },
          bytes: Buffer.from(other),
        }))
        const expected = splices.toReversed().reduce((bytes, { span, bytes: other }) => {
          const parts = [bytes.subarray(0, span.start), other, bytes.subarray(span.end)]
          return Buffer.concat(parts)
        }, Buffer.from(text))
        const content = spliced(inPieces(Buffer.from(text), cuts), splices)
        return content.length === expected.length && content.bytes().equals(expected)
      },
    )
    expect(fc.check(isRight, { numRuns: 2_000 }).counterexample).toBeNull()
  })

  it.each([
    ['is one piece where it is short', 8_192, 1],
    ['keeps the pieces where it is long', 8_193, 3],
  ])('%s', (_, length, pieces) => {
    const bytes = Buffer.alloc(length, 'x')
    const content = spliced(Content.of(bytes), [
      { span: { start: 5, end: 6 }, bytes: Buffer.from('y') },
    ])
    expect(content.chunks).toHaveLength(pieces)
    expect(content.bytes().indexOf('y')).toBe(5)
  })
})

function inPieces(bytes: Buffer, cuts: readonly number[]): Content {
  const places = cuts.map((cut) => cut % (bytes.length + 1))
  const at = [0, ...places, bytes.length].toSorted((a, b) => a - b)
  const chunks = at.slice(1).map((end, place) => bytes.subarray(at[place], end))
  return new Content(chunks, bytes.length)
}
