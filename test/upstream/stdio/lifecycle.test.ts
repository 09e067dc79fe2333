import { describe, expect, it } from 'vitest'
import type { Upstream } from '../../../src/upstream/upstream.ts'
import { STABLE_AFTER_MS } from '../../../src/upstream/stdio/back-off.ts'
import { manualClock } from '../../support/manual-clock.ts'
import {
  childScript,
  INITIALIZE,
  initialize,
  isAlive,
  legacy,
  modern,
  send,
  startEndpoint,
} from './harness.ts'

const pidOf = async (upstream: Upstream, session: string): Promise<number> =>
  (await legacy(upstream, session, ['pid', 'test/pid']).over).json.result.pid

const sharedPid = async (upstream: Upstream): Promise<number> =>
  (await modern(upstream, 'pid', 'test/pid').over).json.result.pid

describe('a shared child that dies', () => {
  it('fails all its calls at once, with what happened, and is started again at the next call', async () => {
    const { upstream, count } = startEndpoint({ script: ['--era=modern'] })
    const pid = await sharedPid(upstream)
    const calls = [1, 2, 3].map((id) => modern(upstream, id, 'test/never'))
    const listen = modern(upstream, 4, 'subscriptions/listen')
    await expect.poll(() => listen.events.length).toBe(1)
    process.kill(pid, 'SIGKILL')
    for (const call of [...calls, listen]) {
      const { error, sent } = await call.over
      expect([error?.code, sent]).toEqual(['GW_CHILD_FAILED', true])
      expect(error?.message).toMatch(/"node" was ended by SIGKILL/)
    }
    expect(await count('child_exits_total')).toEqual({ signal: 1 })
    await expect
      .poll(async () => (await modern(upstream, 1, 'test/echo').over).status, { timeout: 5_000 })
      .toBe(200)
    expect(await sharedPid(upstream)).not.toBe(pid)
  })

  it('tells its exit code', async () => {
    const { upstream } = startEndpoint({ script: ['--era=modern'] })
    const { error } = await modern(upstream, 1, 'test/exit', { code: 7 }).over
    expect(error?.message).toContain('ended with exit code 7')
  })

  it('is not started again before the back-off is over, and calls fail at once until then', async () => {
    const clock = manualClock()
    const { upstream } = startEndpoint({ script: ['--era=modern'], clock })
    let atMost = 100
    for (let round = 0; round < 4; round++) {
      await modern(upstream, 1, 'test/exit', { code: 1 }).over
      const { error, sent } = await modern(upstream, 1, 'test/echo').over
      expect([error?.code, sent]).toEqual(['GW_CHILD_FAILED', false])
      expect(error?.message).toContain('exit code 1')
      expect(error?.retryAfterSeconds).toBe(Math.ceil(atMost / 1_000))
      clock.advance(atMost / 2 - 1)
      expect((await modern(upstream, 1, 'test/echo').over).error?.code).toBe('GW_CHILD_FAILED')
      clock.advance(atMost / 2 + 1)
      atMost *= 2
    }
    expect((await modern(upstream, 1, 'test/echo').over).status).toBe(200)
    clock.advance(STABLE_AFTER_MS + 1_000)
    await modern(upstream, 1, 'test/exit', { code: 1 }).over
    clock.advance(100)
    expect((await modern(upstream, 1, 'test/echo').over).status).toBe(200)
  })

  it('is ended when it closes its stdout', async () => {
    const { upstream } = startEndpoint({ script: ['--era=modern', '--stay'], stopTimeoutMs: 50 })
    const { error } = await modern(upstream, 1, 'test/close-stdout').over
    expect(error?.message).toContain('closed its stdout')
  })
})

describe('a session child that dies', () => {
  it('fails its calls, and its session is gone', async () => {
    const { upstream } = startEndpoint()
    const session = await initialize(upstream)
    const other = await initialize(upstream)
    const stream = send(upstream, { method: 'GET', session })
    const call = legacy(upstream, session, [1, 'test/never'])
    const { error, sent } = await legacy(upstream, session, [2, 'test/exit', { code: 3 }]).over
    expect([error?.code, sent]).toEqual(['GW_CHILD_FAILED', true])
    expect(error?.message).toContain('exit code 3')
    expect((await call.over).error?.code).toBe('GW_CHILD_FAILED')
    expect((await stream.over).isOver).toBe(true)
    expect((await legacy(upstream, session, [3, 'test/echo']).over).error?.row.status).toBe(404)
    expect((await legacy(upstream, other, [1, 'test/echo']).over).status).toBe(200)
    // It had served: the next one need not wait.
    expect(await initialize(upstream)).toBeTypeOf('string')
  })

  it('before it answers initialize makes the next start wait', async () => {
    const clock = manualClock()
    const { upstream } = startEndpoint({ script: ['--die'], clock })
    const first = await send(upstream, { body: INITIALIZE }).over
    expect([first.error?.message, first.sent]).toEqual([
      expect.stringContaining('exit code 7'),
      true,
    ])
    const second = await send(upstream, { body: INITIALIZE }).over
    expect([second.error?.retryAfterSeconds, second.sent]).toEqual([1, false])
    clock.advance(100)
    expect((await send(upstream, { body: INITIALIZE }).over).sent).toBe(true)
  })

  it('whose initialize is refused before it is sent is ended at once', async () => {
    const { upstream, count } = startEndpoint({ maxMessageBytes: 10 })
    const { error, sent } = await send(upstream, { body: INITIALIZE }).over
    expect([error?.code, sent]).toEqual(['GW_BODY_TOO_LARGE', false])
    await expect.poll(() => count('child_exits_total')).toEqual({ abandoned: 1 })
  })

  it('that never answers initialize is ended when its time is over', async () => {
    const clock = manualClock()
    const { upstream, count } = startEndpoint({
      script: ['--hang'],
      clock,
      responseTimeoutMs: 1_000,
    })
    const call = send(upstream, { body: INITIALIZE })
    await expect.poll(() => count('children')).toEqual({ all: 1 })
    clock.advance(1_000)
    expect((await call.over).error?.code).toBe('GW_UPSTREAM_TIMEOUT')
    await expect.poll(() => count('children')).toEqual({ all: 0 })
  })
})

