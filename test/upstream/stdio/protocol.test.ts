import { describe, expect, it } from 'vitest'
import { LEGACY_VERSIONS } from '../../../src/wire/index.ts'
import {
  initialize,
  INITIALIZE,
  legacy,
  modern,
  type Said,
  send,
  startEndpoint,
} from './harness.ts'

const firstMethod = (received: readonly string[]) => (JSON.parse(received[0] ?? '') as Said).method

describe('protocol: modern', () => {
  it('sends the first call without asking the command for its era', async () => {
    const { upstream } = startEndpoint({ script: ['--era=silent'], protocol: 'modern' })
    const { json } = await modern(upstream, 1, 'test/received').over
    expect(json.result.received.map((line) => (JSON.parse(line) as Said).method)).toEqual([
      'test/received',
    ])
  })

  it('refuses legacy clients at once, and starts nothing for them', async () => {
    const { upstream, count } = startEndpoint({ protocol: 'modern' })
    const { error, sent } = await send(upstream, { body: INITIALIZE }).over
    expect([error?.code, sent]).toEqual(['GW_UNSUPPORTED_VERSION', false])
    expect(error?.data).toEqual({ supported: ['2026-07-28'], requested: '2025-11-25' })
    expect((await send(upstream, { method: 'GET' }).over).error?.row.status).toBe(405)
    expect(await count('children')).toEqual({})
  })

  it('fails calls as never sent when the command cannot be started, and holds it back', async () => {
    const { upstream } = startEndpoint({ command: '/nonexistent/server', protocol: 'modern' })
    const { error, sent } = await modern(upstream, 1, 'test/echo').over
    expect([error?.code, sent]).toEqual(['GW_CHILD_FAILED', false])
    const next = await modern(upstream, 2, 'test/echo').over
    expect(next.error?.message).toContain('it is started again in 1 s')
  })

  it('starts the command anew after it ended', async () => {
    const { upstream } = startEndpoint({ script: ['--era=modern'], protocol: 'modern' })
    const first = await modern(upstream, 1, 'test/pid').over
    expect((await modern(upstream, 2, 'test/exit', { code: 0 }).over).sent).toBe(true)
    await expect
      .poll(async () => (await modern(upstream, 3, 'test/pid').over).status, { timeout: 5_000 })
      .toBe(200)
    const second = await modern(upstream, 4, 'test/pid').over
    expect(second.json.result.pid).not.toBe(first.json.result.pid)
  })
})

describe('protocol: legacy', () => {
  it('refuses modern clients at once, and starts nothing for them', async () => {
    const { upstream, count } = startEndpoint({ script: ['--era=dual'], protocol: 'legacy' })
    const { error, sent } = await modern(upstream, 1, 'server/discover').over
    expect([error?.code, sent]).toEqual(['GW_WRONG_ERA', false])
    expect(error?.data).toEqual({ supported: LEGACY_VERSIONS, requested: '2026-07-28' })
    expect(await count('children')).toEqual({})
  })

  it('serves legacy clients, whose refusal by the command passes as it is', async () => {
    const { upstream } = startEndpoint({ protocol: 'legacy' })
    const session = await initialize(upstream)
    const { json } = await legacy(upstream, session, [1, 'test/received']).over
    expect(firstMethod(json.result.received)).toBe('initialize')

    const refusing = startEndpoint({ script: ['--era=modern'], protocol: 'legacy' })
    const answer = await send(refusing.upstream, { body: INITIALIZE }).over
    expect(answer.json.error?.code).toBe(-32_601)
    await expect.poll(() => refusing.count('child_exits_total')).toEqual({ refused: 1 })
  })
})

describe('protocol: auto', () => {
  it('asks the command, as it does without the option', async () => {
    for (const setup of [{ protocol: 'auto' }, {}] as const) {
      const { upstream } = startEndpoint({ script: ['--era=dual'], ...setup })
      const { json } = await modern(upstream, 1, 'test/received').over
      expect(firstMethod(json.result.received)).toBe('server/discover')
      expect(await initialize(upstream)).toBeTypeOf('string')
    }
  })
})
