import { isSpecType, specTypeSchemas } from '@modelcontextprotocol/server'
import { describe, expect, it } from 'vitest'
import { discoverResult, initializeResult } from '../../../src/mcp/translate/discovery.ts'
import {
  toLegacyResult,
  toModernResult,
  withResultType,
} from '../../../src/mcp/translate/results.ts'

const CACHE = { ttlMs: 0, cacheScope: 'private' } as const
const INFO = { name: 's', version: '1' }
const SERVER_INFO = 'io.modelcontextprotocol/serverInfo'
const OPTIONS = { ...CACHE, serverInfo: INFO }

describe('a legacy result', () => {
  it.each([
    'tools/list',
    'prompts/list',
    'resources/list',
    'resources/templates/list',
    'resources/read',
  ])('says how long it may be kept when it is of %s', (method) => {
    expect(toModernResult(method, { x: 1, _meta: { a: 1 } }, OPTIONS)).toEqual({
      x: 1,
      resultType: 'complete',
      ttlMs: 0,
      cacheScope: 'private',
      _meta: { a: 1, [SERVER_INFO]: INFO },
    })
  })

  it.each(['tools/call', 'prompts/get', 'completion/complete'])(
    'does not say so when it is of %s',
    (method) => {
      expect(toModernResult(method, { x: 1 }, OPTIONS)).toEqual({
        x: 1,
        resultType: 'complete',
        _meta: { [SERVER_INFO]: INFO },
      })
    },
  )

  it('cannot pose as a modern one', () => {
    const posing = {
      resultType: 'input_required',
      ttlMs: 9e9,
      cacheScope: 'public',
      _meta: { [SERVER_INFO]: { name: 'another' } },
    }
    expect(toModernResult('tools/list', posing, OPTIONS)).toEqual({
      resultType: 'complete',
      ...CACHE,
      _meta: { [SERVER_INFO]: INFO },
    })
  })

  it('has no _meta of ours when the server has not said who it is', () => {
    const options = { ...CACHE, serverInfo: undefined }
    expect(toModernResult('tools/call', { x: 1 }, options)).toEqual({
      x: 1,
      resultType: 'complete',
    })
  })

  it('lists tools without what is about legacy tasks', () => {
    const tools = [
      { name: 'a', execution: { taskSupport: 'optional' } },
      { name: 'b', x: 1 },
    ]
    expect(toModernResult('tools/list', { tools }, OPTIONS)['tools']).toEqual([
      { name: 'a' },
      { name: 'b', x: 1 },
    ])
  })
})

describe('a modern result', () => {
  it('is complete when it does not say what it is', () => {
    expect(withResultType({ a: 1 })).toEqual({ a: 1, resultType: 'complete' })
    expect(withResultType({ a: 1, resultType: null })).toEqual({ a: 1, resultType: 'complete' })
    const task = { resultType: 'task', taskId: 't' }
    expect(withResultType(task)).toBe(task)
  })

  it('loses what the legacy era does not know, and nothing else', () => {
    const _meta = { [SERVER_INFO]: INFO, other: 1 }
    const result = { resultType: 'complete', ttlMs: 5, cacheScope: 'public', _meta, x: 1 }
    expect(toLegacyResult('resources/list', result)).toEqual({ x: 1, _meta: { other: 1 } })
  })

  it('loses a _meta in which nothing else was', () => {
    const result = { resultType: 'complete', _meta: { [SERVER_INFO]: INFO }, x: 1 }
    expect(toLegacyResult('prompts/get', result)).toEqual({ x: 1 })
  })

  it('keeps members of its own that are named like those of a cache', () => {
    const result = { resultType: 'complete', content: [], ttlMs: 5, cacheScope: 'public' }
    expect(toLegacyResult('tools/call', result)).toEqual({
      content: [],
      ttlMs: 5,
      cacheScope: 'public',
    })
  })
})

