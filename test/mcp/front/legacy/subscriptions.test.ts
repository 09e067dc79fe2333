// What a legacy session hears of changes: one subscription to the view, as long and as wide as it is needed.
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../../src/core/index.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { until } from '../../../support/servers.ts'
import { readEvents } from '../event-reader.ts'
import { DISCOVERED, ScriptedView } from '../scripted-view.ts'
import { startFronts } from '../start-fronts.ts'
import { openRawSession } from './raw-session.ts'

const LISTS = { toolsListChanged: true, resourcesListChanged: true }
const updated = (uri: string) => ({ method: 'notifications/resources/updated', params: { uri } })

async function start(view = new ScriptedView(), clock = manualClock()) {
  const fronts = await startFronts({ view, clock })
  const session = await openRawSession(fronts.url, { caller: 'anna' })
  return { ...fronts, view, clock, session }
}

describe('the subscription', () => {
  it('is there once the stream is open, for the changes that the server announces', async () => {
    const { view, session } = await start()
    await session.ask('ping')
    expect(view.listens).toEqual([])
    await session.get()
    await until(() => view.listens.length === 1, 'the subscription')
    expect(view.listens[0]?.request).toMatchObject({
      filter: LISTS,
      caller: { key: 'anna', clientInfo: { name: 'raw', version: '3' } },
    })
  })

  it('is opened anew for every resource that comes or goes, and the one before leaves a little later', async () => {
    const { view, clock, session } = await start()
    const events = readEvents(await session.get())
    await session.ask('resources/subscribe', { uri: 'b:' })
    await session.ask('resources/subscribe', { uri: 'a:' })
    expect(view.listens.map(({ request }) => request.filter)).toEqual([
      LISTS,
      { ...LISTS, resourceSubscriptions: ['b:'] },
      { ...LISTS, resourceSubscriptions: ['a:', 'b:'] },
    ])
    view.listens[1]?.sink.onNotification(updated('b:'))
    expect(await events.message()).toMatchObject(updated('b:'))
    expect(view.listens.map(({ cancelled }) => cancelled)).toEqual([false, false, false])
    clock.advance(250)
    expect(view.listens.map(({ cancelled }) => cancelled)).toEqual([true, true, false])
    await session.ask('resources/subscribe', { uri: 'a:' })
    expect(view.listens.length).toBe(3)
    await session.ask('resources/unsubscribe', { uri: 'b:' })
    expect(view.listens[3]?.request.filter).toEqual({ ...LISTS, resourceSubscriptions: ['a:'] })
  })

  it('is in force when subscribing is answered', async () => {
    const view = new ScriptedView()
    view.acknowledge = undefined
    const { session } = await start(view)
    const answer = session.ask('resources/subscribe', { uri: 'a:' }, 5)
    await until(() => view.listens.length === 1, 'the subscription')
    const second = session.ask('resources/subscribe', { uri: 'b:' }, 6)
    expect(await session.ask('ping')).toMatchObject({ result: {} })
    expect(view.listens.length).toBe(1)
    view.listens[0]?.sink.onAcknowledged(view.listens[0].request.filter)
    expect(await answer).toEqual({ jsonrpc: '2.0', id: 5, result: {} })
    expect(view.listens[1]?.request.filter.resourceSubscriptions).toEqual(['a:', 'b:'])
    view.listens[1]?.sink.onAcknowledged({ ...LISTS, resourceSubscriptions: ['a:'] })
    expect(await second).toMatchObject({ id: 6, error: { code: -32_602 } })
  })

  it('is refused as the server refuses it', async () => {
    const view = new ScriptedView()
    view.acknowledge = undefined
    const { session } = await start(view)
    const failing = session.post({
      jsonrpc: '2.0',
      id: 5,
      method: 'resources/subscribe',
      params: { uri: 'a:' },
    })
    await until(() => view.listens.length === 1, 'the subscription')
    view.listens[0]?.sink.onFailure(new GatewayError('GW_UPSTREAM_UNREACHABLE', 'gone'))
    expect((await failing).status).toBe(502)
    const refused = session.ask('resources/subscribe', { uri: 'a:' })
    await until(() => view.listens.length === 2, 'the second')
    view.listens[1]?.sink.onFailure({ code: -32_603, message: 'too many' })
    expect(await refused).toMatchObject({ error: { code: -32_603, message: 'too many' } })
  })

  it('to resources is not for servers that do not have it', async () => {
    const { resources: _, ...capabilities } = DISCOVERED.capabilities
    const view = new ScriptedView({ 'server/discover': () => ({ ...DISCOVERED, capabilities }) })
    const { session } = await start(view)
    expect(await session.ask('resources/subscribe', { uri: 'a:' })).toMatchObject({
      error: { code: -32_601 },
    })
    expect(await session.ask('resources/subscribe', {})).toMatchObject({ error: { code: -32_602 } })
    expect(view.listens).toEqual([])
  })

  it('to resources has a limit', async () => {
    const { session } = await start()
    for (let at = 0; at < 1_000; at += 100) {
      const uris = Array.from({ length: 100 }, (_, place) => `r:${at + place}`)
      await Promise.all(uris.map((uri) => session.ask('resources/subscribe', { uri }, uri)))
    }
    const answer = await session.ask('resources/subscribe', { uri: 'r:one-more' })
    expect(answer).toMatchObject({ error: { data: { code: 'GW_TOO_MANY_SUBSCRIPTIONS' } } })
    expect(await session.ask('resources/subscribe', { uri: 'r:7' })).toMatchObject({ result: {} })
  })
})

