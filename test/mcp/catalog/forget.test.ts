// What a view does with what it keeps for a caller that is gone, and with what it does by itself as that caller.
import { describe, expect, it } from 'vitest'
import { manualClock } from '../../support/manual-clock.ts'
import {
  ask,
  caller,
  listed,
  merged,
  ScriptedView,
  settle,
  tool,
  type ScriptedCall,
} from './scripted-view.ts'

const TOOLS_CHANGED = 'notifications/tools/list_changed'
const [ANN, BOB] = [caller('ann'), caller('bob')]

function pair(cacheScope: 'public' | 'private') {
  const clock = manualClock()
  const script = () => ({ tools: [tool('x')], cacheScope })
  const [a, b] = [new ScriptedView('a', script()), new ScriptedView('b', script())]
  const view = merged([a, b], { clock, pollIntervalMs: 60_000 })
  return { clock, a, b, view }
}

const callersOf = (calls: readonly ScriptedCall[]): string[] =>
  calls.map(({ request }) => request.caller.key)

describe('a view whose caller is gone', () => {
  it('tells all of its servers', async () => {
    const { a, b, view } = pair('private')
    await listed(view, 'tools/list', {}, ANN)
    view.forgetCaller?.('ann')
    expect([a.forgotten, b.forgotten]).toEqual([['ann'], ['ann']])
  })

  it.each(['private', 'public'] as const)(
    'asks and listens for nothing more as that caller (%s lists)',
    async (cacheScope) => {
      const { clock, a, view } = pair(cacheScope)
      await listed(view, 'tools/list', {}, ANN)
      expect(a.openListens.map(({ request }) => request.caller.key)).toEqual(['ann'])
      view.forgetCaller?.('ann')
      expect(a.openListens).toEqual([])
      const before = a.calls.length
      clock.advance(100_000)
      await settle()
      expect(callersOf(a.calls.slice(before))).toEqual([])
      expect(a.openListens).toEqual([])
    },
  )

  it.each([0, 1])(
    'goes on with nothing that was begun for it (server %i is slow)',
    async (slow) => {
      const [a, b] = ['a', 'b'].map(
        (name) => new ScriptedView(name, { resources: [], templates: [] }),
      )
      const views = [a, b].filter((it) => it !== undefined)
      const view = merged(views)
      const held = views[slow]
      if (held !== undefined) held.intercept = () => true
      const { call } = ask(view, 'resources/read', { uri: 'x://1' }, ANN)
      await settle()
      const before = views.map((it) => it.calls.length)
      expect(before).toEqual([2, 2])
      call.cancel()
      view.forgetCaller?.('ann')
      await settle()
      expect(views.map((it) => it.calls.length)).toEqual(before)
      expect(held?.calls.every((it) => it.isCancelled)).toBe(true)
    },
  )

  it('drops what it alone could see, and keeps what others see', async () => {
    const { a, view } = pair('private')
    await listed(view, 'tools/list', {}, ANN)
    await listed(view, 'tools/list', {}, BOB)
    view.forgetCaller?.('ann')
    await listed(view, 'tools/list', {}, BOB)
    expect(callersOf(a.asked('tools/list'))).toEqual(['ann', 'bob'])
    await listed(view, 'tools/list', {}, ANN)
    expect(callersOf(a.asked('tools/list'))).toEqual(['ann', 'bob', 'ann'])
  })

  it('keeps a list that is everybody’s', async () => {
    const { a, view } = pair('public')
    await listed(view, 'tools/list', {}, ANN)
    view.forgetCaller?.('ann')
    expect(await listed(view, 'tools/list', {}, BOB)).toEqual(['a_x', 'b_x'])
    expect(a.asked('tools/list')).toHaveLength(1)
  })

  it('hears of changes as another caller, who may have missed some meanwhile', async () => {
    const { a, view } = pair('public')
    await listed(view, 'tools/list', {}, ANN)
    await listed(view, 'tools/list', {}, BOB)
    view.forgetCaller?.('ann')
    a.script.tools = [tool('y')]
    await settle()
    expect(a.openListens.map(({ request }) => request.caller.key)).toEqual(['bob'])
    expect(await listed(view, 'tools/list', {}, BOB)).toEqual(['a_y', 'b_x'])
    a.script.tools = [tool('z')]
    a.change(TOOLS_CHANGED)
    expect(await listed(view, 'tools/list', {}, BOB)).toEqual(['a_z', 'b_x'])
  })

  it('hears of changes as whoever asks next, when there is nobody else', async () => {
    const { a, view } = pair('public')
    await listed(view, 'tools/list', {}, ANN)
    view.forgetCaller?.('ann')
    a.script.tools = [tool('y')]
    await listed(view, 'tools/list', {}, BOB)
    expect(a.openListens.map(({ request }) => request.caller.key)).toEqual(['bob'])
    await settle()
    expect(await listed(view, 'tools/list', {}, BOB)).toEqual(['a_y', 'b_x'])
  })

  it('reads the list as another caller who waits for the same one', async () => {
    const { clock, a, view } = pair('public')
    await listed(view, 'tools/list', {}, ANN)
    a.change(TOOLS_CHANGED)
    const held: ScriptedCall[] = []
    a.intercept = (call) => held.push(call) > 0
    clock.advance(2_000)
    const lists = [ANN, BOB].map((who) => ask(view, 'tools/list', {}, who).answer)
    await settle()
    expect(callersOf(held)).toEqual(['ann'])
    a.intercept = () => false
    a.script.tools = [tool('y')]
    view.forgetCaller?.('ann')
    expect(held[0]?.isCancelled).toBe(true)
    const [, ofBob] = await Promise.all(lists)
    expect(ofBob?.result).toMatchObject({ tools: [{ name: 'a_y' }, { name: 'b_x' }] })
    expect(callersOf(a.asked('tools/list'))).toEqual(['ann', 'ann', 'bob'])
  })
})
