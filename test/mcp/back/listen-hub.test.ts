import { describe, expect, it, onTestFinished } from 'vitest'
import { GatewayError, systemClock } from '../../../src/core/index.ts'
import { ListenHub } from '../../../src/mcp/back/listen-hub.ts'
import type {
  ListenFilter,
  ListenRequest,
  ListenSink,
  RpcError,
  RpcNotification,
  ServerView,
} from '../../../src/mcp/view/server-view.ts'
import { startEverythingServer } from '../../fixtures/everything-server/server.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/servers.ts'
import { backOf, resultOf } from './modern/view-of.ts'

const TOOLS = { method: 'notifications/tools/list_changed' }
const PROMPTS = { method: 'notifications/prompts/list_changed' }
const updated = (uri: string) => ({ method: 'notifications/resources/updated', params: { uri } })
const LOST = new GatewayError('GW_UPSTREAM_BROKEN', 'lost')
const REFUSED = { code: -32_601, message: 'no' }

interface OpenStream {
  readonly request: ListenRequest
  readonly sink: ListenSink
  isCancelled: boolean
}

/** A server whose streams are moved by hand. */
function scriptedView() {
  const streams: OpenStream[] = []
  const view: ServerView = {
    name: 'weather',
    call: () => ({ cancel: () => {} }),
    listen(request, sink) {
      const stream = { request, sink, isCancelled: false }
      streams.push(stream)
      return { cancel: () => void (stream.isCancelled = true) }
    },
  }
  return { view, streams }
}

function hubOf() {
  const { view, streams } = scriptedView()
  const clock = manualClock()
  const hub = new ListenHub(view, clock)
  return { hub, streams, clock }
}

interface Heard {
  readonly acknowledged: ListenFilter[]
  readonly changes: RpcNotification[]
  readonly failures: (GatewayError | RpcError)[]
  ends: number
}

function listen(hub: ListenHub, filter: ListenFilter, key = 'someone') {
  const heard: Heard = { acknowledged: [], changes: [], failures: [], ends: 0 }
  const caller = { key, clientInfo: undefined, capabilities: {} }
  const call = hub.listen(
    { filter, headers: [], caller },
    {
      onAcknowledged: (it) => heard.acknowledged.push(it),
      onNotification: (it) => heard.changes.push(it),
      onEnd: () => void heard.ends++,
      onFailure: (it) => heard.failures.push(it),
    },
  )
  return { call, heard }
}

/** What listeners cause happens after the code that made them. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A listener of the tool list on a stream that is acknowledged. */
async function oneListening() {
  const all = hubOf()
  const one = listen(all.hub, { toolsListChanged: true })
  await settled()
  all.streams[0]?.sink.onAcknowledged({ toolsListChanged: true })
  return { ...all, one }
}

const openOf = (streams: readonly OpenStream[]) => streams.filter((it) => !it.isCancelled)
const filtersOf = (streams: readonly OpenStream[]) => streams.map(({ request }) => request.filter)

