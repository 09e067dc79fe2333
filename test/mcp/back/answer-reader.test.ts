import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../src/core/index.ts'
import {
  AnswerReader,
  type AnswerHeadSeen,
  type AnswerOver,
} from '../../../src/mcp/back/answer-reader.ts'
import type { JsonObject } from '../../../src/wire/index.ts'

const FROM = { key: 'k', name: 'e', healthy: true, lastCheckMs: undefined }
const RESULT = { jsonrpc: '2.0', id: 1, result: { a: 1 } }
const JSON_HEAD = ['Content-Type', 'application/json; charset=utf-8']
const EVENT_HEAD = ['content-type', 'text/event-stream']

function listening(maxMessageBytes = 10_000) {
  const heads: AnswerHeadSeen[] = []
  const messages: JsonObject[] = []
  const ends: AnswerOver[] = []
  const failures: GatewayError[] = []
  let aborts = 0
  const reader = new AnswerReader(
    {
      onHead: (head) => heads.push(head),
      onMessage: (message) => messages.push(message),
      onEnd: (end) => ends.push(end),
      onFailure: (error) => failures.push(error),
    },
    { maxMessageBytes },
  )
  reader.attach({ resume: () => {}, abort: () => aborts++ })
  return {
    reader,
    heads,
    messages,
    ends,
    failures,
    get aborts() {
      return aborts
    },
  }
}

interface Answer {
  readonly status?: number
  readonly headers?: readonly string[]
  readonly body?: string | Buffer
  readonly chunkBytes?: number
  readonly maxMessageBytes?: number
}

function read({
  status = 200,
  headers = JSON_HEAD,
  body = '',
  chunkBytes = 1_000_000,
  maxMessageBytes = 10_000,
}: Answer) {
  const heard = listening(maxMessageBytes)
  const bytes = Buffer.from(body as string)
  heard.reader.onHead(status, headers, FROM)
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    expect(heard.reader.onData(bytes.subarray(at, at + chunkBytes))).toBe(true)
  }
  heard.reader.onEnd()
  return heard
}

const codesOf = (heard: ReturnType<typeof read>): string[] => heard.failures.map((it) => it.code)

describe('a JSON body', () => {
  it('is one message, however it is split', () => {
    for (let chunkBytes = 1; chunkBytes < 50; chunkBytes++) {
      const heard = read({ body: JSON.stringify(RESULT), chunkBytes })
      expect(heard.messages).toEqual([RESULT])
      expect(heard.ends).toEqual([{ status: 200, lastEventId: undefined, retryMs: undefined }])
    }
  })

  it('may be a batch, each of whose messages is told', () => {
    const second = { jsonrpc: '2.0', id: 'b', error: { code: -1, message: 'no' } }
    const heard = read({ body: JSON.stringify([RESULT, second]) })
    expect(heard.messages).toEqual([RESULT, second])
    expect(heard.ends).toHaveLength(1)
  })

  it('keeps numbers that a double cannot hold', () => {
    const text = '{"jsonrpc":"2.0","id":1,"result":{"n":12345678901234567890,"m":1.00}}'
    expect(JSON.stringify(read({ body: text }).messages[0])).toContain('"n":12345678901234567890')
  })

  it('reports the head before it, with the session', () => {
    const headers = [...JSON_HEAD, 'Mcp-Session-Id', 'abc']
    const { heads } = read({ headers, body: JSON.stringify(RESULT) })
    expect(heads).toEqual([{ status: 200, sessionId: 'abc', isEventStream: false, from: FROM }])
  })

  it.each([
    ['not JSON', '{"jsonrpc":'],
    ['not UTF-8', Buffer.from('{"jsonrpc":"2.0","id":1,"result":{"a":"\xff"}}', 'latin1')],
    ['not JSON-RPC', '{"hello":"world"}'],
    ['no object', '"hello"'],
    ['null', 'null'],
    ['a batch with something else in it', `[${JSON.stringify(RESULT)},7]`],
    ['nested too deep', `{"jsonrpc":"2.0","id":1,"result":${nested(600)}}`],
    ['nested so deep that no stack holds it', nested(1_000_000)],
  ])('that is %s fails with GW_UPSTREAM_PROTOCOL', (_, body) => {
    const heard = read({ body, maxMessageBytes: 10_000_000 })
    expect(codesOf(heard)).toEqual(['GW_UPSTREAM_PROTOCOL'])
    expect(heard.failures[0]?.source).toBe('upstream')
    expect(heard.ends).toEqual([])
  })

  it('nested within the limit is taken, whatever brackets its strings hold', () => {
    const body = `{"jsonrpc":"2.0","id":1,"result":{"a":${nested(500)},"b":"${'[\\"{'.repeat(900)}"}}`
    expect(read({ body }).messages).toHaveLength(1)
  })

  it('over the limit fails and gives the call up before it has ended', () => {
    const heard = listening(100)
    heard.reader.onHead(200, JSON_HEAD, FROM)
    heard.reader.onData(Buffer.alloc(60, ' '))
    expect(heard.aborts).toBe(0)
    heard.reader.onData(Buffer.alloc(60, ' '))
    expect(codesOf(heard)).toEqual(['GW_UPSTREAM_PROTOCOL'])
    expect(heard.aborts).toBe(1)
  })

  it('of an error status is told when it is JSON-RPC, and else ignored', () => {
    const error = { jsonrpc: '2.0', id: null, error: { code: -32_001, message: 'no session' } }
    expect(read({ status: 404, body: JSON.stringify(error) }).messages).toEqual([error])
    for (const body of ['{"message":"not found"}', 'not found', '']) {
      const heard = read({ status: 404, body })
      expect(heard.messages).toEqual([])
      expect(heard.ends).toMatchObject([{ status: 404 }])
    }
  })

  function nested(depth: number): string {
    return '['.repeat(depth) + ']'.repeat(depth)
  }
})

