// A thousand clients that are asked something and never come back: what was held for them is given back, all of it.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { manualClock } from '../../../support/manual-clock.ts'
import { until } from '../../../support/servers.ts'
import { begin } from '../modern/view-of.ts'
import { ABLE, backOf, openStream, scripted, type Seen } from './back-of.ts'

const CALLS = 1_000

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

it('gives everything back that a thousand abandoned calls held', { timeout: 60_000 }, async () => {
  const clock = manualClock()
  const server = await scripted(({ method, id }, response) => {
    if (method !== 'tools/call') return undefined
    openStream(response)({ id: 10_000 + id, method: 'elicitation/create', params: { message: '' } })
    return true
  })
  const { back } = await backOf([server.url], {
    clock,
    options: { maxParkedCalls: CALLS, maxParkedCallsPerCaller: CALLS },
    endpoint: { maxConnections: 2 * CALLS, maxPending: 2 * CALLS },
  })
  const parkAll = async (): Promise<WeakRef<object>[]> => {
    const asked = Array.from({ length: CALLS }, (_, at) => {
      const how = { capabilities: ABLE, key: `caller ${at % 10}` }
      return begin(back, 'tools/call', { name: 'x', arguments: { at } }, how)
    })
    await until(
      () => {
        clock.advance(30)
        return asked.every(({ heard }) => heard.results.length + heard.failures.length > 0)
      },
      'all to be asked',
      30_000,
    )
    expect(asked.flatMap(({ heard }) => heard.failures)).toEqual([])
    return asked.flatMap(({ call, heard }) => [new WeakRef(call), new WeakRef(heard)])
  }

  const traces = await parkAll()
  expect(back.held).toMatchObject({ sessions: 10, parkedCalls: CALLS })
  expect(server.sockets.size).toBeGreaterThanOrEqual(CALLS)

  // Not further than the deadline: the clock stands while the server is told.
  await until(
    () => {
      for (let step = 0; step < 10 && back.held.parkedCalls > 0; step++) clock.advance(1_000)
      return back.held.parkedCalls === 0
    },
    'the deadline',
    30_000,
  )
  await until(
    () => server.of('notifications/cancelled').length === CALLS,
    'the cancellations',
    30_000,
  )
  await until(() => server.of(undefined).length === CALLS, 'the refusals', 30_000)
  const sessionAnd = ({ headers }: Seen, id: unknown): string =>
    `${String(headers['mcp-session-id'])} ${String(id)}`
  const cancelled = server
    .of('notifications/cancelled')
    .map((seen) => sessionAnd(seen, seen.params['requestId']))
  const called = server.of('tools/call').map((seen) => sessionAnd(seen, seen.id))
  expect(new Set(cancelled)).toEqual(new Set(called))
  expect(new Set(called).size).toBe(CALLS)
  // The few connections left are those that notices were sent on, kept for later use.
  await until(() => server.sockets.size < 100, 'the connections to be closed', 30_000)

  await until(() => {
    collect()
    return traces.every((trace) => trace.deref() === undefined)
  }, 'the calls to be forgotten')

  await back.close()
  expect(back.held).toEqual({ sessions: 0, parkedCalls: 0, subscriptions: 0 })
  expect(server.of('DELETE')).toHaveLength(10)
  expect(clock.pending).toBe(0)
})
