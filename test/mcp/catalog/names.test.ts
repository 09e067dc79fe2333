import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createNameTable } from '../../../src/mcp/catalog/name-table.ts'
import { PrefixCode } from '../../../src/mcp/catalog/names.ts'

const serverName = fc.string({
  unit: fc.constantFrom('a', 'b', '_'),
  minLength: 1,
  maxLength: 4,
})
const servers = fc.uniqueArray(serverName, { minLength: 1, maxLength: 5 })
const local = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', '_', '.'), maxLength: 6 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
)

describe('PrefixCode', () => {
  it('puts the server’s name before the tool’s', () => {
    expect(new PrefixCode(['weather', 'files']).encode('weather', 'get')).toBe('weather_get')
  })

  it('finds each tool by its name, however the names run into each other', () => {
    fc.assert(
      fc.property(servers, local, (names, tool) => {
        const code = new PrefixCode(names)
        for (const server of names) {
          expect(code.decode(code.encode(server, tool))).toEqual({ server, local: tool })
        }
      }),
      { numRuns: 20_000 },
    )
  })

  it('has one name per tool: no other text leads to it', () => {
    fc.assert(
      fc.property(servers, local, (names, text) => {
        const code = new PrefixCode(names)
        const found = code.decode(text)
        const name = found === undefined ? text : code.encode(found.server, found.local)
        expect(name).toBe(text)
      }),
      { numRuns: 20_000 },
    )
  })

  it('keeps a tool of the server with the shorter name apart from those of the longer', () => {
    const code = new PrefixCode(['a', 'a_b'])
    expect(code.encode('a_b', 'c')).toBe('a_b_c')
    expect(code.encode('a', 'b_c')).toBe('a.b_c')
    expect(code.decode('a.x')).toBeUndefined()
  })

  it('keeps a tool apart whose name looks like another’s with a dot', () => {
    const code = new PrefixCode(['b', 'b_', 'b__b'])
    expect(code.encode('b_', 'b_')).toBe('b_.b_')
    expect(code.encode('b', '.b_')).toBe('b..b_')
    expect(code.decode('b_.b_')).toEqual({ server: 'b_', local: 'b_' })
    expect(code.decode('b..b_')).toEqual({ server: 'b', local: '.b_' })
  })

  it.each([[['a', 'a']], [['a.b']]])('refuses servers that cannot be told apart: %s', (names) => {
    expect(() => new PrefixCode(names)).toThrow(TypeError)
  })
})

describe('prefix_on_conflict', () => {
  const code = new PrefixCode(['a', 'b', 'c'])
  const table = (offers: Record<string, readonly string[] | undefined>) =>
    createNameTable(
      'prefix_on_conflict',
      code,
      ['a', 'b', 'c'].map((server) => ({
        server,
        locals: offers[server] && new Set(offers[server]),
      })),
    )

  it('leaves a name alone that one server has', () => {
    const names = table({ a: ['x'], b: ['y'], c: [] })
    expect(names.nameOf('a', 'x')).toBe('x')
    expect(names.find('x')).toEqual({ server: 'a', local: 'x' })
  })

  it('gives all sides of a conflict the prefix, and the plain name to none', () => {
    const names = table({ a: ['x'], b: ['x'], c: [] })
    expect([names.nameOf('a', 'x'), names.nameOf('b', 'x')]).toEqual(['a_x', 'b_x'])
    expect(names.find('x')).toBeUndefined()
    expect(names.find('b_x')).toEqual({ server: 'b', local: 'x' })
  })

  it('finds a tool by the form of its name that is not listed', () => {
    const names = table({ a: ['x'], b: [], c: [] })
    expect(names.find('a_x')).toEqual({ server: 'a', local: 'x' })
  })

  it('takes a plain name for no other server’s prefixed one', () => {
    const names = table({ a: ['x'], b: ['x'], c: ['a_x'] })
    expect(names.nameOf('c', 'a_x')).toBe('c_a_x')
    expect(names.find('a_x')).toEqual({ server: 'a', local: 'x' })
    expect(names.find('c_a_x')).toEqual({ server: 'c', local: 'a_x' })
  })

  it('leaves a name alone that begins with its own server’s', () => {
    const names = table({ a: ['a_x'], b: [], c: [] })
    expect(names.nameOf('a', 'a_x')).toBe('a_x')
    expect(names.find('a_x')).toEqual({ server: 'a', local: 'a_x' })
  })

  it('takes a prefixed name for that server’s while it is not known', () => {
    const names = table({ a: undefined, b: [], c: ['a_x'] })
    expect(names.find('a_x')).toEqual({ server: 'a', local: 'x' })
  })

  it('gives every tool a name of its own that leads back to it', () => {
    const offer = fc.uniqueArray(
      fc.string({ unit: fc.constantFrom('a', 'b', '_', '.'), minLength: 1, maxLength: 5 }),
      { maxLength: 6 },
    )
    const offered = fc.uniqueArray(fc.tuple(serverName, offer), {
      selector: ([server]) => server,
      maxLength: 4,
    })
    fc.assert(
      fc.property(offered, (all) => {
        const names = createNameTable(
          'prefix_on_conflict',
          new PrefixCode(all.map(([server]) => server)),
          all.map(([server, locals]) => ({ server, locals: new Set(locals) })),
        )
        const seen = new Set<string>()
        for (const [server, locals] of all) {
          for (const tool of locals) {
            const name = names.nameOf(server, tool) as string
            expect(names.find(name)).toEqual({ server, local: tool })
            expect(seen.has(name)).toBe(false)
            seen.add(name)
          }
        }
      }),
      { numRuns: 10_000 },
    )
  })
})

describe('keep', () => {
  it('leaves out what a server before has, and says whose', () => {
    const names = createNameTable('keep', new PrefixCode(['a', 'b']), [
      { server: 'a', locals: new Set(['x']) },
      { server: 'b', locals: new Set(['x', 'y']) },
    ])
    expect(names.nameOf('b', 'x')).toBeUndefined()
    expect(names.find('x')).toEqual({ server: 'a', local: 'x' })
    expect(names.find('y')).toEqual({ server: 'b', local: 'y' })
    expect(names.conflicts).toEqual([{ server: 'b', local: 'x', heldBy: 'a' }])
  })
})
