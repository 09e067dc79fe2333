import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Content, markOwner } from '../../src/core/index.ts'

/** Pieces with memory of their own, marked as such. */
function owned(...lengths: readonly number[]): Buffer[] {
  return lengths.map((length, at) => {
    const piece = Buffer.allocUnsafeSlow(length).fill(at + 1)
    markOwner(piece)
    return piece
  })
}

const contentOf = (pieces: readonly Buffer[]): Content =>
  new Content(
    pieces,
    pieces.reduce((sum, { length }) => sum + length, 0),
  )

describe('the content of a message', () => {
  it('is the same in one piece, and stays it', () => {
    const content = contentOf([Buffer.from('ab'), Buffer.from('cde'), Buffer.from('f')])
    expect(content.length).toBe(6)
    const joined = content.bytes()
    expect(joined.toString()).toBe('abcdef')
    expect(content.bytes()).toBe(joined)
    expect(content.chunks).toEqual([joined])
  })

  it('is not copied when it came in one piece', () => {
    const bytes = Buffer.from('abc')
    expect(Content.of(bytes).bytes()).toBe(bytes)
    expect(contentOf([]).bytes()).toHaveLength(0)
  })

  it('is searched across its pieces, however they are split', () => {
    const pieces = fc.array(fc.stringMatching(/^[ab]{0,4}$/), { maxLength: 8 })
    fc.assert(
      fc.property(pieces, fc.stringMatching(/^[ab]{1,6}$/), (texts, sought) => {
        const content = contentOf(texts.map((text) => Buffer.from(text)))
        expect(content.includes(sought)).toBe(texts.join('').includes(sought))
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('the memory of a content', () => {
  it('is given back once it was sent and nobody holds it, and the content is gone', () => {
    const pieces = owned(20_000, 20_000)
    const content = contentOf(pieces)
    content.hold()
    content.hold()
    content.letGoSent()
    expect(content.chunks.map(({ length }) => length)).toEqual([20_000, 20_000])
    content.letGo()
    expect(pieces.map(({ buffer }) => buffer.byteLength)).toEqual([0, 0])
    expect(() => content.chunks).toThrow(TypeError)
    expect(() => content.bytes()).toThrow(TypeError)
  })

  it.each([[1], [3]])('stays with whoever asked for the bytes, of %d pieces', (count) => {
    const content = contentOf(owned(...Array.from({ length: count }, () => 20_000)))
    content.hold()
    const bytes = content.bytes()
    content.letGoSent()
    expect(bytes).toHaveLength(count * 20_000)
    expect(bytes.at(-1)).toBe(count)
    expect(content.bytes()).toBe(bytes)
  })

  it('that was joined while somebody held the pieces leaves them as they are', () => {
    const pieces = owned(20_000, 20_000)
    const content = contentOf(pieces)
    content.hold()
    content.bytes()
    expect(pieces.map(({ length }) => length)).toEqual([20_000, 20_000])
  })

  it('that was joined before anybody held it is given back but for the joined bytes', () => {
    const pieces = owned(20_000, 20_000)
    const bytes = contentOf(pieces).bytes()
    expect(pieces.map(({ length }) => length)).toEqual([0, 0])
    expect(bytes.subarray(0, 20_000).every((byte) => byte === 1)).toBe(true)
    expect(bytes.subarray(20_000).every((byte) => byte === 2)).toBe(true)
  })

  it('stays where nobody said that it belongs to the content alone', () => {
    const shared = Buffer.allocUnsafeSlow(40_000)
    const content = contentOf([shared.subarray(0, 20_000), shared.subarray(20_000)])
    content.hold()
    content.letGoSent()
    expect(shared).toHaveLength(40_000)
  })

  it('stays when it was not sent, for whoever is late', () => {
    const content = contentOf(owned(20_000, 20_000))
    content.hold()
    content.letGo()
    expect(content.bytes()).toHaveLength(40_000)
  })
})
