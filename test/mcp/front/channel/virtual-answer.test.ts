// Bodies that become messages: the same ones wherever the bytes are split.
import { describe, expect, it } from 'vitest'
import type { AnswerEnd } from '../../../../src/core/index.ts'
import { HeldBytes } from '../../../../src/mcp/front/channel/held-bytes.ts'
import { VirtualAnswer, type AnswerOver } from '../../../../src/mcp/front/channel/virtual-answer.ts'

function newAnswer({ maxMessageBytes = 1_000, held = new HeldBytes(10_000) } = {}) {
  const heard = { messages: [] as string[], overs: [] as AnswerOver[], isBehind: false }
  const answer = new VirtualAnswer(
    {
      get isBehind() {
        return heard.isBehind
      },
      onHead: () => {},
      onMessage: (json) => heard.messages.push(json),
      onOver: (over) => heard.overs.push(over),
    },
    { maxMessageBytes, held },
  )
  return { answer, heard }
}

const EVENTS = ['content-type', 'Text/Event-Stream; charset=utf-8']
const JSON_TYPE = ['Content-Type', 'application/json']

describe('an event stream', () => {
  const stream = Buffer.from(
    '\ufeffid: 1\r\ndata:\r\n\r\n: hi\ndata: {"a":"ü😀"}\nretry: 20\n\n' +
      'event: message\rdata: {"b":\rdata: 2}\r\revent: endpoint\ndata: {}\n\ndata: nonsense\n\nid: 2\ndata: [{"c":3}]\n\ndata: {"unfinished":1}',
  )

  it('gives the same messages wherever it is split', () => {
    for (let at = 0; at <= stream.length; at++) {
      const { answer, heard } = newAnswer()
      answer.start(200, EVENTS)
      answer.write(stream.subarray(0, at))
      answer.end(stream.subarray(at))
      expect(heard.messages).toEqual(['{"a":"ü😀"}', '{"b":\n2}', '[{"c":3}]'])
      expect(heard.overs).toEqual([
        { status: 200, isWhole: true, isTooLarge: false, lastEventId: '2', retryMs: 20 },
      ])
    }
  })

  it('gives the same messages in single bytes', () => {
    const { answer, heard } = newAnswer()
    answer.start(200, EVENTS)
    for (const byte of stream) answer.write(Buffer.of(byte))
    answer.end()
    expect(heard.messages).toHaveLength(3)
  })
})

describe('a JSON body', () => {
  it('is one message wherever it is split', () => {
    const body = Buffer.from('{"text":"ü😀"}')
    for (let at = 0; at <= body.length; at++) {
      const { answer, heard } = newAnswer()
      answer.start(200, JSON_TYPE)
      answer.write(body.subarray(0, at))
      answer.end(body.subarray(at))
      expect(heard.messages).toEqual(['{"text":"ü😀"}'])
    }
  })
})

describe('what is held', () => {
  it('is no more than one message may be', async () => {
    const { answer, heard } = newAnswer({ maxMessageBytes: 10 })
    const ends: AnswerEnd[] = []
    answer.onClose((end) => ends.push(end))
    answer.start(200, JSON_TYPE)
    expect(answer.write(Buffer.alloc(10))).toBe(true)
    answer.write(Buffer.alloc(1))
    expect(heard.overs).toMatchObject([{ isTooLarge: true, isWhole: false }])
    // The writer is not told while it writes.
    expect(ends).toEqual([])
    await Promise.resolve()
    expect(ends).toEqual(['client-gone'])
  })

  it('is freed with the answer, so that the next has room', () => {
    const held = new HeldBytes(100)
    for (let round = 0; round < 10; round++) {
      const first = newAnswer({ held })
      const second = newAnswer({ held })
      first.answer.start(200, JSON_TYPE)
      second.answer.start(200, EVENTS)
      first.answer.write(Buffer.alloc(60))
      second.answer.write(Buffer.from('data: 12345678901234567890'))
      second.answer.write(Buffer.from('12345678901234567890'))
      expect(second.heard.overs).toMatchObject([{ isTooLarge: true }])
      if (round % 3 === 0) first.answer.end()
      else if (round % 3 === 1) first.answer.abort()
      else first.answer.leave()
    }
    const last = newAnswer({ held })
    last.answer.start(200, JSON_TYPE)
    last.answer.write(Buffer.alloc(100))
    expect(last.heard.overs).toEqual([])
  })

  it('counts whole events no longer', () => {
    const { answer, heard } = newAnswer({ held: new HeldBytes(100) })
    answer.start(200, EVENTS)
    for (let count = 0; count < 50; count++) {
      answer.write(Buffer.from('data: {"a":'))
      answer.write(Buffer.from('1}\n\n'))
    }
    expect(heard.messages).toHaveLength(50)
  })
})

describe('an answer', () => {
  it('is held back while its client is behind, and let go on once', () => {
    const { answer, heard } = newAnswer()
    let drains = 0
    answer.onDrain(() => {
      drains += 1
    })
    answer.start(200, EVENTS)
    expect(answer.write(Buffer.from('data: {}\n\n'))).toBe(true)
    answer.drained()
    heard.isBehind = true
    expect(answer.write(Buffer.from('data: {}\n\n'))).toBe(false)
    heard.isBehind = false
    answer.drained()
    answer.drained()
    expect(drains).toBe(1)
  })

  it('is over once, and says nothing when nobody listens any more', () => {
    const { answer, heard } = newAnswer()
    answer.start(200, EVENTS)
    answer.leave()
    answer.write(Buffer.from('data: {}\n\n'))
    answer.end()
    answer.abort()
    expect(heard.messages).toEqual([])
    expect(heard.overs).toEqual([])
    const ends: AnswerEnd[] = []
    answer.onClose((end) => ends.push(end))
    expect(ends).toEqual(['client-gone'])
  })
})
