import { createParser } from 'eventsource-parser'
import { describe, expect, it } from 'vitest'
import {
  encodeEvent,
  EventStreamPosition,
  isEventStream,
  KEEP_ALIVE_COMMENT,
} from '../../src/wire/index.ts'

const STREAMS = [
  'id: 1\ndata:\n\nevent: message\ndata: {"a":1}\ndata: more\n\n',
  'data: a\r\nid: 2\r\n\r\n: note\r\ndata: b\r\n\r\n',
  'retry: 5\ndata: x\n\n\n\ndata: ü€😀\n\n',
]

function eventsOf(text: string): unknown[] {
  const events: unknown[] = []
  const parser = createParser({ onEvent: (event) => events.push(event) })
  parser.feed(text)
  return events
}

describe('EventStreamPosition', () => {
  it('allows a comment only where it changes no event, wherever the stream is cut', () => {
    for (const stream of STREAMS) {
      const bytes = Buffer.from(stream)
      for (let cut = 0; cut <= bytes.length; cut++) {
        const position = new EventStreamPosition()
        position.advance(bytes.subarray(0, cut))
        if (!position.isAtLineStart) continue
        const parts = [bytes.subarray(0, cut), KEEP_ALIVE_COMMENT, bytes.subarray(cut)]
        expect(eventsOf(Buffer.concat(parts).toString()), `cut at ${cut}`).toEqual(eventsOf(stream))
      }
    }
  })

  it('allows an event only where it joins no other, wherever the stream is cut', () => {
    const extra = encodeEvent('{"extra":true}')
    for (const stream of STREAMS) {
      const bytes = Buffer.from(stream)
      for (let cut = 0; cut <= bytes.length; cut++) {
        const position = new EventStreamPosition()
        for (const byte of bytes.subarray(0, cut)) position.advance(Buffer.of(byte))
        if (!position.isBetweenEvents) continue
        const sent = Buffer.concat([bytes.subarray(0, cut), extra]).toString()
        expect(eventsOf(sent), `cut at ${cut}`).toEqual([
          ...eventsOf(bytes.subarray(0, cut).toString()),
          { event: 'message', data: '{"extra":true}', id: undefined },
        ])
      }
    }
  })

  it('notices that a stream can be resumed', () => {
    const withId = new EventStreamPosition()
    withId.advance(Buffer.from('id: abc\ndata:\n\n'))
    const withIdLater = new EventStreamPosition()
    withIdLater.advance(Buffer.from('event: message\nid: abc\ndata: {}\n\n'))
    const without = new EventStreamPosition()
    without.advance(Buffer.from('data: {"id: 1":"id:"}\n\n'))
    expect([withId, withIdLater, without].map((it) => it.carriesIds)).toEqual([true, true, false])
  })
})

describe('isEventStream', () => {
  it.each([
    ['text/event-stream', true],
    ['Text/Event-Stream; charset=utf-8', true],
    ['text/event-streams', false],
    ['application/json', false],
    [undefined, false],
  ])('reads %s as %s', (value, expected) => {
    expect(isEventStream(value)).toBe(expected)
  })
})
