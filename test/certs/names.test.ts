import { describe, expect, it } from 'vitest'
import { namesOf, parseSubjectName, placeOf, unique } from '../../src/certs/index.ts'

describe('a name for a certificate', () => {
  it.each([
    ['mcp.example.com', 'dns', 'mcp.example.com'],
    ['mcp.example.com.', 'dns', 'mcp.example.com'],
    ['*.example.com', 'dns', '*.example.com'],
    ['10.0.0.5', 'ip', '10.0.0.5'],
    ['fe80::1', 'ip', 'fe80::1'],
    ['spiffe://example.com/agent', 'uri', 'spiffe://example.com/agent'],
    ['agent@example.com', 'email', 'agent@example.com'],
    ['DNS:localhost', 'dns', 'localhost'],
    ['ip:127.0.0.1', 'ip', '127.0.0.1'],
    ['URI:urn:example:agent', 'uri', 'urn:example:agent'],
    ['email:a@b', 'email', 'a@b'],
    // A scheme, and no word of openssl's in front.
    ['dns://example.com/x', 'uri', 'dns://example.com/x'],
  ])('is told by its looks: %s', (text, kind, value) => {
    expect(parseSubjectName(text)).toEqual({ kind, value })
  })

  it.each([
    '',
    'two words',
    'under_score',
    '-dash',
    '*',
    '300.0.0.1x y',
    '0.0.0.0',
    '::',
    'fe80::1%eth0',
    'IP:localhost',
    'a@b@c',
    'spiffe://exämple',
    'DNS:10.0.0.5 ',
  ])('is refused when it is none: %j', (text) => {
    expect(() => parseSubjectName(text)).toThrow(/expected a name for the certificate .*, got /)
  })

  it('counts once, whatever its case', () => {
    const names = ['a.example', 'A.example', 'b.example', 'a.example'].map(parseSubjectName)
    expect(unique(names).map(({ value }) => value)).toEqual(['a.example', 'b.example'])
  })
})

describe('the names of a place', () => {
  const namesAt = (...[role, name]: [Parameters<typeof placeOf>[1], string?]) => {
    const { names, unfit } = namesOf(placeOf('tree', role, name))
    return { names: names.map(({ kind, value }) => `${kind}:${value}`), unfit }
  }

  it('are those by which it is called', () => {
    expect(namesAt('plugin', 'P')).toEqual({
      names: ['dns:P', 'dns:mcp-plugin-P', 'dns:localhost'],
      unfit: [],
    })
    expect(namesAt('server', '192.0.2.7')).toEqual({
      names: ['ip:192.0.2.7', 'dns:localhost'],
      unfit: [],
    })
    expect(namesAt('server', 'localhost')).toEqual({ names: ['dns:localhost'], unfit: [] })
    expect(namesAt('client', 'agent')).toEqual({ names: ['dns:agent'], unfit: [] })
    expect(namesAt('gateway')).toEqual({ names: ['dns:mcp-gateway'], unfit: [] })
  })

  it('leave out what no certificate can carry', () => {
    expect(namesAt('plugin', 'my plugin')).toEqual({
      names: ['dns:localhost'],
      unfit: ['my plugin', 'mcp-plugin-my plugin'],
    })
    expect(namesAt('client', 'my_client')).toEqual({ names: [], unfit: ['my_client'] })
    // All digits and dots, and no address: a resolver would take it for one.
    expect(namesAt('server', '1.2.3')).toEqual({ names: ['dns:localhost'], unfit: ['1.2.3'] })
  })

  it.each([
    '',
    ' ',
    '.',
    '..',
    '../x',
    'a/b',
    'a\\b',
    'C:x',
    '-x',
    'a\0b',
    'a\u202eb',
    ' a',
    'x'.repeat(65),
  ])('are those of one folder: %j is refused', (name) => {
    expect(() => placeOf('tree', 'plugin', name)).toThrow(/it names a folder of the tree/)
  })
})
