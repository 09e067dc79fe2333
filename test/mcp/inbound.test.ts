import { classifyInboundRequest } from '@modelcontextprotocol/server'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/core/index.ts'
import type { MessageHeaders } from '../../src/mcp/header-check.ts'
import { readInbound } from '../../src/mcp/inbound.ts'
import { META } from '../../src/wire/index.ts'

const limits = { maxJsonDepth: 64, maxJsonElements: 1_000 }
const MODERN = '2026-07-28'

function headersOf(fields: Record<string, string | string[]>): MessageHeaders {
  const value = (name: string) => fields[name]
  return {
    header: (name) => [value(name) ?? []].flat().join(', ') || undefined,
    isRepeated: (name) => Array.isArray(value(name)),
  }
}

const read = (fields: Record<string, string | string[]>, message: unknown) =>
  readInbound(headersOf(fields), Buffer.from(JSON.stringify(message)), limits)

const envelope = (version = MODERN) => ({
  [META.protocolVersion]: version,
  [META.clientCapabilities]: {},
})

const modernCall = {
  jsonrpc: '2.0',
  id: 7,
  method: 'tools/call',
  params: { name: 'get_weather', _meta: envelope() },
}
const modernHeaders = {
  'mcp-protocol-version': MODERN,
  'mcp-method': 'tools/call',
  'mcp-name': 'get_weather',
}

describe('a request of the modern era', () => {
  it('is read with the version its body claims', () => {
    expect(read(modernHeaders, modernCall)).toMatchObject({
      era: 'modern',
      kind: 'request',
      method: 'tools/call',
      id: 7,
      version: MODERN,
    })
  })

  it('may give its name as base64', () => {
    const message = { ...modernCall, params: { name: 'wetter_köln', _meta: envelope() } }
    const name = `=?base64?${Buffer.from('wetter_köln').toString('base64')}?=`
    expect(read({ ...modernHeaders, 'mcp-name': name }, message).era).toBe('modern')
  })

  it.each([
    ['no version header', { 'mcp-protocol-version': [] }],
    ['another version in the header', { 'mcp-protocol-version': '2027-01-01' }],
    ['the version header twice', { 'mcp-protocol-version': [MODERN, MODERN] }],
    ['no method header', { 'mcp-method': [] }],
    ['another method in the header', { 'mcp-method': 'tools/list' }],
    ['the method in another case', { 'mcp-method': 'Tools/Call' }],
    ['no name header', { 'mcp-name': [] }],
    ['another name in the header', { 'mcp-name': 'delete_all' }],
    ['the name header twice', { 'mcp-name': ['get_weather', 'get_weather'] }],
    ['malformed base64 in the name header', { 'mcp-name': '=?base64?%%%?=' }],
  ])('is refused as HeaderMismatch, with its id, for %s', (_, change) => {
    const fields = Object.fromEntries(
      Object.entries({ ...modernHeaders, ...change }).filter(([, value]) => value.length > 0),
    )
    expect(() => read(fields, modernCall)).toThrow(
      expect.objectContaining({ code: 'GW_HEADER_MISMATCH', rpcId: 7 }),
    )
  })

  it.each([
    ['no capabilities', { [META.protocolVersion]: MODERN }],
    ['a version that is no string', { ...envelope(), [META.protocolVersion]: 3 }],
  ])('is refused for an envelope with %s', (_, meta) => {
    const message = { ...modernCall, params: { name: 'get_weather', _meta: meta } }
    expect(() => read(modernHeaders, message)).toThrow(
      expect.objectContaining({ code: 'GW_INVALID_ENVELOPE', rpcId: 7 }),
    )
  })

  it('is refused when only the header is modern', () => {
    const message = { jsonrpc: '2.0', id: 'a', method: 'tools/list', params: {} }
    expect(() => read({ 'mcp-protocol-version': MODERN }, message)).toThrow(
      expect.objectContaining({ code: 'GW_INVALID_ENVELOPE', rpcId: 'a' }),
    )
  })
})