describe('an event stream', () => {
  it('is a message per event; the rest of the stream is told at its end', () => {
    const progress = { jsonrpc: '2.0', method: 'notifications/progress', params: {} }
    const body = `id: p0\ndata: \n\n: hi\nid: p1\ndata: ${JSON.stringify(progress)}\n\nretry: 40\nevent: other\ndata: no\n\ndata: ${JSON.stringify(RESULT)}\n\n`
    for (const chunkBytes of [1, 3, 7, 1_000]) {
      const heard = read({ headers: EVENT_HEAD, body, chunkBytes })
      expect(heard.heads).toMatchObject([{ isEventStream: true }])
      expect(heard.messages).toEqual([progress, RESULT])
      expect(heard.ends).toEqual([{ status: 200, lastEventId: 'p1', retryMs: 40 }])
    }
  })

  it.each([
    ['not JSON', 'data: hello\n\n', 10_000],
    ['not JSON-RPC', 'data: {"a":1}\n\n', 10_000],
    ['over the limit', `data: ${' '.repeat(200)}`, 100],
  ])('with an event that is %s fails and gives the call up', (_, body, maxMessageBytes) => {
    const heard = read({ headers: EVENT_HEAD, body, maxMessageBytes })
    expect(codesOf(heard)).toEqual(['GW_UPSTREAM_PROTOCOL'])
    expect(heard.aborts).toBe(1)
    expect(heard.ends).toEqual([])
  })

  it('tells nothing more once it was abandoned, not even the rest of the same chunk', () => {
    const heard = listening()
    const messages: JsonObject[] = []
    const reader: AnswerReader = new AnswerReader(
      {
        onMessage: (message) => {
          messages.push(message)
          reader.abandon()
        },
        onEnd: () => heard.ends.push({ status: 0, lastEventId: undefined, retryMs: undefined }),
        onFailure: (error) => heard.failures.push(error),
      },
      { maxMessageBytes: 1_000 },
    )
    reader.onHead(200, EVENT_HEAD, FROM)
    reader.onData(Buffer.from(`data: ${JSON.stringify(RESULT)}\n\n`.repeat(3)))
    reader.onEnd()
    reader.onFailure(new GatewayError('GW_UPSTREAM_BROKEN', 'late'))
    expect([messages.length, heard.ends, heard.failures]).toEqual([1, [], []])
  })
})

