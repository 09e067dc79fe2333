import { describe, expect, it } from 'vitest'
import { messageKind, readBody, wholeOf } from '../../src/wire/index.ts'

const limits = { maxJsonDepth: 8, maxJsonElements: 40 }
const read = (text: string | Buffer) => readBody(Buffer.from(text), limits)

describe('readBody', () => {
  it.each([
    ['text that is not JSON', '{"a":', 'GW_PARSE_ERROR'],
    ['an empty body', '', 'GW_PARSE_ERROR'],
    ['a byte order mark', '\ufeff{}', 'GW_PARSE_ERROR'],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'GW_PARSE_ERROR'],
    ['nesting beyond the limit', '['.repeat(9) + ']'.repeat(9), 'GW_PARSE_ERROR'],
    ['values beyond the limit', `[${'1,'.repeat(60)}1]`, 'GW_PARSE_ERROR'],
    ['a bare string', '"x"', 'GW_INVALID_MESSAGE'],
    ['null', 'null', 'GW_INVALID_MESSAGE'],
    ['a method given twice', '{"method":"a","method":"b"}', 'GW_INVALID_MESSAGE'],
    ['a name given twice', '{"params":{"name":"a","n\\u0061me":"b"}}', 'GW_INVALID_MESSAGE'],
    ['_meta given twice', '{"params":{"_meta":{},"_meta":{}}}', 'GW_INVALID_MESSAGE'],
    ['a key of _meta given twice', '{"params":{"_meta":{"a":1,"a":2}}}', 'GW_INVALID_MESSAGE'],
    ['params given twice', '{"params":{"name":"a"},"params":{"name":"b"}}', 'GW_INVALID_MESSAGE'],
  ])('refuses %s', (_, text, code) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code }))
  })

  it('lets a duplicate pass where no decision hangs on it: the server gets the original bytes', () => {
    const body = '{"params":{"arguments":{"a":1,"a":2}}}'
    expect(read(body)).toEqual({ outline: { params: {} }, whole: undefined })
    expect(wholeOf(Buffer.from(body))).toEqual({ params: { arguments: { a: 2 } } })
  })

  it('keeps a member named __proto__ a plain member', () => {
    const body = '{"__proto__":1,"params":{"__proto__":{"name":"a"}}}'
    const { outline } = read(body)
    expect(outline).toEqual({ params: {} })
    expect(Object.getPrototypeOf(outline)).toBe(Object.prototype)
    expect(Object.keys(wholeOf(Buffer.from(body)))).toEqual(['__proto__', 'params'])
  })

  it('reads the long way what the short way leaves to it', () => {
    const { outline, whole } = read('{"m\\u0065thod":"ping","params":{"x":[1]}}')
    expect(outline).toEqual({ method: 'ping', params: { x: [1] } })
    expect(whole).toBe(outline)
  })

  it('never quotes the body in its error', () => {
    expect(() => read('{"secret-token')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    )
  })
})

describe('messageKind', () => {
  it.each([
    [{ jsonrpc: '2.0', id: 1, method: 'a' }, 'request'],
    [{ jsonrpc: '2.0', id: 'x', method: 'a', params: {} }, 'request'],
    [{ jsonrpc: '2.0', id: 0, method: 'a' }, 'request'],
    [{ jsonrpc: '2.0', method: 'a' }, 'notification'],
    [{ jsonrpc: '2.0', id: 1, result: {} }, 'response'],
    [{ jsonrpc: '2.0', id: 1, error: { code: 1, message: '' } }, 'response'],
    [{ jsonrpc: '2.0', id: null, error: { code: 1, message: '' } }, 'response'],
    [{ jsonrpc: '2.0', id: null, method: 'a' }, undefined],
    [{ jsonrpc: '2.0', id: 1.5, method: 'a' }, undefined],
    [{ jsonrpc: '2.0', id: 1, method: 7 }, undefined],
    [{ jsonrpc: '2.0', id: 1, method: 'a', params: [] }, undefined],
    [{ jsonrpc: '2.0', id: 1, result: {}, error: {} }, undefined],
    [{ jsonrpc: '2.0', id: 1 }, undefined],
    [{ jsonrpc: '1.0', id: 1, method: 'a' }, undefined],
    [{ id: 1, method: 'a' }, undefined],
  ])('reads %j as %s', (message, kind) => {
    expect(messageKind(message)).toBe(kind)
  })
})