describe('a message of the legacy era', () => {
  it.each([
    ['initialize', { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} }, 'request'],
    ['a request', { jsonrpc: '2.0', id: 1, method: 'tools/list' }, 'request'],
    ['a notification', { jsonrpc: '2.0', method: 'notifications/initialized' }, 'notification'],
    ['a response', { jsonrpc: '2.0', id: 1, result: {} }, 'response'],
  ])('is read from %s', (_, message, kind) => {
    expect(read({}, message)).toMatchObject({ era: 'legacy', kind })
    expect(read({ 'mcp-protocol-version': '2025-11-25' }, message)).toMatchObject({
      era: 'legacy',
      version: '2025-11-25',
    })
  })

  it('may be a batch in the one revision that has them', () => {
    const batch = [{ jsonrpc: '2.0', id: 1, method: 'tools/list' }]
    expect(read({}, batch).kind).toBe('batch')
    expect(read({ 'mcp-protocol-version': '2025-03-26' }, batch).kind).toBe('batch')
    expect(() => read({ 'mcp-protocol-version': '2025-06-18' }, batch)).toThrow(GatewayError)
  })

  it.each([
    ['empty', []],
    ['with an item of the modern era', [modernCall]],
    ['with an item that is no message', [{ jsonrpc: '2.0' }]],
  ])('is refused as a batch that is %s', (_, batch) => {
    expect(() => read({}, batch)).toThrow(expect.objectContaining({ code: 'GW_INVALID_MESSAGE' }))
  })
})

describe('next to the reference implementation', () => {
  const bodies = [
    modernCall,
    { ...modernCall, method: 'initialize' },
    { ...modernCall, method: 'initialize', params: { _meta: envelope('2025-11-25') } },
    { ...modernCall, params: { name: 'get_weather', _meta: { [META.protocolVersion]: 1 } } },
    { ...modernCall, params: { name: 'get_weather', _meta: envelope('2099-01-01') } },
    { ...modernCall, params: { name: 'get_weather' } },
    { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25' } },
    { jsonrpc: '2.0', method: 'notifications/cancelled', params: { _meta: envelope() } },
    { jsonrpc: '2.0', method: 'notifications/cancelled' },
    { jsonrpc: '2.0', id: 1, result: {} },
    { jsonrpc: '2.0', id: null, method: 'tools/call' },
    { id: 1 },
    [],
    [{ jsonrpc: '2.0', id: 1, method: 'ping' }],
    [modernCall],
  ]
  const versions = [undefined, '2025-11-25', MODERN, '2099-01-01']
  const methods = [undefined, 'tools/call', 'initialize', 'notifications/cancelled']

  it('tells the same era or refuses with the same code, for every combination', () => {
    let compared = 0
    for (const body of bodies) {
      for (const version of versions) {
        for (const method of methods) {
          const expected = classifyInboundRequest({
            httpMethod: 'POST',
            body,
            ...(version !== undefined && { protocolVersionHeader: version }),
            ...(method !== undefined && { mcpMethodHeader: method }),
          })
          // Its presence checks for headers come in a later step, and versions of batches are not its concern.
          if (Array.isArray(body) && expected.kind === 'legacy') continue
          const fields = {
            ...(version !== undefined && { 'mcp-protocol-version': version }),
            ...(method !== undefined && { 'mcp-method': method }),
            'mcp-name': 'get_weather',
          }
          const got = outcomeOf(() => read(fields, body))
          const wanted = expected.kind === 'reject' ? expected.code : expected.kind
          const isLaterRung = got === -32020 && wanted === 'modern'
          if (isLaterRung && (version === undefined || method === undefined)) continue
          expect(got, JSON.stringify({ body, version, method })).toBe(wanted)
          compared++
        }
      }
    }
    expect(compared).toBeGreaterThan(150)
  })
})

function outcomeOf(act: () => { era: string }): unknown {
  try {
    return act().era
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown
    return thrown.row.rpcCode
  }
}