describe('listeners of one caller', () => {
  it('that come together share one stream, and hear what each asked for', async () => {
    const { hub, streams } = hubOf()
    const one = listen(hub, { toolsListChanged: true, resourceSubscriptions: ['a:'] })
    const two = listen(hub, { promptsListChanged: true, resourceSubscriptions: ['a:', 'b:'] })
    expect(streams).toEqual([])
    await settled()
    const union = {
      toolsListChanged: true,
      promptsListChanged: true,
      resourceSubscriptions: ['a:', 'b:'],
    }
    expect(filtersOf(streams)).toEqual([union])
    expect([one.heard.acknowledged, two.heard.acknowledged]).toEqual([[], []])
    streams[0]?.sink.onAcknowledged({ toolsListChanged: true, resourceSubscriptions: ['a:', 'b:'] })
    expect(one.heard.acknowledged).toEqual([
      { toolsListChanged: true, resourceSubscriptions: ['a:'] },
    ])
    expect(two.heard.acknowledged).toEqual([{ resourceSubscriptions: ['a:', 'b:'] }])
    for (const change of [TOOLS, updated('a:'), updated('b:'), updated('c:')]) {
      streams[0]?.sink.onNotification(change)
    }
    expect(one.heard.changes).toEqual([TOOLS, updated('a:')])
    expect(two.heard.changes).toEqual([updated('a:'), updated('b:')])
  })

  it('that come later are acknowledged at once when the stream covers them', async () => {
    const { hub, streams } = await oneListening()
    const two = listen(hub, { toolsListChanged: true })
    expect(two.heard.acknowledged).toEqual([])
    await settled()
    expect(two.heard.acknowledged).toEqual([{ toolsListChanged: true }])
    expect(streams).toHaveLength(1)
  })

  it('that want nothing cost no stream', async () => {
    const { hub, streams } = hubOf()
    const { heard } = listen(hub, {})
    await settled()
    expect([heard.acknowledged, streams]).toEqual([[{}], []])
  })

  it('that want more get a larger stream, and the old one serves until it is acknowledged', async () => {
    const { hub, streams, one } = await oneListening()
    const two = listen(hub, { promptsListChanged: true })
    await settled()
    const both = { toolsListChanged: true, promptsListChanged: true }
    expect(filtersOf(streams)).toEqual([{ toolsListChanged: true }, both])
    streams[0]?.sink.onNotification(TOOLS)
    expect(one.heard.changes).toEqual([TOOLS])
    expect(streams[0]?.isCancelled).toBe(false)
    streams[1]?.sink.onAcknowledged(both)
    expect(streams[0]?.isCancelled).toBe(true)
    expect([one.heard.acknowledged.length, two.heard.acknowledged]).toEqual([
      1,
      [{ promptsListChanged: true }],
    ])
    streams[1]?.sink.onNotification(TOOLS)
    streams[1]?.sink.onNotification(PROMPTS)
    expect([one.heard.changes, two.heard.changes]).toEqual([[TOOLS, TOOLS], [PROMPTS]])
  })

  it('that come while a stream is on its way wait for it, and then for one more', async () => {
    const { hub, streams } = hubOf()
    for (const uri of ['a:', 'b:', 'c:']) {
      listen(hub, { resourceSubscriptions: [uri] })
      await settled()
    }
    expect(filtersOf(streams)).toEqual([{ resourceSubscriptions: ['a:'] }])
    streams[0]?.sink.onAcknowledged({ resourceSubscriptions: ['a:'] })
    expect(filtersOf(streams)).toEqual([
      { resourceSubscriptions: ['a:'] },
      { resourceSubscriptions: ['a:', 'b:', 'c:'] },
    ])
  })

  it('that leave make the stream smaller after a while, and the last one ends it', async () => {
    const { hub, streams, clock, one } = await oneListening()
    const two = listen(hub, { promptsListChanged: true })
    await settled()
    streams[1]?.sink.onAcknowledged({ toolsListChanged: true, promptsListChanged: true })
    two.call.cancel()
    two.call.cancel()
    clock.advance(29_999)
    expect(streams).toHaveLength(2)
    clock.advance(1)
    expect(filtersOf(openOf(streams)).at(-1)).toEqual({ toolsListChanged: true })
    streams[2]?.sink.onAcknowledged({ toolsListChanged: true })
    expect(openOf(streams)).toEqual([streams[2]])
    streams[1]?.sink.onNotification(PROMPTS)
    expect(two.heard.changes).toEqual([])
    one.call.cancel()
    expect(openOf(streams)).toEqual([])
    expect([hub.size, clock.pending]).toEqual([0, 0])
  })

  it('that all leave leave no timer behind', async () => {
    const { hub, clock, one } = await oneListening()
    listen(hub, { toolsListChanged: true }).call.cancel()
    expect(clock.pending).toBe(1)
    one.call.cancel()
    expect([hub.size, clock.pending]).toEqual([0, 0])
  })

  it('that leave and come back within that time change nothing', async () => {
    const { hub, streams, clock } = await oneListening()
    listen(hub, { toolsListChanged: true }).call.cancel()
    await settled()
    clock.advance(30_000)
    expect(streams).toHaveLength(1)
  })

  it('may leave, and make others leave, while they are told something', async () => {
    const { hub, streams, clock } = hubOf()
    const changes: string[] = []
    const calls = ['first', 'second'].map((name) =>
      hub.listen(
        {
          filter: { toolsListChanged: true, promptsListChanged: true },
          headers: [],
          caller: { key: 'someone', clientInfo: undefined, capabilities: {} },
        },
        {
          onAcknowledged: () => {},
          onNotification: () => {
            changes.push(name)
            for (const call of calls) call.cancel()
          },
          onEnd: () => {},
          onFailure: () => {},
        },
      ),
    )
    await settled()
    streams[0]?.sink.onAcknowledged({ toolsListChanged: true, promptsListChanged: true })
    streams[0]?.sink.onFailure(LOST)
    clock.advance(500)
    // Two changes may have been missed by each of two.
    streams[1]?.sink.onAcknowledged({ toolsListChanged: true, promptsListChanged: true })
    expect([changes, hub.size, openOf(streams.slice(1)), clock.pending]).toEqual([
      ['first'],
      0,
      [],
      0,
    ])
  })
})

