// What looks into the arguments of a request sees them, whether they were parsed or left as bytes because they are large.
import { describe, expect, it } from 'vitest'
import { digestOf } from '../../../../src/mcp/back/legacy/request-state.ts'
import {
  checkParamHeaders,
  decodeBody,
  encodeJson,
  type JsonObject,
  paramHeaders,
  RawValue,
} from '../../../../src/wire/index.ts'

const FILLER = 'x'.repeat(10_000)

/** Of a message so large that its arguments stay bytes. */
function paramsOf(args: string): JsonObject {
  const body = `{"params":{"name":"n","arguments":${args}}}`
  const { params } = decodeBody(Buffer.from(body)) as { params: JsonObject }
  expect(params['arguments']).toBeInstanceOf(RawValue)
  return params
}

describe('a request with large arguments', () => {
  it('has the digest of what it asks, in any order of members', () => {
    const plain = { name: 'n', arguments: { a: 1, text: FILLER } }
    const digest = digestOf('tools/call', plain)
    expect(digestOf('tools/call', paramsOf(`{"a":1,"text":"${FILLER}"}`))).toBe(digest)
    expect(digestOf('tools/call', paramsOf(`{"text":"${FILLER}", "a":1}`))).toBe(digest)
    expect(digestOf('tools/call', paramsOf(`{"a":2,"text":"${FILLER}"}`))).not.toBe(digest)
  })

  it('has the headers of its arguments, and is sent as it was compared with them', () => {
    const declared = [{ name: 'City', path: ['city'], type: 'string' }] as const
    const params = paramsOf(`{"city":"Ulm","city":"Bonn","text":"${FILLER}"}`)
    expect(paramHeaders(declared, params['arguments'])).toEqual(['Mcp-Param-City', 'Bonn'])
    const fields = { header: () => 'Ulm', isRepeated: () => false }
    const mismatch = { name: 'Mcp-Param-City', header: 'Ulm', body: 'Bonn' }
    expect(checkParamHeaders(declared, params['arguments'], fields)).toEqual(mismatch)
    const sent = String(encodeJson(() => JSON.stringify(params)).bytes())
    expect(sent).not.toContain('Ulm')
  })
})