describe('a command that cannot be started', () => {
  it.each(['modern', 'legacy'] as const)(
    'fails calls of the %s era with its name and a mend',
    async (era) => {
      const clock = manualClock()
      const { upstream, count } = startEndpoint({
        command: '/no/such/dir/mcp-server',
        args: ['--token=s3cret'],
        clock,
      })
      const ask = () =>
        era === 'legacy' ? send(upstream, { body: INITIALIZE }).over : modern(upstream, 1, 'x').over
      const { error, sent } = await ask()
      expect([error?.code, sent]).toEqual(['GW_CHILD_FAILED', false])
      expect(error?.message).toBe(
        'the stdio server "mcp-server" could not be started: there is no such file; correct endpoints[].command',
      )
      const again = await ask()
      expect(again.error?.message).toContain('started again in 1 s')
      expect(await count('child_exits_total')).toEqual({ 'not-started': 1 })
      expect(await count('children')).toEqual({ all: 0 })
    },
  )

  it.each([
    [{ command: 'no-such-mcp-server' }, 'it is not in PATH'],
    [{ command: childScript('family.mjs') }, 'it is not executable'],
    [{ cwd: '/no/such/folder' }, 'its cwd is not a folder'],
    [{ args: ['\0'] }, 'the system refused (ERR_INVALID_ARG_VALUE)'],
  ])('says what is wrong: %j', async (setup, mend) => {
    const { upstream } = startEndpoint(setup)
    expect((await send(upstream, { body: INITIALIZE }).over).error?.message).toContain(mend)
  })
})

describe('the number of children', () => {
  it('is bounded over sessions and the shared child', async () => {
    const { upstream, count } = startEndpoint({ script: ['--era=dual'], maxChildren: 2 })
    const session = await initialize(upstream)
    await sharedPid(upstream)
    const { error, sent } = await send(upstream, { body: INITIALIZE }).over
    expect([error?.row.status, error?.code, sent]).toEqual([503, 'GW_UPSTREAM_OVERLOADED', false])
    expect(await count('children')).toEqual({ all: 2 })
    await send(upstream, { method: 'DELETE', session }).over
    await expect.poll(() => count('children')).toEqual({ all: 1 })
    expect(await initialize(upstream)).toBeTypeOf('string')
  })
})

describe('the life of a session', () => {
  const startTimed = async () => {
    const clock = manualClock()
    const endpoint = startEndpoint({ clock, idleTimeoutMs: 60_000, maxLifetimeMs: 600_000 })
    const session = await initialize(endpoint.upstream)
    return { ...endpoint, clock, session, pid: await pidOf(endpoint.upstream, session) }
  }

  it('ends with DELETE, and its child goes', async () => {
    const { upstream, session, pid } = await startTimed()
    const call = legacy(upstream, session, [1, 'test/never'])
    const { status, text } = await send(upstream, { method: 'DELETE', session }).over
    expect([status, text]).toEqual([200, ''])
    expect((await call.over).error?.code).toBe('GW_SESSION_NOT_FOUND')
    expect((await pidGone(upstream, session))?.row.status).toBe(404)
    await expect.poll(() => isAlive(pid)).toBe(false)
  })

  const pidGone = async (upstream: Upstream, session: string) =>
    (await legacy(upstream, session, [9, 'test/pid']).over).error

  it('ends after silence', async () => {
    const { upstream, session, pid, clock, count } = await startTimed()
    clock.advance(59_000)
    expect(await pidOf(upstream, session)).toBe(pid)
    clock.advance(59_000)
    expect(await pidOf(upstream, session)).toBe(pid)
    clock.advance(60_000)
    expect((await pidGone(upstream, session))?.row.status).toBe(404)
    await expect.poll(() => isAlive(pid)).toBe(false)
    expect(await count('child_exits_total')).toEqual({ idle: 1 })
  })

  it('does not end by silence while a call or a GET stream is open', async () => {
    const { upstream, session, pid, clock } = await startTimed()
    const stream = send(upstream, { method: 'GET', session })
    await pidOf(upstream, session)
    clock.advance(300_000)
    expect(await pidOf(upstream, session)).toBe(pid)
    stream.call?.abort()
    clock.advance(60_000)
    expect((await pidGone(upstream, session))?.row.status).toBe(404)
  })

  it('ends when it is old, whatever it does', async () => {
    const { upstream, session, pid, clock, count } = await startTimed()
    const stream = send(upstream, { method: 'GET', session })
    await pidOf(upstream, session)
    clock.advance(599_000)
    expect(await pidOf(upstream, session)).toBe(pid)
    clock.advance(1_000)
    expect((await stream.over).isEnded).toBe(true)
    expect((await pidGone(upstream, session))?.row.status).toBe(404)
    await expect.poll(() => count('child_exits_total')).toEqual({ lifetime: 1 })
  })
})