describe('structured content', () => {
  const call = (result: Record<string, unknown>) =>
    toLegacyResult('tools/call', { resultType: 'complete', ...result })

  it('that is an object stays as it is', () => {
    const result = { content: [{ type: 'text', text: 'x' }], structuredContent: { a: 1 } }
    expect(call(result)).toEqual(result)
  })

  it.each([[[1, 2]], ['text'], [7], [null], [false]])(
    'that is no object is wrapped, and there as text: %j',
    (value) => {
      const expected = {
        content: [{ type: 'text', text: JSON.stringify(value) }],
        structuredContent: { result: value },
      }
      expect(call({ content: [], structuredContent: value })).toEqual(expected)
      expect(call({ structuredContent: value })).toEqual(expected)
    },
  )

  it('that is no object does not add to a text that is there', () => {
    const content = [{ type: 'text', text: 'two' }]
    expect(call({ content, structuredContent: 2 })).toEqual({
      content,
      structuredContent: { result: 2 },
    })
  })

  it('may be all there is; content is then empty', () => {
    expect(call({ structuredContent: { a: 1 } })).toEqual({
      content: [],
      structuredContent: { a: 1 },
    })
  })

  it.each([
    ['of an object stays', { type: 'object', properties: {} }, { type: 'object', properties: {} }],
    [
      'of another type is wrapped',
      { type: 'array', items: { type: 'number' } },
      {
        type: 'object',
        properties: { result: { type: 'array', items: { type: 'number' } } },
        required: ['result'],
      },
    ],
    ['of an open type is dropped', { anyOf: [{ type: 'object' }, { type: 'null' }] }, undefined],
    ['of several types is dropped', { type: ['object', 'null'] }, undefined],
    [
      'that refers into itself is dropped',
      { type: 'array', items: { $ref: '#/$defs/a' }, $defs: { a: {} } },
      undefined,
    ],
  ])('has a schema that old clients take: one %s', (_, outputSchema, expected) => {
    const tool = { name: 't', inputSchema: { type: 'object' }, outputSchema }
    const [legacy] = toLegacyResult('tools/list', { tools: [tool] })['tools'] as object[]
    expect(legacy).toEqual({
      name: 't',
      inputSchema: { type: 'object' },
      ...(expected !== undefined && { outputSchema: expected }),
    })
    expect(isSpecType.Tool(legacy)).toBe(true)
  })
})

describe('what a server says of itself', () => {
  const initialized = {
    protocolVersion: '2025-06-18',
    capabilities: { tools: { listChanged: true }, tasks: { list: {} }, logging: {} },
    serverInfo: INFO,
    instructions: 'be kind',
    _meta: { a: 1 },
  }

  it('to initialize becomes what it says to server/discover', () => {
    const discovered = discoverResult(initialized, CACHE)
    expect(discovered).toEqual({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: { listChanged: true }, logging: {} },
      instructions: 'be kind',
      ...CACHE,
      _meta: { a: 1, [SERVER_INFO]: INFO },
    })
    expect(specTypeSchemas.DiscoverResult['~standard'].validate(discovered)).not.toHaveProperty(
      'issues',
    )
  })

  it.each([
    ['2025-11-25', '2025-11-25'],
    ['2025-06-18', '2025-06-18'],
    ['2025-03-26', '2025-03-26'],
    ['2024-11-05', '2024-11-05'],
    ['2026-07-28', '2025-11-25'],
    ['1999-01-01', '2025-11-25'],
    [undefined, '2025-11-25'],
    ['toString', '2025-11-25'],
  ])('to server/discover becomes the answer to initialize with %s: %s', (asked, version) => {
    const discovered = {
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: {}, extensions: { x: {} } },
      instructions: 'be kind',
      ttlMs: 5,
      cacheScope: 'public',
      vendor: 7,
      _meta: { a: 1, [SERVER_INFO]: INFO },
    }
    const result = initializeResult(discovered, asked, 'weather')
    expect(result).toEqual({
      protocolVersion: version,
      capabilities: { tools: {} },
      serverInfo: INFO,
      instructions: 'be kind',
      vendor: 7,
      _meta: { a: 1 },
    })
    expect(isSpecType.InitializeResult(result)).toBe(true)
  })

  it('need not be more than nothing', () => {
    expect(initializeResult({}, '2025-06-18', 'weather')).toEqual({
      protocolVersion: '2025-06-18',
      capabilities: {},
      serverInfo: { name: 'weather', version: '0' },
    })
    expect(discoverResult({}, CACHE)).toMatchObject({ capabilities: {}, resultType: 'complete' })
  })
})
