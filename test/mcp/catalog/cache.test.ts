import { describe, expect, it } from 'vitest'
import { manualClock } from '../../support/manual-clock.ts'
import {
  ask,
  caller,
  listed,
  listen,
  merged,
  ScriptedView,
  settle,
  tool,
  unreachable,
} from './scripted-view.ts'

const [ANN, BOB] = [caller('ann'), caller('bob')]

/** A server whose list carries the name of who reads it. */
function personal(name: string): ScriptedView {
  const view = new ScriptedView(name)
  view.intercept = ({ request, sink }) => {
    if (request.method !== 'tools/list') return false
    const tools = [tool(`of_${request.caller.key}`)]
    sink.onResult({ resultType: 'complete', tools, ttlMs: 60_000, cacheScope: 'private' })
    return true
  }
  return view
}

describe('the cache of lists', () => {
  it('asks a server once while its list is fresh', async () => {
    const a = new ScriptedView('a', { tools: [tool('x')] })
    const view = merged([a, new ScriptedView('b', { tools: [] })])
    for (let round = 0; round < 3; round++) await listed(view, 'tools/list')
    expect(a.asked('tools/list')).toHaveLength(1)
  })

  it('asks once for all that ask at the same time', async () => {
    const a = new ScriptedView('a', { tools: [tool('x')] })
    const view = merged([a, new ScriptedView('b', { tools: [] })])
    await Promise.all([1, 2, 3, 4].map(async () => listed(view, 'tools/list')))
    expect(a.asked('tools/list')).toHaveLength(1)
  })

  it('asks all servers at once', async () => {
    const views = ['a', 'b', 'c'].map((name) => new ScriptedView(name, { tools: [] }))
    const { answer } = ask(merged(views), 'tools/list')
    expect(views.map((it) => it.calls.length)).toEqual([1, 1, 1])
    await answer
  })

  it('never shows one caller what was read as another', async () => {
    const view = merged([personal('a'), new ScriptedView('b', { tools: [] })])
    const [ann, bob] = await Promise.all([
      listed(view, 'tools/list', {}, ANN),
      listed(view, 'tools/list', {}, BOB),
    ])
    expect([ann, bob]).toEqual([['a_of_ann'], ['a_of_bob']])
    expect(await listed(view, 'tools/list', {}, ANN)).toEqual(['a_of_ann'])
  })

  it('shares what a server calls public', async () => {
    const a = new ScriptedView('a', { tools: [tool('x')], cacheScope: 'public' })
    const view = merged([a, new ScriptedView('b', { tools: [], cacheScope: 'public' })])
    await listed(view, 'tools/list', {}, ANN)
    expect(await listed(view, 'tools/list', {}, BOB)).toEqual(['a_x'])
    expect(a.asked('tools/list')).toHaveLength(1)
  })

  it('does not share what a server calls private from one day to the next', async () => {
    const clock = manualClock()
    const a = personal('a')
    const whoReads = a.intercept
    a.intercept = () => false
    a.script = { tools: [tool('x')], cacheScope: 'public', ttlMs: 10_000 }
    const b = new ScriptedView('b', { tools: [], cacheScope: 'public' })
    const view = merged([a, b], { clock })
    await listed(view, 'tools/list', {}, ANN)
    a.intercept = whoReads
    clock.advance(20_000)
    // Ann finds it old, and Bob comes while it is read anew as Ann.
    const both = [listed(view, 'tools/list', {}, ANN), listed(view, 'tools/list', {}, BOB)]
    expect(await Promise.all(both)).toEqual([['a_x'], ['a_x']])
    await settle()
    expect(await listed(view, 'tools/list', {}, ANN)).toEqual(['a_of_ann'])
    expect(await listed(view, 'tools/list', {}, BOB)).toEqual(['a_of_bob'])
    clock.advance(70_000)
    await listed(view, 'tools/list', {}, BOB)
    await settle()
    expect(await listed(view, 'tools/list', {}, ANN)).toEqual(['a_of_ann'])
  })

  it('waits for its own list when one that was public turns out to be another’s', async () => {
    const a = personal('a')
    const whoReads = a.intercept
    a.intercept = () => false
    a.script = { tools: [tool('x')], cacheScope: 'public' }
    const view = merged([a, new ScriptedView('b', { tools: [] })])
    await listed(view, 'tools/list', {}, ANN)
    await settle()
    a.intercept = whoReads
    a.change('notifications/tools/list_changed')
    const both = [listed(view, 'tools/list', {}, ANN), listed(view, 'tools/list', {}, BOB)]
    expect(await Promise.all(both)).toEqual([['a_of_ann'], ['a_of_bob']])
  })

  it('does not share between callers that can do different things', async () => {
    const a = new ScriptedView('a', { tools: [tool('x')], cacheScope: 'public' })
    const view = merged([a, new ScriptedView('b', { tools: [] })])
    await listed(view, 'tools/list', {}, ANN)
    await listed(view, 'tools/list', {}, caller('ann', { sampling: {} }))
    expect(a.asked('tools/list')).toHaveLength(2)
  })

  it('gives an old list at once and reads it anew behind it', async () => {
    const clock = manualClock()
    const a = new ScriptedView('a', { tools: [tool('old')], ttlMs: 10_000 })
    const view = merged([a, new ScriptedView('b', { tools: [] })], { clock })
    await listed(view, 'tools/list')
    a.script.tools = [tool('new')]
    clock.advance(10_000)
    expect(await listed(view, 'tools/list')).toEqual(['a_old'])
    await settle()
    expect(await listed(view, 'tools/list')).toEqual(['a_new'])
  })

  it('reads a list that is never fresh once a second at most', async () => {
    const clock = manualClock()
    const a = new ScriptedView('a', { tools: [tool('x')], ttlMs: 0 })
    const view = merged([a, new ScriptedView('b', { tools: [] })], { clock })
    for (let round = 0; round < 10; round++) {
      await listed(view, 'tools/list')
      await settle()
    }
    expect(a.asked('tools/list')).toHaveLength(1)
    clock.advance(1_000)
    await listed(view, 'tools/list')
    expect(a.asked('tools/list')).toHaveLength(2)
  })

  it('does not give a list that its server said has changed', async () => {
    const a = new ScriptedView('a', { tools: [tool('old')] })
    const view = merged([a, new ScriptedView('b', { tools: [] })])
    await listed(view, 'tools/list')
    a.script.tools = [tool('new')]
    a.change('notifications/tools/list_changed')
    expect(await listed(view, 'tools/list')).toEqual(['a_new'])
  })

  it('reads again what changed while it was read', async () => {
    const a = new ScriptedView('a', { tools: [tool('new')] })
    const view = merged([a, new ScriptedView('b', { tools: [] })])
    a.intercept = ({ request }) => request.method === 'tools/list'
    const first = listed(view, 'tools/list')
    await settle()
    a.change('notifications/tools/list_changed')
    const old = {
      resultType: 'complete',
      tools: [tool('old')],
      ttlMs: 60_000,
      cacheScope: 'private',
    }
    a.asked('tools/list')[0]?.sink.onResult(old)
    await first
    a.intercept = () => false
    expect(await listed(view, 'tools/list')).toEqual(['a_new'])
  })

  it('reads lists in use anew at the poll interval, and drops those nobody asks for', async () => {
    const clock = manualClock()
    const a = new ScriptedView('a', { tools: [tool('x')], ttlMs: 3_600_000 })
    const view = merged([a], { clock, pollIntervalMs: 80_000, rules: { a: { deny: ['y'] } } })
    await listed(view, 'tools/list')
    clock.advance(100_000)
    await settle()
    expect(a.asked('tools/list')).toHaveLength(2)
    clock.advance(400_000)
    await settle()
    const polled = a.asked('tools/list').length
    expect(a.openListens).toEqual([])
    clock.advance(400_000)
    await settle()
    expect(a.asked('tools/list')).toHaveLength(polled)
  })

  it('keeps an old list for ten minutes when it cannot be read anew', async () => {
    const clock = manualClock()
    const a = new ScriptedView('a', { tools: [tool('x')], ttlMs: 1_000 })
    const view = merged([a, new ScriptedView('b', { tools: [] })], { clock })
    await listed(view, 'tools/list')
    a.intercept = ({ sink }) => {
      sink.onFailure(unreachable())
      return true
    }
    clock.advance(60_000)
    await listed(view, 'tools/list')
    await settle()
    const { result } = await ask(view, 'tools/list').answer
    expect(result).toMatchObject({ tools: [{ name: 'a_x' }], ttlMs: 0 })
    for (let minute = 0; minute < 11; minute++) {
      clock.advance(60_000)
      await listed(view, 'tools/list')
      await settle()
    }
    expect(await listed(view, 'tools/list')).toEqual([])
  })

  it('tells who listens when a list is found to be another', async () => {
    const clock = manualClock()
    const a = new ScriptedView('a', { tools: [tool('x')], ttlMs: 1_000 })
    const view = merged([a, new ScriptedView('b', { tools: [] })], { clock })
    const [ann, bob] = [
      listen(view, { toolsListChanged: true }, ANN),
      listen(view, { toolsListChanged: true }, BOB),
    ]
    await listed(view, 'tools/list')
    await settle()
    a.script.tools = [tool('y')]
    clock.advance(2_000)
    await listed(view, 'tools/list')
    await settle()
    clock.advance(50)
    expect(ann.changes).toEqual([{ method: 'notifications/tools/list_changed' }])
    expect(bob.changes).toEqual([])
  })

  it('is bounded, whoever asks', async () => {
    const a = new ScriptedView('a', { tools: [tool('x')] })
    const view = merged([a, new ScriptedView('b', { tools: [] })])
    for (let at = 0; at < 5_000; at++) await listed(view, 'tools/list', {}, caller(`c${at}`))
    const before = a.asked('tools/list').length
    await listed(view, 'tools/list', {}, caller('c4999'))
    expect(a.asked('tools/list')).toHaveLength(before)
    await listed(view, 'tools/list', {}, caller('c0'))
    expect(a.asked('tools/list')).toHaveLength(before + 1)
  })
})
