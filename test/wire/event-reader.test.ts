import { createParser } from 'eventsource-parser'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventReader, type ServerEvent } from '../../src/wire/index.ts'

interface Heard {
  readonly events: ServerEvent[]
  readonly ids: string[]
  readonly retries: number[]
  readonly reader: EventReader
}

function reading(maxEventBytes = 10_000): Heard {
  const [events, ids, retries]: [ServerEvent[], string[], number[]] = [[], [], []]
  const reader = new EventReader({
    maxEventBytes,
    onEvent: (event) => events.push(event),
    onId: (id) => ids.push(id),
    onRetry: (ms) => retries.push(ms),
  })
  return { events, ids, retries, reader }
}

function read(...chunks: readonly (string | Uint8Array)[]): Heard {
  const heard = reading()
  for (const chunk of chunks) heard.reader.push(Buffer.from(chunk as string))
  return heard
}

const dataOf = (heard: Heard): string[] => heard.events.map(({ data }) => data)

/** Chunks of these sizes, the last one takes the rest. */
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  let from = 0
  for (const size of sizes) {
    chunks.push(bytes.subarray(from, from + size))
    from += size
  }
  return [...chunks, bytes.subarray(from)]
}

describe('an event', () => {
  it.each([
    ['a message', 'data: {"a":1}\n\n', [{ event: 'message', data: '{"a":1}', id: undefined }]],
    ['a named one', 'event: ping\ndata: x\n\n', [{ event: 'ping', data: 'x', id: undefined }]],
    ['without a space', 'data:x\n\n', [{ event: 'message', data: 'x', id: undefined }]],
    ['with two spaces', 'data:  x\n\n', [{ event: 'message', data: ' x', id: undefined }]],
    ['without a colon', 'data\n\n', [{ event: 'message', data: '', id: undefined }]],
    ['of many lines', 'data: a\ndata\ndata:b\n\n', [{ event: 'message', data: 'a\n\nb' }]],
    ['with an empty name', 'event:\ndata: x\n\n', [{ event: 'message', data: 'x' }]],
    ['after one without data', 'event: ping\n\ndata: x\n\n', [{ event: 'message', data: 'x' }]],
    ['with unknown fields', 'x: y\ndataset: z\nDATA: q\ndata: x\n\n', [{ data: 'x' }]],
    ['with comments', ': hi\ndata: a\n:\n:data: no\ndata: b\n\n', [{ data: 'a\nb' }]],
    ['that has not ended', 'data: a\n\ndata: b\n', [{ data: 'a' }]],
    ['after a byte order mark', '\uFEFFdata: a\n\n', [{ data: 'a' }]],
    ['after two byte order marks', '\uFEFF\uFEFFdata: a\n\ndata: b\n\n', [{ data: 'b' }]],
    ['with colons in its data', 'data: a:b: c\n\n', [{ data: 'a:b: c' }]],
  ])('is read: %s', (_, text, expected) => {
    expect(read(text).events).toMatchObject(expected)
  })

  it('ends at each kind of line break, also where kinds are mixed', () => {
    expect(dataOf(read('data: a\r\n\r\ndata: b\r\rdata: c\n\ndata: d\r\n\ndata: e\n\r'))).toEqual([
      'a',
      'b',
      'c',
      'd',
      'e',
    ])
  })

  it('carries the last id that was said, on this or an earlier event', () => {
    const { events, ids } = read('id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\nid: 2\n\ndata: d\n\n')
    expect(events.map(({ id }) => id)).toEqual(['1', '1', '', '2'])
    expect(ids).toEqual(['1', '', '2'])
  })

  it('ignores an id with a NUL, and one whose event has not ended', () => {
    const { events, ids } = read('id: 1\nid: 2\0\ndata: a\n\nid: 3\n')
    expect(events).toEqual([{ event: 'message', data: 'a', id: '1' }])
    expect(ids).toEqual(['1'])
  })

  it('tells a retry of digits alone, and none longer than a timer can be', () => {
    const { retries } = read('retry: 15\nretry: -1\nretry: 1.5\nretry: 1e3\nretry:\nretry: 07\n')
    expect(retries).toEqual([15, 7])
    expect(read(`retry: ${'9'.repeat(400)}\n`).retries).toEqual([2_147_483_647])
  })

  it('reads bytes that are not UTF-8 as replacement characters', () => {
    const bytes = Buffer.from([0x64, 0x61, 0x74, 0x61, 0x3a, 0xff, 0xe2, 0x82, 0x0a, 0x0a])
    expect(dataOf(read(bytes))).toEqual([new TextDecoder().decode(Buffer.of(0xff, 0xe2, 0x82))])
  })
})