describe('a shared child that is old', () => {
  it('is replaced: its listen streams end, its calls finish, new ones go to the next', async () => {
    const clock = manualClock()
    const { upstream } = startEndpoint({
      script: ['--era=modern'],
      clock,
      maxLifetimeMs: 60_000,
      responseTimeoutMs: 120_000,
    })
    const pid = await sharedPid(upstream)
    const held = modern(upstream, 1, 'test/never')
    const listen = modern(upstream, 2, 'subscriptions/listen')
    await expect.poll(() => listen.events.length).toBe(1)
    clock.advance(60_000)
    expect((await listen.over).isEnded).toBe(true)
    expect(await sharedPid(upstream)).not.toBe(pid)
    expect([held.error, isAlive(pid)]).toEqual([undefined, true])
    held.call?.abort()
    await expect.poll(() => isAlive(pid)).toBe(false)
  })

  it('is ended in the end although a call goes on', async () => {
    const clock = manualClock()
    const { upstream } = startEndpoint({
      script: ['--era=modern'],
      clock,
      maxLifetimeMs: 60_000,
      responseTimeoutMs: 10_000,
    })
    const pid = await sharedPid(upstream)
    const drone = modern(upstream, 1, 'test/drone', { _meta: { progressToken: 1 } })
    const moreProgress = async () => {
      const before = drone.events.length
      await expect.poll(() => drone.events.length).toBeGreaterThan(before)
    }
    for (let at = 0; at < 60; at += 5) {
      await moreProgress()
      clock.advance(5_000)
    }
    await moreProgress()
    clock.advance(9_000)
    await moreProgress()
    expect(drone.isOver).toBe(false)
    clock.advance(1_000)
    expect((await drone.over).error?.message).toContain('max_lifetime')
    await expect.poll(() => isAlive(pid)).toBe(false)
  })
})

describe('a probe', () => {
  it('starts nothing', async () => {
    const { upstream, count } = startEndpoint()
    await upstream.probe(1_000)
    expect(await count('children')).toEqual({})
  })

  it('finds a command as its start would', async () => {
    const { upstream } = startEndpoint({ command: 'sh', baseEnv: { PATH: '/no/such:/bin' } })
    await expect(upstream.probe(1_000)).resolves.toBeUndefined()
    const other = startEndpoint({
      command: 'sh',
      env: { PATH: '/no/such' },
      baseEnv: { PATH: '/bin' },
    })
    await expect(other.upstream.probe(1_000)).rejects.toMatchObject({ code: 'GW_CHILD_FAILED' })
  })

  it('fails during the back-off and not after it', async () => {
    const clock = manualClock()
    const { upstream } = startEndpoint({ script: ['--die'], clock })
    await send(upstream, { body: INITIALIZE }).over
    await expect
      .poll(() =>
        upstream.probe(1_000).then(
          () => '',
          ({ code }) => code,
        ),
      )
      .toBe('GW_CHILD_FAILED')
    clock.advance(100)
    await upstream.probe(1_000)
  })

  it('succeeds while a child is alive, whatever happened to another', async () => {
    const { upstream } = startEndpoint({ script: ['--era=dual'] })
    await initialize(upstream)
    await modern(upstream, 1, 'test/exit', { code: 1 }).over
    await expect(upstream.probe(1_000)).resolves.toBeUndefined()
  })
})

describe('the environment of a server', () => {
  it('is the base variables and its own, not the gateway’s', async () => {
    const { upstream } = startEndpoint({
      env: { API_KEY: 'own' },
      baseEnv: { PATH: '/bin', HOME: '/h', SALLYPORT__SECRET: 's', NODE_OPTIONS: '--inspect' },
    })
    const session = await initialize(upstream)
    const { json } = await legacy(upstream, session, [1, 'test/env']).over
    expect(json.result.env).toEqual({ PATH: '/bin', HOME: '/h', API_KEY: 'own' })
  })
})