describe('other answers', () => {
  it.each([
    [301, 'GW_UPSTREAM_REDIRECT'],
    [307, 'GW_UPSTREAM_REDIRECT'],
    [401, 'GW_UPSTREAM_AUTH'],
    [407, 'GW_UPSTREAM_AUTH'],
  ])('with status %d fail with %s and give the call up', (status, code) => {
    const heard = read({ status, body: JSON.stringify(RESULT) })
    expect(codesOf(heard)).toEqual([code])
    expect([heard.heads, heard.messages, heard.ends, heard.aborts]).toEqual([[], [], [], 1])
  })

  it('with a content coding fail, unless it is none', () => {
    const body = JSON.stringify(RESULT)
    const coded = read({ headers: [...JSON_HEAD, 'Content-Encoding', 'gzip'], body })
    expect(codesOf(coded)).toEqual(['GW_UPSTREAM_PROTOCOL'])
    const plain = read({ headers: [...JSON_HEAD, 'Content-Encoding', 'identity'], body })
    expect(plain.messages).toEqual([RESULT])
  })

  it.each([
    ['without a body', 202, [], ''],
    ['of another type', 502, ['content-type', 'text/html'], '<p>Bad gateway</p>'],
    ['of a type that only begins like JSON', 200, ['content-type', 'application/jsonp'], '{}'],
  ])('%s just end', (_, status, headers, body) => {
    const heard = read({ status, headers, body })
    expect([heard.messages, heard.failures, heard.aborts]).toEqual([[], [], 0])
    expect(heard.ends).toMatchObject([{ status }])
  })

  it('of another type end early when they go on and on', () => {
    const heard = read({ headers: ['content-type', 'text/plain'], body: 'x'.repeat(70_000) })
    expect([heard.ends.length, heard.failures.length, heard.aborts]).toEqual([1, 0, 1])
  })

  it('that never came are failures as they are', () => {
    const heard = listening()
    const error = new GatewayError('GW_UPSTREAM_UNREACHABLE', 'gone')
    heard.reader.onFailure(error)
    expect([heard.failures, heard.ends]).toEqual([[error], []])
  })
})

describe('any message', () => {
  it('is what JSON.parse makes of it, as a body or an event, in any split', () => {
    const answers = fc.record({
      result: fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' })),
      chunkBytes: fc.integer({ min: 1, max: 50 }),
      lineBreak: fc.constantFrom('\n', '\r\n', '\r'),
    })
    fc.assert(
      fc.property(answers, ({ result, chunkBytes, lineBreak }) => {
        const text = JSON.stringify({ jsonrpc: '2.0', id: 1, result })
        const expected = [JSON.parse(text) as JsonObject]
        expect(read({ body: text, chunkBytes, maxMessageBytes: 1e6 }).messages).toEqual(expected)
        const body = `data: ${text}${lineBreak}${lineBreak}`
        const heard = read({ headers: EVENT_HEAD, body, chunkBytes, maxMessageBytes: 1e6 })
        expect(heard.messages).toEqual(expected)
      }),
      { numRuns: 150 },
    )
  })
})

describe('any bytes', () => {
  it('end in messages and one end, or in one failure', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'data: ',
        '\n',
        '\r\n',
        '{',
        '}',
        '[',
        '"jsonrpc":"2.0"',
        ',',
        '"id":1',
        'id: ',
      ),
      fc.constantFrom('"result":{}', `data: ${JSON.stringify(RESULT)}\n\n`, '"method":"x"', '\0'),
      fc.string({ maxLength: 4 }),
    )
    const answers = fc.record({
      status: fc.constantFrom(200, 202, 204, 307, 401, 404, 500),
      headers: fc.constantFrom(JSON_HEAD, EVENT_HEAD, []),
      body: fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
      chunkBytes: fc.integer({ min: 1, max: 40 }),
      maxMessageBytes: fc.constantFrom(40, 10_000),
    })
    fc.assert(
      fc.property(answers, (answer) => {
        const heard = read(answer)
        expect(heard.ends.length + heard.failures.length).toBe(1)
        expect(heard.aborts).toBe(heard.failures.length)
        const split = read({ ...answer, chunkBytes: 1 })
        expect(split.messages).toEqual(heard.messages)
        expect(codesOf(split)).toEqual(codesOf(heard))
      }),
      { numRuns: 2_000 },
    )
  })
})
