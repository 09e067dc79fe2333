// What a legacy back lets go of when a caller is gone, at once and at the server.
import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { until } from '../../../support/servers.ts'
import { ask, begin } from '../modern/view-of.ts'
import { asking, CALL, FORM, HOW } from './asking.ts'
import { answerJson, backOf, questionsOf, resultOf, retryOf, scripted } from './back-of.ts'

const LIST = 'tools/list'

const endedOf = (server: Awaited<ReturnType<typeof scripted>>) =>
  server.of('DELETE').map(({ headers }) => headers['mcp-session-id'])

describe('a caller that is gone', () => {
  it('loses all of its sessions, and no other caller any', async () => {
    const server = await scripted(() => undefined)
    const { back } = await backOf([server.url])
    await ask(back, LIST, {}, { key: 'a' })
    await ask(back, LIST, {}, { key: 'b' })
    await ask(back, LIST, {}, { key: 'a', capabilities: { sampling: {} } })
    back.forgetCaller('a')
    expect(back.held.sessions).toBe(1)
    await until(() => server.of('DELETE').length === 2, 'the end of both')
    expect(new Set(endedOf(server))).toEqual(new Set(['session-1', 'session-3']))
    await ask(back, LIST, {}, { key: 'b' })
    expect(server.of(LIST).at(-1)?.headers['mcp-session-id']).toBe('session-2')
  })

  it('loses the session that is being opened, once its id is known', async () => {
    let held: ServerResponse | undefined
    const server = await scripted(({ method }, response) => {
      if (method !== 'initialize') return undefined
      held = response
      return true
    })
    const { back } = await backOf([server.url])
    const { call } = begin(back, LIST, {}, { key: 'a' })
    await until(() => held !== undefined, 'initialize')
    call.cancel()
    back.forgetCaller('a')
    expect(back.held.sessions).toBe(0)
    if (held === undefined) return
    const serverInfo = { name: 'slow', version: '1' }
    const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo }
    answerJson(held, { id: server.of('initialize')[0]?.id, result }, 200, {
      'mcp-session-id': 'late',
    })
    await until(() => server.of('DELETE').length === 1, 'the end of the session')
    expect(endedOf(server)).toEqual(['late'])
  })

  it('loses its parked calls, which are cancelled at the server', async () => {
    const server = await asking([[FORM]])
    const { back } = await backOf([server.url])
    const asked = await resultOf(back, 'tools/call', CALL, { ...HOW, key: 'a' })
    const other = await resultOf(back, 'tools/call', CALL, { ...HOW, key: 'b' })
    expect(back.held).toMatchObject({ sessions: 2, parkedCalls: 2 })
    back.forgetCaller('a')
    expect(back.held).toMatchObject({ sessions: 1, parkedCalls: 1 })
    await until(() => server.of('DELETE').length === 1, 'the end of the session')
    expect(endedOf(server)).toEqual(['session-1'])
    expect(server.of('notifications/cancelled')).toHaveLength(1)
    const [key = ''] = Object.keys(questionsOf(asked))
    const retry = retryOf(CALL, asked, { [key]: { action: 'decline' } })
    const { errors } = await begin(back, 'tools/call', retry, { ...HOW, key: 'a' }).done
    expect(errors).toMatchObject([{ code: -32_602 }])
    expect(other).toMatchObject({ resultType: 'input_required' })
  })
})