describe('listeners of several callers', () => {
  it('share nothing', async () => {
    const { hub, streams } = hubOf()
    const one = listen(hub, { toolsListChanged: true }, 'one')
    const two = listen(hub, { toolsListChanged: true }, 'two')
    await settled()
    expect(streams.map(({ request }) => request.caller.key)).toEqual(['one', 'two'])
    for (const { sink } of streams) sink.onAcknowledged({ toolsListChanged: true })
    streams[0]?.sink.onNotification(TOOLS)
    expect([one.heard.changes, two.heard.changes]).toEqual([[TOOLS], []])
  })
})

describe('a stream that is lost', () => {
  it.each([
    ['breaks', (sink: ListenSink) => sink.onFailure(LOST)],
    ['ends', (sink: ListenSink) => sink.onEnd()],
  ])('because it %s comes back, and each hears what it may have missed', async (_, lose) => {
    const { hub, streams, clock, one } = await oneListening()
    const two = listen(hub, { toolsListChanged: true, resourceSubscriptions: ['a:'] })
    await settled()
    const union = { toolsListChanged: true, resourceSubscriptions: ['a:'] }
    streams[1]?.sink.onAcknowledged(union)
    lose((streams[1] as OpenStream).sink)
    expect(streams).toHaveLength(2)
    clock.advance(500)
    expect(filtersOf(streams).at(-1)).toEqual(union)
    streams[2]?.sink.onAcknowledged(union)
    expect(one.heard).toMatchObject({ changes: [TOOLS], failures: [], ends: 0 })
    expect(two.heard).toMatchObject({ changes: [TOOLS, updated('a:')], failures: [], ends: 0 })
    expect([one.heard.acknowledged.length, two.heard.acknowledged.length]).toEqual([1, 1])
    listen(hub, { promptsListChanged: true })
    await settled()
    streams[3]?.sink.onAcknowledged({ ...union, promptsListChanged: true })
    expect(one.heard.changes).toEqual([TOOLS])
  })

  it('comes back more and more slowly, and not for ever', async () => {
    const { hub, streams, clock, one } = await oneListening()
    streams[0]?.sink.onFailure(LOST)
    const gaps: number[] = []
    for (let since = 0; hub.size > 0 && since < 700_000; since += 50) {
      const before = streams.length
      clock.advance(50)
      if (streams.length === before) continue
      gaps.push(since)
      streams.at(-1)?.sink.onFailure(LOST)
    }
    const waits = gaps.map((at, index) => at - (gaps[index - 1] ?? 0))
    expect(waits[0]).toBeLessThanOrEqual(500)
    expect(Math.max(...waits)).toBeGreaterThan(14_000)
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_050)
    expect(gaps.at(-1)).toBeGreaterThan(560_000)
    expect(one.heard).toMatchObject({ failures: [LOST], changes: [] })
    expect([hub.size, clock.pending]).toEqual([0, 0])
  })

  it('comes back quickly again after it has lasted for a while', async () => {
    const { streams, clock } = await oneListening()
    const comeBack = (): void => streams.at(-1)?.sink.onAcknowledged({ toolsListChanged: true })
    for (let count = 0; count < 6; count++) {
      streams.at(-1)?.sink.onFailure(LOST)
      clock.advance(30_000)
      comeBack()
    }
    expect(streams).toHaveLength(7)
    clock.advance(60_000)
    streams.at(-1)?.sink.onFailure(LOST)
    clock.advance(500)
    expect(streams).toHaveLength(8)
    comeBack()
    clock.advance(29_999)
    streams.at(-1)?.sink.onFailure(LOST)
    clock.advance(499)
    expect(streams).toHaveLength(8)
  })

  it('does not come back when the server says no', async () => {
    const { hub, streams, clock, one } = await oneListening()
    streams[0]?.sink.onFailure(LOST)
    clock.advance(500)
    streams[1]?.sink.onFailure(REFUSED)
    expect(one.heard.failures).toEqual([REFUSED])
    expect([hub.size, clock.pending]).toEqual([0, 0])
  })

  it('comes back at once for a new listener, who hears of a failure at once', async () => {
    const { hub, streams, clock, one } = await oneListening()
    streams[0]?.sink.onFailure(LOST)
    const two = listen(hub, { toolsListChanged: true })
    await settled()
    expect(streams).toHaveLength(2)
    streams[1]?.sink.onFailure(LOST)
    expect([one.heard.failures, two.heard.failures]).toEqual([[], [LOST]])
    clock.advance(1_000)
    streams[2]?.sink.onAcknowledged({ toolsListChanged: true })
    expect([one.heard.changes, two.heard.changes]).toEqual([[TOOLS], []])
  })

  it('while a larger one is on its way is made up for by that one', async () => {
    const { hub, streams, one } = await oneListening()
    listen(hub, { promptsListChanged: true })
    await settled()
    streams[0]?.sink.onFailure(LOST)
    const both = { toolsListChanged: true, promptsListChanged: true }
    streams[1]?.sink.onAcknowledged(both)
    expect(one.heard.changes).toEqual([TOOLS])
    expect(streams).toHaveLength(2)
  })

  it('comes back no more once everybody has left', async () => {
    const { hub, streams, clock, one } = await oneListening()
    streams[0]?.sink.onFailure(LOST)
    one.call.cancel()
    expect(clock.pending).toBe(0)
    clock.advance(60_000)
    expect([streams.length, hub.size, clock.pending]).toEqual([1, 0, 0])
  })
})

