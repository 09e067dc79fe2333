// Bodies in pieces, which are looked through without being joined.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Content } from '../../src/core/index.ts'
import { readBody, type JsonLimits } from '../../src/wire/index.ts'
import { MAX_SCAN_BYTES } from '../../src/wire/scan/json-scan.ts'

const LIMITS: JsonLimits = { maxJsonDepth: 64, maxJsonElements: 65_536 }

function splitAt(bytes: Buffer, places: readonly number[]): Content {
  const cuts = [0, ...places.toSorted((a, b) => a - b), bytes.length]
  const chunks = cuts.slice(1).map((end, at) => Buffer.from(bytes.subarray(cuts[at], end)))
  return new Content(chunks, bytes.length)
}

/** What reading comes to: the outline and the whole, or the words of the refusal. */
function outcome(body: Buffer | Content): unknown {
  try {
    return readBody(body, LIMITS)
  } catch (thrown) {
    return (thrown as Error).message
  }
}

const callOf = (text: string): Buffer =>
  Buffer.from(
    JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'é', text } }),
  )

it('is read the same, wherever it is split', () => {
  const bodies = [
    callOf('名😀'.repeat(200)),
    Buffer.from('{"jsonrpc":"2.0","id":"ä","result":{"a":[1,2,{"b":"\\u00e4"}]}}'),
    Buffer.from('{"jsonrpc":"2.0","method":"a","method":"b"}'),
    Buffer.from(`{"jsonrpc":"2.0","params":{"arguments":{"a":[${'1,'.repeat(300)}]}}}`),
    Buffer.from(`{"jsonrpc":"2.0","x":"${'a'.repeat(300)}\u0000"}`, 'latin1'),
    Buffer.concat([Buffer.from('{"jsonrpc":"'), Buffer.from([0xf0, 0x9f, 0x98]), callOf('a')]),
  ]
  const split = fc.constantFrom(...bodies).chain((body) =>
    fc.record({
      body: fc.constant(body),
      places: fc.array(fc.nat(body.length), { minLength: 1, maxLength: 6 }),
    }),
  )
  fc.assert(
    fc.property(split, ({ body, places }) => {
      expect(outcome(splitAt(body, places))).toEqual(outcome(body))
    }),
    { numRuns: 1_000 },
  )
})

it('leaves nothing behind that the next body changes', () => {
  const first = callOf('a'.repeat(70_000))
  const { outline } = readBody(splitAt(first, [10, 65_536]), LIMITS)
  const before = structuredClone(outline)
  const second = first.toString().replace('tools/call', 'looks/dull').replace('é', 'à')
  readBody(splitAt(Buffer.from(second), [100]), LIMITS)
  expect(outline).toEqual(before)
})

it('does not join a body to read it, unless it is too long for that', () => {
  const chunkCount = (bytes: Buffer): number => {
    const content = splitAt(bytes, [100, 200])
    readBody(content, LIMITS)
    return content.chunks.length
  }
  expect(chunkCount(callOf('a'.repeat(70_000)))).toBe(3)
  expect(chunkCount(callOf('a'.repeat(MAX_SCAN_BYTES)))).toBe(1)
})
