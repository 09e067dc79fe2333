import { describe, expect, it } from 'vitest'
import { Content } from '../../src/core/index.ts'
import { MAX_TEXT, readHookAnswer } from '../../src/plugins/hook-answer.ts'
import { decodeBody, RawValue, type JsonObject } from '../../src/wire/index.ts'
import { toolResult } from './chain-of.ts'

const ANSWER = { plugin_name: 'p', result: { modified_payload: { uri: 'file:///b' } } }
const MODIFIED = { uri: 'file:///b' }
const text = (it: string): JsonObject => ({ type: 'text', text: it })

const violationOf = (violation: unknown): string | undefined =>
  readHookAnswer(toolResult({ result: { continue_processing: false, violation } })).violation

describe('an answer', () => {
  it.each<[where: string, JsonObject]>([
    ['the first text', toolResult(ANSWER)],
    [
      'the first text, after an image',
      { content: [{ type: 'image' }, text(JSON.stringify(ANSWER)), text('x')] },
    ],
    ['structured content', { content: [text('something else')], structuredContent: ANSWER }],
    ['structured content of FastMCP', { content: [], structuredContent: { result: ANSWER } }],
  ])('is read from %s', (_, result) => {
    expect(readHookAnswer(result).modified).toEqual(MODIFIED)
  })

  it('is read from large values that came as bytes', () => {
    const large = { ...ANSWER, pad: 'x'.repeat(20_000) }
    const result = {
      content: [text(JSON.stringify(large))],
      structuredContent: large,
    }
    const message = { jsonrpc: '2.0', id: 1, result }
    const decoded = decodeBody(Content.of(Buffer.from(JSON.stringify(message)))) as JsonObject
    const { structuredContent, content } = decoded['result'] as typeof result
    expect(structuredContent).toBeInstanceOf(RawValue)
    expect(content[0]?.['text']).toBeInstanceOf(RawValue)
    expect(readHookAnswer({ content, structuredContent }).modified).toEqual(MODIFIED)
    expect(readHookAnswer({ content }).modified).toEqual(MODIFIED)
  })

  it('keeps the digits of long numbers', () => {
    const said = '{"result":{"modified_payload":{"args":{"id":12345678901234567890}}}}'
    const { modified } = readHookAnswer({ content: [text(said)] })
    expect(JSON.stringify(modified)).toBe('{"args":{"id":12345678901234567890}}')
  })

  it('lets the call go on when it says nothing of that, and null is nothing', () => {
    const result = { modified_payload: null, violation: null, metadata: {} }
    expect(readHookAnswer(toolResult({ result, error: null }))).toEqual({
      violation: undefined,
      modified: undefined,
      context: undefined,
    })
  })

  const deep = `${'{"result":'.repeat(2_000)}1${'}'.repeat(2_000)}`
  it.each<[what: string, JsonObject]>([
    ['nothing', {}],
    ['no text', { content: [{ type: 'image' }] }],
    ['a text that is not JSON', { content: [text('all fine')] }],
    ['a text that is no object', { content: [text('[true]')] }],
    ['a text nested too deep', { content: [text(deep)] }],
    ['no result', toolResult({ plugin_name: 'p' })],
    ['a result that is no object', toolResult({ result: true })],
    ['a result that is a list', toolResult({ result: [] })],
    ['an undecided result', toolResult({ result: { continue_processing: 'false' } })],
    ['a payload that is no object', toolResult({ result: { modified_payload: 'none' } })],
    ['an error', toolResult({ error: { message: 'boom' } })],
    ['an error beside a result', toolResult({ result: {}, error: { message: 'boom' } })],
    ['an error of FastMCP', { structuredContent: { result: { error: { message: 'boom' } } } }],
  ])('that is %s is a failure', (_, result) => {
    expect(() => readHookAnswer(result)).toThrow(
      expect.objectContaining({ code: 'GW_PLUGIN_FAILED' }),
    )
  })

  it('says what the plugin reports as its error, in one line', () => {
    const error = { message: 'no\nsuch\u0000rule', details: { secret: 'x' } }
    expect(() => readHookAnswer(toolResult({ error }))).toThrow(
      /^it reports an error: no such rule$/,
    )
  })
})

describe('the words of a violation', () => {
  it.each<[violation: unknown, text: string]>([
    [{ description: 'd', reason: 'r', code: 'C' }, 'd (C)'],
    [{ reason: 'r', code: 'C' }, 'r (C)'],
    [{ description: ' \n', reason: 'r' }, 'r'],
    [{ code: 'C' }, '(C)'],
    [{ details: { secret: 'x' } }, ''],
    [undefined, ''],
    ['no', ''],
    [{ description: 'a\r\n\u001b[31mb\u202ec\u2028d\te', code: 'C\u0007' }, 'a [31mb c d e (C)'],
  ])('%j are %j', (violation, expected) => {
    expect(violationOf(violation)).toBe(expected)
  })

  it('are bounded, and the code is not lost', () => {
    const said = violationOf({ description: 'long '.repeat(100_000), code: 'PII' })
    expect(said).toHaveLength(MAX_TEXT)
    expect(said?.endsWith(' (PII)')).toBe(true)
    expect(violationOf({ description: 'd', code: 'x'.repeat(10_000) })?.length).toBeLessThanOrEqual(
      MAX_TEXT,
    )
  })

  it('are well-formed wherever they are cut', () => {
    for (const pad of ['', 'x']) {
      const said = violationOf({ description: pad + '😀'.repeat(1_000), code: 'C' }) ?? ''
      expect(said.isWellFormed()).toBe(true)
      expect(said.length).toBeLessThanOrEqual(MAX_TEXT)
    }
  })
})
