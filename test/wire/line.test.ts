import { describe, expect, it, vi } from 'vitest'
import { LineSplitter, type LineOptions } from '../../src/wire/line.ts'

function split(options: Partial<LineOptions> = {}) {
  const lines: string[] = []
  const splitter = new LineSplitter({
    maxLineBytes: 1_000,
    onTooLong: 'stop',
    onLine: (line) => lines.push(line.toString('utf8')),
    ...options,
  })
  return { splitter, lines }
}

describe('lines', () => {
  const text = '{"a":"é"}\n\r\n{"b":"𝄞 €"}\r\n\n{"c":"a\\r\\n"}\n'
  const expected = ['{"a":"é"}', '', '{"b":"𝄞 €"}', '', '{"c":"a\\r\\n"}']
  const bytes = Buffer.from(text)

  it('are the same wherever the bytes are split in two', () => {
    for (let at = 0; at <= bytes.length; at++) {
      const { splitter, lines } = split()
      splitter.push(bytes.subarray(0, at))
      splitter.push(bytes.subarray(at))
      expect(lines, `split at ${at}`).toEqual(expected)
    }
  })

  it('are the same when every byte comes alone', () => {
    const { splitter, lines } = split()
    for (const byte of bytes) splitter.push(Buffer.of(byte))
    expect(lines).toEqual(expected)
  })

  it('keep a carriage return that is not before the line feed', () => {
    const { splitter, lines } = split()
    splitter.push(Buffer.from('a\rb\r\r\n'))
    expect(lines).toEqual(['a\rb\r'])
  })

  it('are handed out without a line break only at the end', () => {
    const { splitter, lines } = split()
    splitter.push(Buffer.from('first\nlast'))
    expect(lines).toEqual(['first'])
    splitter.end()
    splitter.end()
    splitter.push(Buffer.from('late\n'))
    expect(lines).toEqual(['first', 'last'])
  })
})

describe('a line that is too long', () => {
  it.each([['in one chunk'], ['in single bytes']])('stops the splitting for good, %s', (how) => {
    const { splitter, lines } = split({ maxLineBytes: 4 })
    const bytes = Buffer.from('1234\n12345\n12\n')
    const outcomes = new Set<boolean>()
    if (how === 'in one chunk') outcomes.add(splitter.push(bytes))
    else for (const byte of bytes) outcomes.add(splitter.push(Buffer.of(byte)))
    expect(lines).toEqual(['1234'])
    expect(outcomes.has(false)).toBe(true)
    expect(splitter.push(Buffer.from('ok\n'))).toBe(false)
    expect(lines).toEqual(['1234'])
  })

  it('stops before its end has come', () => {
    const { splitter } = split({ maxLineBytes: 4 })
    expect(splitter.push(Buffer.from('1234'))).toBe(true)
    expect(splitter.push(Buffer.from('5'))).toBe(false)
  })

  it('is cut and the next is whole, when told to truncate', () => {
    for (let at = 0; at <= 15; at++) {
      const { splitter, lines } = split({ maxLineBytes: 4, onTooLong: 'truncate' })
      const bytes = Buffer.from('123456789\nabc\nx')
      expect(splitter.push(bytes.subarray(0, at))).toBe(true)
      expect(splitter.push(bytes.subarray(at))).toBe(true)
      splitter.end()
      expect(lines, `split at ${at}`).toEqual(['1234', 'abc', 'x'])
    }
  })
})

describe('the cost of a long line', () => {
  it.each([
    { mebibytes: 5, chunkBytes: 65_536 },
    { mebibytes: 5, chunkBytes: 1_000 },
    { mebibytes: 1, chunkBytes: 1 },
  ])('is linear: $mebibytes MiB in chunks of $chunkBytes', ({ mebibytes, chunkBytes }) => {
    const bytes = mebibytes * 1_048_576
    const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow')
    const concat = vi.spyOn(Buffer, 'concat')
    let length = 0
    const { splitter } = split({
      maxLineBytes: 8 * 1_048_576,
      onLine: (line) => {
        length = line.length
      },
    })
    const chunk = Buffer.alloc(chunkBytes, 'x')
    for (let sent = 0; sent < bytes; sent += chunkBytes) splitter.push(chunk)
    splitter.push(Buffer.from('\n'))

    const allocated = allocate.mock.calls.reduce((sum, [size]) => sum + size, 0)
    expect(length).toBeGreaterThanOrEqual(bytes)
    expect(allocate.mock.calls.length).toBeLessThan(16)
    expect(allocated).toBeLessThan(4 * length)
    expect(concat).not.toHaveBeenCalled()
    vi.restoreAllMocks()
  })
})
