import { describe, expect, it } from 'vitest'
import { MISSING_SERVERS } from '../../../src/mcp/catalog/answers.ts'
import { META } from '../../../src/wire/index.ts'
import { ask, merged, ScriptedView, unreachable } from './scripted-view.ts'

describe('server/discover', () => {
  it('says what the servers can do together', async () => {
    const a = new ScriptedView('a', {
      capabilities: { tools: {}, resources: { subscribe: true }, extensions: { e: { x: 1 } } },
      instructions: 'Use a.',
      ttlMs: 90_000,
    })
    const b = new ScriptedView('b', {
      capabilities: {
        tools: { other: 1 },
        resources: { subscribe: false },
        completions: {},
        extensions: { e: { y: 2 } },
      },
    })
    const c = new ScriptedView('c', { instructions: 'Use c.' })
    expect((await ask(merged([a, b, c]), 'server/discover').answer).result).toEqual({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: {
        tools: { other: 1, listChanged: true },
        resources: { subscribe: true, listChanged: true },
        completions: {},
        extensions: { e: { x: 1, y: 2 } },
      },
      instructions: '# a\n\nUse a.\n\n# c\n\nUse c.',
      ttlMs: expect.toSatisfy((ttlMs: number) => ttlMs <= 60_000 && ttlMs > 59_000),
      cacheScope: 'private',
      _meta: { [META.serverInfo]: { name: 'sallyport', version: '0.0.0' } },
    })
  })

  it('does without a server that cannot be asked, and says so', async () => {
    const b = new ScriptedView('b')
    b.intercept = ({ sink }) => {
      sink.onFailure(unreachable())
      return true
    }
    const view = merged([new ScriptedView('a', { capabilities: { tools: {} } }), b])
    const { result } = await ask(view, 'server/discover').answer
    expect(result).toMatchObject({
      capabilities: { tools: {} },
      ttlMs: 0,
      _meta: { [MISSING_SERVERS]: ['b'] },
    })
  })

  it('fails when no server can be asked', async () => {
    const a = new ScriptedView('a')
    a.intercept = ({ sink }) => {
      sink.onFailure(unreachable())
      return true
    }
    expect((await ask(merged([a]), 'server/discover').answer).failure?.code).toBe(
      'GW_UPSTREAM_UNREACHABLE',
    )
  })

  it('is one server’s own word where there is one', async () => {
    const a = new ScriptedView('a', { capabilities: { tools: {} }, instructions: 'Use a.' })
    const { result } = await ask(merged([a]), 'server/discover').answer
    expect(result).toMatchObject({ capabilities: { tools: {} }, instructions: 'Use a.' })
  })

  it('takes nothing over from a capability by a dangerous name', async () => {
    const odd = JSON.parse('{"__proto__": {"polluted": true}, "tools": {}}') as object
    const views = ['a', 'b'].map((name) => new ScriptedView(name, { capabilities: { ...odd } }))
    const { result } = await ask(merged(views), 'server/discover').answer
    const capabilities = result?.['capabilities'] as { polluted?: boolean } | undefined
    expect(capabilities?.polluted).toBeUndefined()
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })
})
