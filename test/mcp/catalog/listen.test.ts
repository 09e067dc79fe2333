import { describe, expect, it } from 'vitest'
import { manualClock } from '../../support/manual-clock.ts'
import {
  ask,
  caller,
  listed,
  listen,
  merged,
  resource,
  ScriptedView,
  settle,
  tool,
  unreachable,
} from './scripted-view.ts'

const TOOLS_CHANGED = 'notifications/tools/list_changed'
const UPDATED = 'notifications/resources/updated'
const updated = (uri: string) => ({ method: UPDATED, params: { uri } })

function pair() {
  const clock = manualClock()
  const script = { resources: [resource('x://1'), resource('x://2')], tools: [tool('x')] }
  const [a, b] = [new ScriptedView('a', script), new ScriptedView('b', script)]
  return { clock, a, b, view: merged([a, b], { clock }) }
}

describe('a subscription', () => {
  it('is acknowledged once, with what the servers honour together', async () => {
    const { a, b, view } = pair()
    a.honour = () => ({ toolsListChanged: true })
    b.honour = ({ resourceSubscriptions = [] }) => ({
      promptsListChanged: true,
      resourceSubscriptions,
    })
    const heard = listen(view, {
      toolsListChanged: true,
      promptsListChanged: true,
      resourcesListChanged: true,
      resourceSubscriptions: ['x://1', 'sallyport://b/x://1', 'x://unknown'],
    })
    await settle()
    expect(heard.acknowledged).toEqual([
      {
        toolsListChanged: true,
        promptsListChanged: true,
        resourceSubscriptions: ['sallyport://b/x://1'],
      },
    ])
    expect(a.openListens.at(-1)?.request.filter.resourceSubscriptions).toEqual(['x://1'])
  })

  it('goes only to the servers that it concerns', async () => {
    const { a, b, view } = pair()
    await Promise.all(
      ['resources/list', 'resources/templates/list'].map(async (it) => ask(view, it).answer),
    )
    const before = [a, b].map((it) => it.listens.length)
    listen(view, { resourceSubscriptions: ['sallyport://b/x://2'] })
    await settle()
    expect([a, b].map((it) => it.listens.length)).toEqual([before[0], (before[1] ?? 0) + 1])
  })

  it('does not wait for a server longer than the timeout, and still hears of it later', async () => {
    const { clock, a, b, view } = pair()
    b.honour = undefined
    const heard = listen(view, { toolsListChanged: true })
    await settle()
    expect(heard.acknowledged).toEqual([])
    clock.advance(5_000)
    expect(heard.acknowledged).toEqual([{ toolsListChanged: true }])
    for (const it of b.openListens) b.acknowledge(it, it.request.filter)
    b.change(TOOLS_CHANGED)
    clock.advance(50)
    expect(heard.changes).toEqual([{ method: TOOLS_CHANGED }])
    expect(heard.acknowledged).toHaveLength(1)
    expect(a.openListens).toHaveLength(1)
  })

  it('hears once of a burst of the same change', async () => {
    const { clock, a, b, view } = pair()
    const heard = listen(view, { toolsListChanged: true })
    await settle()
    for (const server of [a, b, a, b]) server.change(TOOLS_CHANGED)
    clock.advance(50)
    expect(heard.changes).toEqual([{ method: TOOLS_CHANGED }])
    a.change(TOOLS_CHANGED)
    clock.advance(50)
    expect(heard.changes).toHaveLength(2)
  })

  it('hears of resources by the URIs that it named', async () => {
    const { a, b, view } = pair()
    const heard = listen(view, { resourceSubscriptions: ['x://1', 'sallyport://b/x://1'] })
    await settle()
    a.change(UPDATED, { uri: 'x://1' })
    b.change(UPDATED, { uri: 'x://1' })
    b.change(UPDATED, { uri: 'x://2' })
    b.change(UPDATED, { uri: 'x://1/part' })
    expect(heard.changes).toEqual([
      updated('x://1'),
      updated('sallyport://b/x://1'),
      updated('x://1/part'),
    ])
  })

  it('hears of a resource by the wrapped URI, if it named it so without need', async () => {
    const { a, view } = pair()
    const heard = listen(view, { resourceSubscriptions: ['sallyport://a/x://1'] })
    await listed(view, 'resources/list')
    await settle()
    a.change(UPDATED, { uri: 'x://1' })
    expect(heard.changes).toEqual([updated('sallyport://a/x://1')])
  })

  it('hears nothing before it is acknowledged, and then all of it', async () => {
    const { clock, a, b, view } = pair()
    b.honour = undefined
    const heard = listen(view, {
      toolsListChanged: true,
      resourceSubscriptions: ['sallyport://a/x://1'],
    })
    await settle()
    a.change(TOOLS_CHANGED)
    a.change(UPDATED, { uri: 'x://1' })
    clock.advance(1_000)
    expect(heard.changes).toEqual([])
    for (const it of b.openListens) b.acknowledge(it, it.request.filter)
    expect(heard.changes).toEqual([updated('sallyport://a/x://1'), { method: TOOLS_CHANGED }])
  })

  it('hears of tasks by the ids that it named', async () => {
    const { a, b, view } = pair()
    const heard = listen(view, { taskIds: ['b:t1', 'c:t2', 'odd'] })
    await settle()
    expect(heard.acknowledged).toEqual([{ taskIds: ['b:t1'] }])
    expect(a.listens).toEqual([])
    b.change('notifications/tasks', { taskId: 't1', status: 'completed' })
    expect(heard.changes).toEqual([
      { method: 'notifications/tasks', params: { taskId: 'b:t1', status: 'completed' } },
    ])
  })

  it('hears nothing that it did not ask for, or that concerns another', async () => {
    const { clock, a, view } = pair()
    const heard = listen(view, { promptsListChanged: true })
    listen(view, { toolsListChanged: true, resourceSubscriptions: ['x://1'] })
    await settle()
    a.change(TOOLS_CHANGED)
    a.change(UPDATED, { uri: 'x://1' })
    clock.advance(100)
    expect(heard.changes).toEqual([])
  })

  it('ends in good order with the view', async () => {
    const { view, a } = pair()
    const heard = listen(view, { toolsListChanged: true })
    await settle()
    view.close()
    expect([heard.ends, heard.failures]).toEqual([1, []])
    expect(a.openListens).toEqual([])
  })

  it('hears nothing after it was cancelled, and holds nothing at the servers', async () => {
    const { clock, view, a } = pair()
    const heard = listen(view, { toolsListChanged: true })
    const early = listen(view, { toolsListChanged: true }, caller('bob'))
    early.call.cancel()
    await settle()
    a.change(TOOLS_CHANGED)
    heard.call.cancel()
    clock.advance(60_000)
    expect([heard.changes, early.acknowledged]).toEqual([[], []])
    expect(a.openListens).toEqual([])
    expect(clock.pending).toBe(1)
  })
})