describe('chunks', () => {
  const text =
    '\uFEFF: hi\r\nid: 7\r\nevent: message\r\ndata: {"a":"é𝄞"}\r\n\r\nretry: 20\rdata: €\rdata\r\rdata: c\n\n'
  const bytes = Buffer.from(text)
  const whole = read(bytes)

  it('make no difference wherever the bytes are split in two', () => {
    expect(dataOf(whole)).toEqual(['{"a":"é𝄞"}', '€\n', 'c'])
    for (let at = 0; at <= bytes.length; at++) {
      const heard = read(bytes.subarray(0, at), bytes.subarray(at))
      expect(heard.events, `split at ${at}`).toEqual(whole.events)
      expect([heard.ids, heard.retries]).toEqual([whole.ids, whole.retries])
    }
  })

  it('make no difference when every byte comes alone, with empty ones between', () => {
    const heard = read(...[...bytes].flatMap((byte) => [Buffer.of(byte), Buffer.alloc(0)]))
    expect(heard.events).toEqual(whole.events)
  })

  it('of any text in any split are read as eventsource-parser reads the whole', () => {
    const words = 'data event id retry datas : x 12 é 𝄞 {"a":1} \uFEFF \0'.split(' ')
    const ends = [' ', ': ', '\r', '\n', '\r\n', '\n\n', 'data: a\n', 'data: b\r\n\r\n', 'id: 4\r']
    const piece = fc.constantFrom(...words, ...ends)
    const stream = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(stream, fc.array(fc.nat(9), { maxLength: 60 }), (sample, sizes) => {
        const heard = read(...cut(Buffer.from(sample), sizes))
        const expected: { event: string; data: string }[] = []
        const parser = createParser({
          onEvent: ({ event, data }) => expected.push({ event: event || 'message', data }),
        })
        parser.feed(sample)
        expect(heard.events.map(({ event, data }) => ({ event, data }))).toEqual(expected)
      }),
      { numRuns: 3_000 },
    )
  })
})

describe('the limit', () => {
  const longest = `data: ${'x'.repeat(93)}\n\n`

  it('lets an event of its size through and ends the reading at a longer one', () => {
    const heard = reading(100)
    expect(heard.reader.push(Buffer.from(longest))).toBe(true)
    expect(heard.reader.push(Buffer.from(`data: ${'x'.repeat(94)}\n\n`))).toBe(false)
    expect(heard.reader.push(Buffer.from(longest))).toBe(false)
    expect(dataOf(heard)).toEqual(['x'.repeat(93)])
  })

  it.each([
    ['in one line without an end', Array<string>(101).fill('x')],
    ['in many small lines', Array<string>(40).fill('data\n')],
    ['in a line after others', ['data: 0123456789\n'.repeat(5), 'data: 0123456789012']],
  ])('is met before the event has ended: %s', (_, chunks) => {
    const { reader } = reading(100)
    expect(chunks.map((chunk) => reader.push(Buffer.from(chunk))).at(-1)).toBe(false)
  })

  it('is about one event: comments and earlier events do not count', () => {
    const heard = reading(100)
    const quiet = ': keep-alive\n'.repeat(100)
    expect(heard.reader.push(Buffer.from(quiet + longest.repeat(50) + quiet))).toBe(true)
    expect(heard.events).toHaveLength(50)
  })
})

describe('the work', () => {
  const spent = (work: () => void): number => {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000
  }

  // Each would take minutes if it cost the square of the length.
  it.each([
    ['one event in single bytes', Buffer.from(`data: ${'x'.repeat(1_000_000)}\n\n`), 1],
    ['many lines without a colon', Buffer.from('data\n'.repeat(400_000)), 2_000_000],
    ['many line feeds in a chunk with one carriage return', twoKinds(), 4_000_000],
  ])('is linear: %s', (_, bytes, chunkBytes) => {
    const { reader, events } = reading(10_000_000)
    const ms = spent(() => {
      for (let at = 0; at < bytes.length; at += chunkBytes) {
        reader.push(bytes.subarray(at, at + chunkBytes))
      }
      reader.push(Buffer.from('\n\n'))
    })
    expect(events.length).toBeGreaterThan(0)
    expect(ms).toBeLessThan(3_000)
  })

  function twoKinds(): Buffer {
    return Buffer.from(`${'data: a\n\n'.repeat(400_000)}\r`)
  }
})