describe('a subscription that is lost', () => {
  it.each(['breaks', 'ends'])(
    'because it %s is opened again, and the client told of what it may have missed',
    async (how) => {
      const { view, clock, session } = await start()
      const events = readEvents(await session.get())
      await session.ask('resources/subscribe', { uri: 'a:' })
      clock.advance(250)
      const current = view.listens.at(-1)
      if (how === 'ends') current?.sink.onEnd()
      else current?.sink.onFailure(new GatewayError('GW_UPSTREAM_BROKEN', 'broken'))
      clock.advance(499)
      expect(view.listens.length).toBe(2)
      clock.advance(501)
      expect(view.listens.length).toBe(3)
      const told = [await events.message(), await events.message(), await events.message()]
      expect(told.map((it) => it?.['method'])).toEqual([
        'notifications/tools/list_changed',
        'notifications/resources/list_changed',
        'notifications/resources/updated',
      ])
      expect(told[2]).toMatchObject(updated('a:'))
    },
  )

  it('is tried again at growing intervals, until it is there', async () => {
    const { view, clock, session } = await start()
    await session.get()
    await until(() => view.listens.length === 1, 'the subscription')
    await session.ask('ping')
    view.acknowledge = undefined
    const fail = (): void =>
      view.listens.at(-1)?.sink.onFailure(new GatewayError('GW_UPSTREAM_UNREACHABLE', 'gone'))
    for (const atMostMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      fail()
      const { length } = view.listens
      clock.advance(atMostMs / 2 - 1)
      expect(view.listens.length).toBe(length)
      clock.advance(atMostMs / 2 + 1)
      expect(view.listens.length).toBe(length + 1)
    }
  })

  it('is not tried again at a server that has none', async () => {
    const view = new ScriptedView()
    view.acknowledge = undefined
    const { clock, session } = await start(view)
    await session.get()
    await until(() => view.listens.length === 1, 'the subscription')
    view.listens[0]?.sink.onFailure({ code: -32_601, message: 'no such method' })
    clock.advance(120_000)
    expect(view.listens.length).toBe(1)
  })

  it('outlasts a client that is away for a moment, and not one that stays away', async () => {
    const { view, clock, session, overs } = await start()
    const events = readEvents(await session.get())
    await until(() => view.listens.length === 1, 'the subscription')
    await events.leave()
    await until(() => overs.at(-1)?.outcome === 'client-gone', 'the end of the stream')
    clock.advance(59_000)
    expect(view.listens[0]?.cancelled).toBe(false)
    clock.advance(2_000)
    expect(view.listens[0]?.cancelled).toBe(true)
    const again = readEvents(await session.get())
    expect(await again.message()).toMatchObject({ method: 'notifications/tools/list_changed' })
    expect(view.listens.length).toBe(2)
  })
})
