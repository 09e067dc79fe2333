import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Upstream } from '../../../src/upstream/upstream.ts'
import { initialize, isAlive, legacy, modern, send, startEndpoint } from './harness.ts'

const pidOf = async (upstream: Upstream, session: string): Promise<number> =>
  (await legacy(upstream, session, ['pid', 'test/pid']).over).json.result.pid

const sharedPid = async (upstream: Upstream): Promise<number> =>
  (await modern(upstream, 'pid', 'test/pid').over).json.result.pid

const openFiles = (): number => readdirSync('/proc/self/fd').length

describe('stopping', () => {
  it('lets calls finish, ends streams in good order, and leaves no process and no file open', async () => {
    const before = openFiles()
    const { upstream, count } = startEndpoint({ script: ['--era=dual'] })
    const session = await initialize(upstream)
    const idle = await initialize(upstream)
    const pids = [
      await pidOf(upstream, session),
      await pidOf(upstream, idle),
      await sharedPid(upstream),
    ]
    const stream = send(upstream, { method: 'GET', session })
    const listen = modern(upstream, 1, 'subscriptions/listen')
    await expect.poll(() => listen.events.length).toBe(1)
    const calls = [
      legacy(upstream, session, [1, 'test/big', { bytes: 1_000_000 }]),
      modern(upstream, 2, 'test/big', { bytes: 1_000_000 }),
    ]
    await Promise.resolve()
    const stopped = upstream.stop(10_000)
    expect((await modern(upstream, 3, 'test/echo').over).error?.code).toBe('GW_DRAINING')
    await stopped

    expect(calls.map(({ json }) => json.result.text.length)).toEqual([1_000_000, 1_000_000])
    expect([stream.isEnded, listen.isEnded]).toEqual([true, true])
    expect(pids.map(isAlive)).toEqual([false, false, false])
    expect(await count('children')).toEqual({ all: 0 })
    expect(await count('child_exits_total')).toEqual({ shutdown: 3 })
    await expect.poll(openFiles).toBeLessThanOrEqual(before)
  })

  it('fails calls that are not over at the deadline', async () => {
    const { upstream } = startEndpoint({ script: ['--era=dual'] })
    const session = await initialize(upstream)
    await sharedPid(upstream)
    const calls = [legacy(upstream, session, [1, 'test/never']), modern(upstream, 2, 'test/never')]
    await pidOf(upstream, session)
    await upstream.stop(100)
    expect(calls.map(({ error }) => error?.code)).toEqual(['GW_DRAINING', 'GW_DRAINING'])
  })

  it('refuses calls that wait for a start, and starts nothing more', async () => {
    const { upstream, count } = startEndpoint({ script: ['--era=silent'] })
    const waiting = modern(upstream, 1, 'test/echo')
    await expect.poll(() => count('children')).toEqual({ all: 1 })
    await upstream.stop(10_000)
    expect([waiting.error?.code, waiting.sent]).toEqual(['GW_DRAINING', false])
    expect(await count('children')).toEqual({ all: 0 })
  })

  it('does not wait for children that stay, when told to be quick', async () => {
    const { upstream } = startEndpoint({ script: ['--era=dual', '--stay'], stopTimeoutMs: 30_000 })
    const session = await initialize(upstream)
    const pids = [await pidOf(upstream, session), await sharedPid(upstream)]
    const slow = upstream.stop(60_000)
    expect(pids.map(isAlive)).toEqual([true, true])
    await upstream.stop(0)
    await slow
    await expect.poll(() => pids.map(isAlive)).toEqual([false, false])
  })

  it('of an endpoint that was never used is done at once', async () => {
    const { upstream } = startEndpoint()
    await upstream.stop(10_000)
    await expect(upstream.stop(10_000)).resolves.toBeUndefined()
  })
})
