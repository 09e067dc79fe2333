import { describe, expect, it } from 'vitest'
import { outgoingRequest } from '../../../../src/mcp/back/modern/outgoing.ts'

const request = (method: string, params = {}) =>
  outgoingRequest({
    id: 7,
    method,
    params,
    headers: ['x-a', '1'],
    caller: { key: 'k', clientInfo: undefined, capabilities: {} },
    logLevel: undefined,
    paramHeaders: ['Mcp-Param-B', '2'],
  })

describe('a request', () => {
  it('may stay open for hours when it is a subscription, and else not', () => {
    expect(request('subscriptions/listen').longLived).toBe(true)
    expect(request('tools/call').longLived).toBe(false)
  })

  it('is the same in its bytes and to transports that read it', () => {
    const { body, inbound } = request('tools/call', { name: 'x' })
    expect(JSON.parse(String(body))).toEqual(inbound?.message)
    expect(inbound).toMatchObject({ era: 'modern', kind: 'request', method: 'tools/call', id: 7 })
  })

  it.each([
    ['tools/call', { name: 'a' }, 'a'],
    ['prompts/get', { name: 'b' }, 'b'],
    ['resources/read', { uri: 'c:d' }, 'c:d'],
    ['tasks/get', { taskId: 'e' }, 'e'],
    ['tools/call', { name: 7 }, undefined],
    ['tools/list', { name: 'a' }, undefined],
    ['completion/complete', { name: 'a' }, undefined],
  ])('to %s with %j has the name %s', (method, params, expected) => {
    const { headers } = request(method, params)
    const at = headers.indexOf('mcp-name')
    expect(at < 0 ? undefined : headers[at + 1]).toBe(expected)
    expect([headers.slice(0, 2), headers.slice(-2)]).toEqual([
      ['x-a', '1'],
      ['Mcp-Param-B', '2'],
    ])
  })
})