describe('subscriptions at a server', () => {
  it('are shared by the listeners of one caller, and by nobody else', async () => {
    const { a, view } = pair()
    const first = listen(view, { toolsListChanged: true })
    await settle()
    const second = listen(view, { toolsListChanged: true })
    await settle()
    expect(a.listens).toHaveLength(1)
    expect(second.acknowledged).toEqual([{ toolsListChanged: true }])
    listen(view, { toolsListChanged: true }, caller('bob'))
    await settle()
    expect(a.openListens).toHaveLength(2)
    first.call.cancel()
    expect(a.openListens).toHaveLength(2)
    second.call.cancel()
    expect(a.openListens).toHaveLength(1)
  })

  it.each([
    ['broke off', (sink: ScriptedView['listens'][number]['sink']) => sink.onFailure(unreachable())],
    ['ended in good order', (sink: ScriptedView['listens'][number]['sink']) => sink.onEnd()],
  ])('are opened again when one %s, and what may have been missed is told', async (_, lose) => {
    const { clock, a, view } = pair()
    const heard = listen(view, { toolsListChanged: true, resourceSubscriptions: ['x://1'] })
    await settle()
    const lost = a.openListens[0]
    if (lost === undefined) throw new Error('nobody listens')
    lost.isCancelled = true
    lose(lost.sink)
    expect(heard.changes).toEqual([])
    clock.advance(500)
    await settle()
    expect(a.openListens).toHaveLength(1)
    clock.advance(50)
    expect(heard.changes.toSorted((x, y) => x.method.localeCompare(y.method))).toEqual([
      updated('x://1'),
      { method: TOOLS_CHANGED },
    ])
    expect([heard.ends, heard.failures]).toEqual([0, []])
  })

  it('come about later when the server was away at first, and it is told that something may have changed', async () => {
    const { clock, a, view } = pair()
    a.honour = undefined
    const heard = listen(view, { toolsListChanged: true })
    await settle()
    const [refused] = a.listens
    if (refused === undefined) throw new Error('nobody listens')
    refused.isCancelled = true
    refused.sink.onFailure(unreachable())
    expect(heard.acknowledged).toEqual([{ toolsListChanged: true }])
    a.honour = (filter) => filter
    clock.advance(500)
    await settle()
    clock.advance(50)
    expect(heard.changes).toEqual([{ method: TOOLS_CHANGED }])
  })

  it('are tried again ever more seldom while the server is away', async () => {
    const { clock, a, view } = pair()
    listen(view, { toolsListChanged: true })
    await settle()
    for (let second = 0; second < 120; second++) {
      for (const it of a.openListens) {
        it.isCancelled = true
        it.sink.onFailure(unreachable())
      }
      clock.advance(1_000)
      await settle()
    }
    expect(a.listens.length).toBeGreaterThan(5)
    expect(a.listens.length).toBeLessThan(12)
  })

  it('are not tried again at a server that has none', async () => {
    const { clock, a, view } = pair()
    a.honour = undefined
    const heard = listen(view, { toolsListChanged: true })
    await settle()
    a.listens[0]?.sink.onFailure({ code: -32_601, message: 'Method not found' })
    expect(heard.acknowledged).toEqual([{ toolsListChanged: true }])
    clock.advance(600_000)
    await settle()
    expect(a.listens).toHaveLength(1)
  })

  it('of the cache make a change known to a client that lists again, before it hears of it', async () => {
    const { clock, a, view } = pair()
    await listed(view, 'tools/list')
    await settle()
    const heard = listen(view, { toolsListChanged: true })
    await settle()
    a.script.tools = [tool('new')]
    a.change(TOOLS_CHANGED)
    clock.advance(50)
    expect(heard.changes).toEqual([{ method: TOOLS_CHANGED }])
    expect(await listed(view, 'tools/list')).toEqual(['a_new', 'b_x'])
  })

  it('of a client make a change known that the server tells nobody else of', async () => {
    const { a, view } = pair()
    await listed(view, 'tools/list', {}, caller('ann'))
    const bob = caller('bob')
    await listed(view, 'tools/list', {}, bob)
    await settle()
    listen(view, { toolsListChanged: true }, bob)
    await settle()
    a.script.tools = [tool('new')]
    const toBob = a.openListens.find((it) => it.request.caller.key === 'bob')
    toBob?.sink.onNotification({ method: TOOLS_CHANGED })
    expect(await listed(view, 'tools/list', {}, bob)).toEqual(['a_new', 'b_x'])
  })

  it('of the cache are let go where the server tells of nothing, and tried again after a minute', async () => {
    const { clock, a, view } = pair()
    a.honour = () => ({})
    await listed(view, 'tools/list')
    await settle()
    expect([a.listens.length, a.openListens.length]).toEqual([1, 0])
    await listed(view, 'tools/list')
    expect(a.listens).toHaveLength(1)
    clock.advance(60_000)
    await listed(view, 'tools/list')
    await settle()
    expect(a.listens).toHaveLength(2)
  })
})
