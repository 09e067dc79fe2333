// The state that a client carries from a question to its answer: of use once, in time, to whom it was given, for what it was
// asked, and to nobody else.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../../src/wire/index.ts'
import { ask, textOf } from '../modern/view-of.ts'
import { allAnswered, asking, CALL, FORM, HOW, YES } from './asking.ts'
import { backOf, resultOf, retryOf } from './back-of.ts'

describe('a state', () => {
  async function parked(setup: Parameters<typeof backOf>[1] = {}) {
    const server = await asking([[FORM]])
    const { back, pool } = await backOf([server.url], setup)
    const asked = await resultOf(back, 'tools/call', CALL, HOW)
    const retry = retryOf(CALL, asked, allAnswered(asked, YES))
    return { server, back, pool, asked, retry }
  }

  async function expectRefused(
    { server, back }: Awaited<ReturnType<typeof parked>>,
    ...[params, how = HOW, method = 'tools/call']: readonly [
      JsonObject,
      (typeof HOW & { key?: string })?,
      string?,
    ]
  ) {
    const sent = server.seen.length
    const { errors, ...heard } = await ask(back, method, params, how)
    expect(heard).toMatchObject({ results: [], failures: [] })
    expect(errors).toMatchObject([{ code: -32_602, data: { reason: 'invalid_request_state' } }])
    // What was to be sent would be on its way by the time a later request has been answered.
    await resultOf(back, 'tools/list', {}, HOW)
    expect(server.seen.slice(sent).map((seen) => seen.method)).toEqual(['tools/list'])
  }

  it.each([
    ['nothing', (): unknown => ''],
    ['no text', (): unknown => 7],
    ['something made up', (): unknown => 'AAAA'.repeat(30)],
    ['something very long', (state: string): unknown => state.repeat(50)],
    ['its beginning', (state: string): unknown => state.slice(0, -4)],
    ['more than it', (state: string): unknown => `${state}AAAA`],
    [
      'it with a bit changed',
      (state: string): unknown =>
        `${state.slice(0, 40)}${state[40] === 'A' ? 'B' : 'A'}${state.slice(41)}`,
    ],
  ])('is refused that is %s', async (_, change) => {
    const at = await parked()
    const requestState = change(String(at.asked['requestState']))
    await expectRefused(at, { ...at.retry, requestState })
    expect(textOf(await resultOf(at.back, 'tools/call', at.retry, HOW))).toBe('all answered')
  })

  it('is refused from another caller', async () => {
    const at = await parked()
    const { errors } = await ask(at.back, 'tools/call', at.retry, { ...HOW, key: 'another' })
    expect(errors).toMatchObject([{ data: { reason: 'invalid_request_state' } }])
    expect(at.server.of(undefined)).toEqual([])
    expect(at.back.held.parkedCalls).toBe(1)
  })

  it('is refused with other parameters or another method', async () => {
    const at = await parked()
    await expectRefused(at, { ...at.retry, arguments: { a: 2 } })
    await expectRefused(at, { ...at.retry, extra: true })
    await expectRefused(at, at.retry, HOW, 'prompts/get')
    expect(textOf(await resultOf(at.back, 'tools/call', at.retry, HOW))).toBe('all answered')
  })

  it('holds for the same parameters in another order, with another token', async () => {
    const at = await parked()
    const { arguments: _, name, ...rest } = at.retry as unknown as typeof CALL
    const same = { ...rest, _meta: { progressToken: 9 }, arguments: { b: [{ c: 2 }], a: 1 }, name }
    expect(textOf(await resultOf(at.back, 'tools/call', same, HOW))).toBe('all answered')
  })

  it('is refused once it was answered', async () => {
    const at = await parked()
    await resultOf(at.back, 'tools/call', at.retry, HOW)
    await expectRefused(at, at.retry)
    expect(at.server.of(undefined)).toHaveLength(1)
  })

  it('is refused by a server of another name, and by another gateway with the same key', async () => {
    const at = await parked()
    for (const server of ['weather', 'other']) {
      const { back } = await backOf([at.server.url], { server })
      const { errors } = await ask(back, 'tools/call', at.retry, HOW)
      expect(errors).toMatchObject([{ data: { reason: 'invalid_request_state' } }])
    }
    expect(at.server.of(undefined)).toEqual([])
  })

  it('is refused by a gateway with another key', async () => {
    const at = await parked()
    const { back } = await backOf([at.server.url], { secret: 'quite another secret, also long' })
    const { errors } = await ask(back, 'tools/call', at.retry, HOW)
    expect(errors).toMatchObject([{ data: { reason: 'invalid_request_state' } }])
  })
})
