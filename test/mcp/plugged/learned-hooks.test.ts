import { describe, expect, it } from 'vitest'
import { createPluggedView } from '../../../src/mcp/index.ts'
import type { HookName } from '../../../src/plugins/index.ts'
import type { JsonObject } from '../../../src/wire/index.ts'
import { chainOf, PASS, plugin, toolResult } from '../../plugins/chain-of.ts'
import { ask, begin } from '../back/modern/view-of.ts'
import { ScriptedView, textResult } from '../front/scripted-view.ts'

const CONTEXT = { route: '/weather', servers: 'weather' }

const CALLS = {
  'tools/call': () => textResult('rain'),
  'prompts/get': () => ({ messages: [] }),
  'resources/read': () => ({ contents: [], ttlMs: 5, cacheScope: 'private' }),
}

describe('a call past a plugin that says its hooks itself', () => {
  const METHODS = [
    ['tools/call', { name: 'forecast' }, 'tool_post_invoke'],
    ['prompts/get', { name: 'greet' }, 'prompt_post_fetch'],
    ['resources/read', { uri: 'file:///a' }, 'resource_post_fetch'],
  ] as const

  const guarded = (named: readonly HookName[]) => {
    const guard = plugin('guard', PASS, { hooks: undefined }, named)
    const inner = new ScriptedView(CALLS)
    return { guard, inner, view: createPluggedView(inner, chainOf([guard]).chain, CONTEXT) }
  }

  it.each(METHODS)('%s waits for what it says, even if it names none for it', async (...row) => {
    const [method, params] = row
    const said = Promise.withResolvers<JsonObject>()
    const { options } = plugin('guard', PASS, { hooks: undefined })
    const { chain } = chainOf([{ options, ask: () => said.promise }])
    const inner = new ScriptedView(CALLS)
    const { heard } = begin(createPluggedView(inner, chain, CONTEXT), method, params)
    await new Promise(setImmediate)
    expect(inner.calls).toEqual([])
    const other = method === 'tools/call' ? 'prompt_pre_fetch' : 'tool_pre_invoke'
    said.resolve(toolResult({ hooks: [other] }))
    await expect.poll(() => heard.results).toHaveLength(1)
  })

  it.each(METHODS)('%s is shown with its result alone where it says so', async (...row) => {
    const [method, params, post] = row
    const { guard, view } = guarded([post])
    for (let count = 0; count < 2; count++) {
      expect((await ask(view, method, params)).results).toHaveLength(1)
    }
    expect(guard.asked.map(({ hook }) => hook)).toEqual([post, post])
  })

  it('does not reach its server when it says none', async () => {
    const { inner, view } = guarded([])
    for (const [method, params] of METHODS) {
      const { failures } = await ask(view, method, params)
      expect(failures.map(({ code }) => code)).toEqual(['GW_PLUGIN_FAILED'])
    }
    expect(inner.calls).toEqual([])
  })

  it('waits for nothing with a method that has no hooks', async () => {
    const { inner, view } = guarded([])
    await ask(view, 'tools/list')
    expect(inner.calls).toHaveLength(1)
  })
})