describe('a stream that is refused', () => {
  it.each([[LOST], [REFUSED]])('fails those who wait for it: %j', async (error) => {
    const { hub, streams, clock } = hubOf()
    const one = listen(hub, { toolsListChanged: true })
    await settled()
    streams[0]?.sink.onFailure(error)
    expect(one.heard).toEqual({ acknowledged: [], changes: [], failures: [error], ends: 0 })
    expect([hub.size, clock.pending]).toEqual([0, 0])
  })

  it('leaves those alone who are served by another', async () => {
    const { hub, streams, one } = await oneListening()
    const two = listen(hub, { promptsListChanged: true })
    await settled()
    streams[1]?.sink.onFailure(REFUSED)
    expect([one.heard.failures, two.heard.failures]).toEqual([[], [REFUSED]])
    streams[0]?.sink.onNotification(TOOLS)
    expect(one.heard.changes).toEqual([TOOLS])
  })
})

describe('the hub', () => {
  it('refuses a caller that names too much', async () => {
    const { hub, streams } = hubOf()
    const uris = Array.from({ length: 10_000 }, (_, at) => `a:${at}`)
    const one = listen(hub, { resourceSubscriptions: uris })
    const two = listen(hub, { resourceSubscriptions: ['b:'] })
    const other = listen(hub, { resourceSubscriptions: ['b:'] }, 'another')
    await settled()
    expect(two.heard.failures).toMatchObject([{ code: 'GW_TOO_MANY_SUBSCRIPTIONS' }])
    for (const { sink, request } of streams) sink.onAcknowledged(request.filter)
    expect([one.heard.acknowledged.length, other.heard.acknowledged.length]).toEqual([1, 1])
    listen(hub, { resourceSubscriptions: [...uris, 'b:'] }, 'a third')
    expect(hub.size).toBe(2)
    one.call.cancel()
    const most = listen(hub, { resourceSubscriptions: uris.slice(1) })
    listen(hub, { resourceSubscriptions: ['b:'] })
    most.call.cancel()
    const again = listen(hub, { resourceSubscriptions: uris.slice(1) })
    await settled()
    expect(again.heard.failures).toEqual([])
  })

  it('ends everything when it is stopped', async () => {
    const { hub, streams, clock, one } = await oneListening()
    const two = listen(hub, { promptsListChanged: true }, 'another')
    await settled()
    hub.stop()
    expect([one.heard.ends, two.heard.ends, hub.size, clock.pending]).toEqual([1, 1, 0, 0])
    expect(openOf(streams)).toEqual([])
  })

  it('keeps nothing of thousands that came and went', async () => {
    const { hub, streams, clock } = hubOf()
    for (let count = 0; count < 5_000; count++) {
      const { call } = listen(
        hub,
        { resourceSubscriptions: [`a:${count}`] },
        `caller ${count % 50}`,
      )
      if (count % 100 === 0) await settled()
      for (const { sink, request } of streams.splice(0)) sink.onAcknowledged(request.filter)
      call.cancel()
    }
    await settled()
    expect([hub.size, clock.pending]).toEqual([0, 0])
  })
})

