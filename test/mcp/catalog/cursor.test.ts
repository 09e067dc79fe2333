import { describe, expect, it } from 'vitest'
import { CURSOR_LIFE_MS, CursorCodec } from '../../../src/mcp/catalog/cursor.ts'
import { Seal } from '../../../src/mcp/seal.ts'

const codec = new CursorCodec(new Seal(['one secret of the test, long enough'], 'test'))
const scope = { view: '/all', method: 'tools/list', callerKey: 'ann' }
const position = { done: ['a'], partial: { server: 'b', lastKey: 'ü_\n"x', count: 7 } }

describe('a cursor', () => {
  it('says where the list goes on', () => {
    expect(codec.read(codec.write(position, scope, 1_000), scope, 2_000)).toEqual(position)
    const between = { done: ['a', 'b'], partial: undefined }
    expect(codec.read(codec.write(between, scope, 1_000), scope, 2_000)).toEqual(between)
  })

  it.each([
    ['caller', { ...scope, callerKey: 'bob' }],
    ['list', { ...scope, method: 'prompts/list' }],
    ['view', { ...scope, view: '/other' }],
    ['scope that only reads alike', { ...scope, view: '/all","tools/list', method: '' }],
  ])('does not open for another %s', (_, other) => {
    expect(codec.read(codec.write(position, scope, 1_000), other, 2_000)).toBeUndefined()
  })

  it('does not open when it is too old', () => {
    const cursor = codec.write(position, scope, 1_000)
    expect(codec.read(cursor, scope, 1_000 + CURSOR_LIFE_MS)).toBeDefined()
    expect(codec.read(cursor, scope, 1_001 + CURSOR_LIFE_MS)).toBeUndefined()
  })

  it('does not open when another key sealed it', () => {
    const other = new CursorCodec(new Seal(['another secret of the test, as long'], 'test'))
    expect(codec.read(other.write(position, scope, 1_000), scope, 2_000)).toBeUndefined()
  })

  it('does not open when a character of it is another', () => {
    const cursor = codec.write(position, scope, 1_000)
    for (let at = 0; at < cursor.length; at++) {
      const changed = cursor.slice(0, at) + (cursor[at] === 'A' ? 'B' : 'A') + cursor.slice(at + 1)
      expect(codec.read(changed, scope, 2_000)).toBeUndefined()
    }
  })

  it.each([[undefined], [7], [''], ['0'], [{}], ['x'.repeat(100_000)]])('is not %j', (thing) => {
    expect(codec.read(thing, scope, 2_000)).toBeUndefined()
  })
})
