import { describe, expect, it } from 'vitest'
import type { HookName } from '../../src/plugins/index.ts'
import { takeModified } from '../../src/plugins/payloads.ts'
import { parseLossless, type JsonObject } from '../../src/wire/index.ts'

const BLOCK = { type: 'text', text: 'hi' }
const RESULT = { content: [BLOCK] }
const MESSAGES = { messages: [{ role: 'user', content: BLOCK }] }
const CONTENTS = [{ uri: 'file:///a', text: 'hi' }]

const BEFORE: Readonly<Record<HookName, JsonObject>> = {
  tool_pre_invoke: { name: 'a', args: {} },
  tool_post_invoke: { name: 'a', result: {} },
  prompt_pre_fetch: { prompt_id: 'a', args: {} },
  prompt_post_fetch: { prompt_id: 'a', result: {} },
  resource_pre_fetch: { uri: 'file:///a', metadata: {} },
  resource_post_fetch: { uri: 'file:///a', content: [] },
}

describe('a changed payload', () => {
  it.each<[HookName, JsonObject, JsonObject]>([
    [
      'tool_pre_invoke',
      { name: 'b', args: { x: 1 }, headers: { a: 'b' } },
      { name: 'b', args: { x: 1 } },
    ],
    ['tool_pre_invoke', { name: 'b', args: null }, { name: 'b', args: {} }],
    ['tool_pre_invoke', { name: 'b' }, { name: 'b', args: {} }],
    ['tool_post_invoke', { name: 'b', result: RESULT }, { name: 'a', result: RESULT }],
    [
      'prompt_pre_fetch',
      { prompt_id: 'b', args: { x: '1' } },
      { prompt_id: 'b', args: { x: '1' } },
    ],
    [
      'prompt_post_fetch',
      { prompt_id: 'b', result: MESSAGES },
      { prompt_id: 'a', result: MESSAGES },
    ],
    [
      'resource_pre_fetch',
      { uri: 'file:///b', metadata: { x: 1 } },
      { uri: 'file:///b', metadata: {} },
    ],
    [
      'resource_post_fetch',
      { uri: 'x:y', content: CONTENTS },
      { uri: 'file:///a', content: CONTENTS },
    ],
  ])('of %s: %j is taken as %j', (hook, modified, taken) => {
    expect(takeModified(hook, modified, BEFORE[hook])).toEqual(taken)
  })

  const longNumber = parseLossless('{"args":12345678901234567890}') as JsonObject
  it.each<[HookName, JsonObject, string]>([
    ['tool_pre_invoke', { args: {} }, 'name'],
    ['tool_pre_invoke', { name: '', args: {} }, 'name'],
    ['tool_pre_invoke', { name: ['a'], args: {} }, 'name'],
    ['tool_pre_invoke', { name: 'a', args: [1] }, 'args'],
    ['tool_pre_invoke', { name: 'a', args: 'x' }, 'args'],
    ['tool_pre_invoke', { name: 'a', ...longNumber }, 'args'],
    ['tool_post_invoke', { name: 'a' }, 'result'],
    ['tool_post_invoke', { result: 'text' }, 'result'],
    ['tool_post_invoke', { result: { structuredContent: {} } }, 'content'],
    ['tool_post_invoke', { result: { content: 'text' } }, 'content'],
    ['tool_post_invoke', { result: { content: ['text'] } }, 'content'],
    ['tool_post_invoke', { result: { content: [{ text: 'no type' }] } }, 'content'],
    ['tool_post_invoke', { result: { ...RESULT, resultType: 'task' } }, 'result.resultType'],
    [
      'tool_post_invoke',
      { result: { ...RESULT, resultType: 'input_required' } },
      'result.resultType',
    ],
    ['prompt_pre_fetch', { name: 'a' }, 'prompt_id'],
    ['prompt_pre_fetch', { prompt_id: 'a', args: { x: 1 } }, 'args'],
    ['prompt_post_fetch', { result: RESULT }, 'messages'],
    ['prompt_post_fetch', { result: { messages: [{ content: 'text' }] } }, 'messages'],
    ['resource_pre_fetch', { uri: null }, 'uri'],
    ['resource_post_fetch', { content: { uri: 'file:///a' } }, 'content'],
    ['resource_post_fetch', { content: [{ text: 'no uri' }] }, 'content'],
  ])('of %s: %j is a failure, for its %s', (hook, modified, member) => {
    expect(() => takeModified(hook, modified, BEFORE[hook])).toThrow(
      expect.objectContaining({
        code: 'GW_PLUGIN_FAILED',
        message: expect.stringContaining(`modified_payload.${member}: expected`),
      }),
    )
  })
})
