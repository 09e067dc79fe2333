import { describe, expect, it } from 'vitest'
import { ChunkedBody } from '../../../src/upstream/http/http1/chunked-body.ts'

interface Read {
  readonly data: string
  readonly trailers: readonly string[]
  /** What follows the body; undefined when the body goes on. */
  readonly rest: string | undefined
}

function readAll(parts: readonly string[]): Read {
  const body = new ChunkedBody()
  let data = ''
  for (const [place, part] of parts.entries()) {
    const bytes = Buffer.from(part, 'latin1')
    const end = body.read(bytes, (piece) => (data += piece.toString('latin1')))
    if (end === -1) continue
    const rest = bytes.toString('latin1', end) + parts.slice(place + 1).join('')
    return { data, trailers: body.trailers, rest }
  }
  return { data, trailers: body.trailers, rest: undefined }
}

const WHOLE =
  '5;name="v"\r\nhello\r\n00d\r\n, wide\r\nworld\r\n0\r\nX-Sum: 1\r\ny:\r\n\r\nHTTP/1.1 200 OK'
const READ: Read = {
  data: 'hello, wide\r\nworld',
  trailers: ['X-Sum', '1', 'y', ''],
  rest: 'HTTP/1.1 200 OK',
}

describe('a body in chunks', () => {
  it('is read the same, wherever its bytes are split', () => {
    for (let first = 0; first <= WHOLE.length; first++) {
      for (let second = first; second <= WHOLE.length; second += 5) {
        const parts = [WHOLE.slice(0, first), WHOLE.slice(first, second), WHOLE.slice(second)]
        expect(readAll(parts)).toEqual(READ)
      }
    }
  })

  it('is read the same byte by byte', () => {
    expect(readAll(WHOLE.split(''))).toEqual(READ)
  })

  it('hands on the bytes of a read that is all data as they are', () => {
    const body = new ChunkedBody()
    body.read(Buffer.from('4\r\n'), () => {})
    const bytes = Buffer.from('abcd')
    const handed: Buffer[] = []
    body.read(bytes, (data) => handed.push(data))
    expect(handed).toEqual([bytes])
    expect(handed[0]).toBe(bytes)
  })

  it('goes on until its last chunk', () => {
    expect(readAll(['3\r\nabc\r\n'])).toEqual({ data: 'abc', trailers: [], rest: undefined })
    expect(readAll(['3\r\nabc\r\n0\r\nX: 1\r\n'])).toMatchObject({ rest: undefined })
  })

  it.each([
    ['a size that is none', 'x\r\n'],
    ['an empty size', '\r\nabc'],
    ['a size with a sign', '+3\r\nabc\r\n'],
    ['a size with 0x', '0x3\r\nabc\r\n'],
    ['a size beyond counting', `${'f'.repeat(13)}\r\n`],
    ['a bare line feed behind the size', '3\nabc\r\n'],
    ['more data than the size says', '3\r\nabcd\r\n'],
    ['a bare line feed behind the data', '3\r\nabc\n'],
    ['a carriage return within an extension', '3;a\rb\r\nabc\r\n'],
    ['an endless size line', `3;${'a'.repeat(2_000)}`],
    ['endless trailers', `0\r\n${'a: b\r\n'.repeat(4_000)}`],
    ['a trailer without a name', '0\r\n: b\r\n\r\n'],
    ['a trailer that goes on the one before', '0\r\na: b\r\n c: d\r\n\r\n'],
    ['a bare carriage return in a trailer', '0\r\na: b\rc\r\n\r\n'],
  ])('is refused with %s', (_, text) => {
    expect(() => readAll([text])).toThrow(expect.objectContaining({ code: 'MALFORMED_ANSWER' }))
    expect(() => readAll(text.split(''))).toThrow(
      expect.objectContaining({ code: 'MALFORMED_ANSWER' }),
    )
  })
})
