// The JSON-RPC error that clients get: what it tells, and what it keeps to itself.
import { describe, expect, it } from 'vitest'
import { GatewayError, renderErrorBody, renderErrorJson } from '../../src/core/index.ts'

const parse = (text: string): unknown => JSON.parse(text)

describe('the body of an error', () => {
  it('describes a fault of the client in full', () => {
    const error = new GatewayError('GW_BAD_FRAMING', 'Host: expected, got none')
    expect(parse(renderErrorJson(error, { requestId: 'r-1' }))).toEqual({
      jsonrpc: '2.0',
      error: {
        code: -32600,
        message: 'Host: expected, got none',
        data: { code: 'GW_BAD_FRAMING', requestId: 'r-1' },
      },
    })
  })

  it.each(['GW_UPSTREAM_UNREACHABLE', 'GW_INTERNAL'] as const)(
    'tells of %s only what the table says',
    (code) => {
      const cause = new Error('connect ECONNREFUSED 10.0.0.7:80')
      const error = new GatewayError(code, 'endpoint http://10.0.0.7/mcp: secret', { cause })
      const text = renderErrorJson(error, { requestId: 'r-1' })
      expect(text).not.toMatch(/10\.0\.0\.7|secret|stack/)
      expect(parse(text)).toMatchObject({ error: { message: error.row.meaning } })
    },
  )

  it.each([
    ['the call', {}, 0, 0],
    ['the error', { rpcId: 'of-error' }, undefined, 'of-error'],
    ['the call before the error', { rpcId: 'of-error' }, 'of-call', 'of-call'],
  ])('has the id of %s', (_, options, rpcId, expected) => {
    const error = new GatewayError('GW_PARSE_ERROR', 'expected JSON', options)
    expect(parse(renderErrorJson(error, { requestId: 'r-1', rpcId }))).toMatchObject({
      id: expected,
    })
  })

  it('has no id member when none is known', () => {
    const error = new GatewayError('GW_PARSE_ERROR', 'expected JSON')
    expect(parse(renderErrorJson(error, { requestId: 'r-1' }))).not.toHaveProperty('id')
  })

  it('carries the data of the error, which cannot hide the code', () => {
    const data = { supported: ['2025-11-25'], code: 'GW_FORGED', requestId: 'forged' }
    const error = new GatewayError('GW_UNSUPPORTED_VERSION', 'unsupported', { data })
    expect(parse(renderErrorJson(error, { requestId: 'r-1' }))).toMatchObject({
      error: {
        data: { supported: ['2025-11-25'], code: 'GW_UNSUPPORTED_VERSION', requestId: 'r-1' },
      },
    })
  })

  it('is the same text as bytes', () => {
    const error = new GatewayError('GW_NO_ROUTE', 'grüße')
    const context = { requestId: 'r-1' }
    expect(renderErrorBody(error, context)).toEqual(Buffer.from(renderErrorJson(error, context)))
  })
})
