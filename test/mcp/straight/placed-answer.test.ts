// What is seen of an answer that passes: tasks and questions, whole whichever way the bytes are cut, and nothing else.
import { describe, expect, it } from 'vitest'
import { PlacedAnswer } from '../../../src/mcp/straight/placed-answer.ts'
import type { RoutedSink } from '../../../src/routing/index.ts'

const FROM = { key: 'here', name: 'it', healthy: true, lastCheckMs: undefined }
const TASK = { resultType: 'task', taskId: 'grüß "1"', status: 'working' }
const response = (result: unknown): string => JSON.stringify({ jsonrpc: '2.0', id: 1, result })
const event = (message: string): string => `event: message\ndata: ${message}\n\n`

/** Sends a body through in the given parts. */
function pass(parts: readonly Uint8Array[], headers: readonly string[], status = 200) {
  const passed: Uint8Array[] = []
  const placed: unknown[] = []
  const order: string[] = []
  const sink: RoutedSink = {
    onHead: () => void order.push('head'),
    onData: (chunk) => {
      passed.push(chunk)
      return passed.length % 2 === 0
    },
    onEnd: () => void order.push('end'),
    onFailure: () => void order.push('failure'),
  }
  const answer = new PlacedAnswer(sink, (result, endpointKey) => {
    placed.push([result, endpointKey])
    order.push('placed')
  })
  answer.onHead(status, headers, FROM)
  const taken = parts.map((part) => answer.onData(part))
  answer.onEnd([])
  return { passed: Buffer.concat(passed).toString(), placed, order, taken }
}

const JSON_TYPE = ['Content-Type', 'application/json; charset=utf-8']
const EVENTS = ['content-type', 'text/event-stream']

describe('a task in an answer', () => {
  it.each([
    ['JSON', response(TASK), JSON_TYPE],
    [
      'events',
      event('{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"\\"task\\""}}') +
        event(response(TASK)),
      EVENTS,
    ],
  ])('is seen wherever the bytes are cut (%s), which pass as they are', (_, body, headers) => {
    const bytes = Buffer.from(body)
    for (let at = 0; at <= bytes.length; at++) {
      const parts = [bytes.subarray(0, at), bytes.subarray(at)]
      const { passed, placed, order, taken } = pass(parts, headers)
      expect(passed).toBe(body)
      expect(placed).toEqual([[TASK, 'here']])
      // The client's next request may come as soon as it has the end.
      expect(order).toEqual(['head', 'placed', 'end'])
      expect(taken).toEqual([false, true])
    }
  })

  it.each([
    ['of an error status', response(TASK), JSON_TYPE, 500],
    ['of another media type', response(TASK), ['content-type', 'text/plain'], 200],
    ['that is coded', response(TASK), [...JSON_TYPE, 'content-encoding', 'gzip'], 200],
    ['that is no JSON', '{"result":{"resultType":"task",', JSON_TYPE, 200],
    ['that has no result', '{"error":{"message":"\\"task\\"","x":"task"}}', JSON_TYPE, 200],
    ['that is too long', response({ ...TASK, padding: 'x'.repeat(300_000) }), JSON_TYPE, 200],
    ['that is too long', event(response({ ...TASK, padding: 'x'.repeat(300_000) })), EVENTS, 200],
  ])('is not looked for in an answer %s, which passes all the same', (_, body, headers, status) => {
    const { passed, placed } = pass([Buffer.from(body)], headers, status)
    expect(passed).toBe(body)
    expect(placed).toEqual([])
  })
})
