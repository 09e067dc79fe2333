import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { DISCOVER_TIMEOUT_MS } from '../../../src/upstream/stdio/era.ts'
import { DOUBTED_FOR_MS, REFUSED_FOR_MS } from '../../../src/upstream/stdio/modern-lane.ts'
import { LEGACY_VERSIONS } from '../../../src/wire/index.ts'
import { manualClock } from '../../support/manual-clock.ts'
import {
  INITIALIZE,
  initialize,
  legacy,
  modern,
  send,
  startEndpoint,
  type EndpointSetup,
} from './harness.ts'

/** An endpoint that also tells how often its command was started. */
function startCounted(script: readonly string[], setup: EndpointSetup = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'starts')
  const starts = () => readFileSync(file, 'utf8').trim().split('\n').length
  return { ...startEndpoint({ script, env: { STARTS_FILE: file }, ...setup }), starts }
}

describe('a modern client at a command of the legacy era', () => {
  it.each(['legacy', 'exit', 'garbage'])(
    'is told so in a way that lets it fall back: %s',
    async (era) => {
      const { upstream, starts } = startCounted([`--era=${era}`])
      for (const method of ['server/discover', 'tools/list', 'server/discover']) {
        const { error, sent } = await modern(upstream, 1, method).over
        // Any code of the modern era, -32022 above all, would tell the client not to fall back.
        expect(error?.row).toMatchObject({ status: 400, rpcCode: -32_600 })
        expect(error?.data).toEqual({ supported: LEGACY_VERSIONS, requested: '2026-07-28' })
        expect(error?.message).toContain('legacy era')
        expect(sent).toBe(false)
      }
      expect(starts()).toBe(1)
      expect(await initialize(upstream)).toBeTypeOf('string')
    },
  )

  it('is told so after a while when the command says nothing at all', async () => {
    const clock = manualClock()
    const { upstream, starts } = startCounted(['--era=silent'], { clock })
    const call = modern(upstream, 1, 'tools/list')
    await initialize(upstream)
    clock.advance(DISCOVER_TIMEOUT_MS - 1)
    expect(call.isOver).toBe(false)
    clock.advance(1)
    expect((await call.over).error?.message).toContain('legacy era')
    await expect.poll(starts).toBe(2)
  })

  it.each([
    ['legacy', REFUSED_FOR_MS],
    ['exit', DOUBTED_FOR_MS],
  ])('is believed for a while only: %s', async (era, believedMs) => {
    const clock = manualClock()
    const { upstream, starts } = startCounted([`--era=${era}`], { clock })
    await modern(upstream, 1, 'tools/list').over
    clock.advance(believedMs - 1)
    await modern(upstream, 1, 'tools/list').over
    expect(starts()).toBe(1)
    clock.advance(1)
    await modern(upstream, 1, 'tools/list').over
    expect(starts()).toBe(2)
  })

  it('asks once for all callers that wait', async () => {
    const { upstream, starts } = startCounted(['--era=legacy'])
    const calls = Array.from({ length: 10 }, (_, id) => modern(upstream, id, 'tools/list').over)
    const codes = (await Promise.all(calls)).map(({ error }) => error?.row.rpcCode)
    expect(new Set(codes)).toEqual(new Set([-32_600]))
    expect(starts()).toBe(1)
  })
})

describe('a command counts as modern', () => {
  it.each([
    ['when it tells its versions', '2026-07-28'],
    ['when it tells versions of both eras', '2025-11-25,2026-07-28'],
    ['when it knows only later versions', 'unsupported'],
  ])('%s', async (_when, versions) => {
    const { upstream } = startEndpoint({ script: ['--era=modern', `--versions=${versions}`] })
    expect((await modern(upstream, 1, 'test/echo').over).status).toBe(200)
  })

  it('not when it tells only legacy versions', async () => {
    const { upstream } = startEndpoint({ script: ['--era=modern', '--versions=2025-11-25'] })
    expect((await modern(upstream, 1, 'test/echo').over).error?.row.rpcCode).toBe(-32_600)
  })
})

describe('a legacy client at a command of the modern era', () => {
  it.each(['-32601', '-32602', '-32022'])(
    'is told its versions, whatever the code: %s',
    async (code) => {
      const { upstream, starts } = startCounted(['--era=modern', `--code=${code}`])
      const { error } = await send(upstream, { body: INITIALIZE }).over
      expect(error?.code).toBe('GW_UNSUPPORTED_VERSION')
      expect(error?.data).toEqual({ supported: ['2026-07-28'], requested: '2025-11-25' })
      expect(error?.message).toContain('2026-07-28')
      const before = starts()

      const again = await send(upstream, { body: INITIALIZE }).over
      expect(again.error?.code).toBe('GW_UNSUPPORTED_VERSION')
      expect((await send(upstream, { method: 'GET' }).over).error?.code).toBe(
        'GW_METHOD_NOT_ALLOWED',
      )
      expect(starts()).toBe(before)
      expect((await modern(upstream, 1, 'test/echo').over).status).toBe(200)
    },
  )

  it('is asked anew once the shared child was replaced', async () => {
    const { upstream, starts } = startCounted(['--era=modern'])
    await send(upstream, { body: INITIALIZE }).over
    const before = starts()
    await modern(upstream, 1, 'test/crash').over
    await expect
      .poll(async () => (await send(upstream, { body: INITIALIZE }).over).error?.code)
      .toBe('GW_UNSUPPORTED_VERSION')
    expect(starts()).toBeGreaterThan(before)
  })

  it('that the command merely does not like gets the command’s own error, and no session', async () => {
    const { upstream } = startEndpoint({ script: ['--era=legacy', '--deny'] })
    const answer = await send(upstream, { body: INITIALIZE }).over
    expect(answer.status).toBe(200)
    expect(answer.headers).not.toHaveProperty('mcp-session-id')
    expect(answer.json).toMatchObject({ id: 'init', error: { code: -32_602, message: 'not you' } })
  })
})

describe('a command of both eras', () => {
  it('serves both at once, from processes of their own', async () => {
    const { upstream } = startEndpoint({ script: ['--era=dual'] })
    const session = await initialize(upstream)
    const pids = await Promise.all([
      legacy(upstream, session, [1, 'test/pid']).over,
      modern(upstream, 1, 'test/pid').over,
      modern(upstream, 2, 'test/pid').over,
    ])
    const [own, shared, again] = pids.map(({ json }) => json.result.pid)
    expect(shared).toBe(again)
    expect(own).not.toBe(shared)
  })
})
