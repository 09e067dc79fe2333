import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../../src/core/index.ts'
import { META } from '../../../../src/wire/index.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { modernRequest } from '../../../support/mcp-messages.ts'
import { until } from '../../../support/servers.ts'
import { readEvents } from '../event-reader.ts'
import { ScriptedView } from '../scripted-view.ts'
import { startFronts } from '../start-fronts.ts'

const listen = (notifications: unknown, id: string | number = 7) =>
  modernRequest('subscriptions/listen', { notifications }, id)

const stamp = (id: string | number) => ({ _meta: { [META.subscriptionId]: id } })

describe('a subscription', () => {
  it.each(['seven', 7])('is acknowledged first, and all on it carries its id, %j', async (id) => {
    const view = new ScriptedView()
    view.acknowledge = ({ toolsListChanged }) => ({ ...(toolsListChanged && { toolsListChanged }) })
    const { url, streams } = await startFronts({ view })
    const filter = {
      toolsListChanged: true,
      promptsListChanged: true,
      resourceSubscriptions: ['a:b'],
    }
    const events = readEvents(await fetch(url, listen({ ...filter, unknown: 1 }, id)))
    expect(await events.message()).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/subscriptions/acknowledged',
      params: { notifications: { toolsListChanged: true }, ...stamp(id) },
    })
    expect(view.listens[0]?.request.filter).toEqual(filter)
    const [subscription] = view.listens
    subscription?.sink.onNotification({ method: 'notifications/tools/list_changed' })
    expect(await events.message()).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/tools/list_changed',
      params: stamp(id),
    })
    const params = { uri: 'a:b', _meta: { x: 1 } }
    subscription?.sink.onNotification({ method: 'notifications/resources/updated', params })
    expect(await events.message()).toMatchObject({
      params: { uri: 'a:b', _meta: { x: 1, [META.subscriptionId]: id } },
    })
    expect(streams()).toBe(1)
    subscription?.sink.onEnd()
    expect(await events.rest()).toEqual([
      { jsonrpc: '2.0', id, result: { resultType: 'complete', ...stamp(id) } },
    ])
    expect(streams()).toBe(0)
  })

  it('ends without a result when the server breaks off', async () => {
    const view = new ScriptedView()
    const { url } = await startFronts({ view })
    const events = readEvents(await fetch(url, listen({})))
    await events.message()
    view.listens[0]?.sink.onFailure(new GatewayError('GW_UPSTREAM_BROKEN', 'broken'))
    expect(await events.rest()).toEqual([])
  })

  it.each([
    [new GatewayError('GW_UPSTREAM_BROKEN', 'broken'), 502, -32_603],
    [{ code: -32_601, message: 'no such method' }, 404, -32_601],
    [{ code: -32_603, message: 'too many' }, 200, -32_603],
  ])('that the server refuses is answered with the error', async (error, status, code) => {
    const view = new ScriptedView()
    view.acknowledge = undefined
    const { url } = await startFronts({ view })
    const fetched = fetch(url, listen({}))
    await until(() => view.listens.length === 1, 'the subscription')
    view.listens[0]?.sink.onFailure(error)
    const answer = await fetched
    expect(answer.status).toBe(status)
    expect(await answer.json()).toMatchObject({ id: 7, error: { code } })
  })

  it('is cancelled when its client leaves', async () => {
    const view = new ScriptedView()
    const { url, overs } = await startFronts({ view })
    const events = readEvents(await fetch(url, listen({})))
    await events.message()
    await events.leave()
    await until(() => view.listens[0]?.cancelled === true, 'the cancellation')
    expect(overs).toEqual([{ outcome: 'client-gone', code: undefined }])
  })

  it('is kept alive by comments', async () => {
    const clock = manualClock()
    const { url } = await startFronts({ view: new ScriptedView(), clock, keepAliveMs: 1_000 })
    const events = readEvents(await fetch(url, listen({})))
    await events.message()
    for (let count = 0; count < 3; count++) {
      clock.advance(2_000)
      expect(await events.next()).toMatchObject({ data: undefined })
    }
  })

  it('without a filter is invalid', async () => {
    const { url } = await startFronts({ view: new ScriptedView() })
    const answer = await fetch(url, listen('all'))
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({ id: 7, error: { code: -32_602 } })
  })
})

describe('the number of subscriptions', () => {
  it('is limited for each caller, and in all', async () => {
    const view = new ScriptedView()
    const options = { maxSubscriptions: 3, maxSubscriptionsPerCaller: 2 }
    const { url } = await startFronts({ view, options })
    const open = async (caller: string): Promise<Response> => {
      const request = listen({})
      return fetch(url, { ...request, headers: { ...request.headers, 'test-caller': caller } })
    }
    const first = readEvents(await open('anna'))
    expect((await open('anna')).status).toBe(200)
    const third = await open('anna')
    expect(third.status).toBe(503)
    expect(third.headers.get('retry-after')).toBe('1')
    expect(await third.json()).toMatchObject({
      error: { data: { code: 'GW_TOO_MANY_SUBSCRIPTIONS' } },
    })
    expect((await open('bert')).status).toBe(200)
    expect((await open('carl')).status).toBe(503)
    await first.message()
    await first.leave()
    await until(() => view.listens[0]?.cancelled === true, 'the cancellation')
    expect((await open('carl')).status).toBe(200)
  })
})

describe('draining', () => {
  it('ends subscriptions in good order and takes no new ones, while calls go on', async () => {
    const view = new ScriptedView({ 'tools/list': () => ({ tools: [] }) })
    const { url, modern } = await startFronts({ view })
    const events = readEvents(await fetch(url, listen({}, 'x')))
    await events.message()
    modern.drain()
    expect(await events.rest()).toMatchObject([{ id: 'x', result: stamp('x') }])
    expect(view.listens[0]?.cancelled).toBe(true)
    expect((await fetch(url, listen({}))).status).toBe(503)
    expect((await fetch(url, modernRequest('tools/list'))).status).toBe(200)
  })
})