describe('over a real server', () => {
  it('listeners share a stream, and hear again after the server was away', async () => {
    const listens: string[] = []
    const options = {
      onRequest: (_: unknown, body: Buffer): void => {
        if (body.includes('subscriptions/listen')) listens.push(body.toString())
      },
    }
    const server = await startEverythingServer(options)
    const { view } = await backOf([server.url])
    const hub = new ListenHub(view, systemClock)
    onTestFinished(() => hub.stop())
    const watched = 'test://watched-resource'
    const one = listen(hub, { resourceSubscriptions: [watched] }).heard
    const two = listen(hub, { resourceSubscriptions: [watched], toolsListChanged: true }).heard
    await until(() => one.acknowledged.length + two.acknowledged.length === 2, 'both')
    expect(listens).toHaveLength(1)
    await resultOf(hub, 'tools/call', { name: 'touch', arguments: {} })
    await until(() => one.changes.length + two.changes.length === 2, 'the change')
    await server.close()
    const again = await startEverythingServer({ ...options, port: server.port })
    onTestFinished(() => again.close())
    await until(() => one.changes.length === 2 && two.changes.length === 3, 'what was missed')
    await resultOf(hub, 'tools/call', { name: 'touch', arguments: {} })
    await until(() => one.changes.length === 3 && two.changes.length === 4, 'a new change')
    expect([one.failures, two.failures, one.acknowledged.length]).toEqual([[], [], 1])
  })
})
