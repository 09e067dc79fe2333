// What a server of the legacy era answers that it should not, and what it says besides the answer: logs.
import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { manualClock } from '../../../support/manual-clock.ts'
import { until } from '../../../support/servers.ts'
import { ask, begin, textOf } from '../modern/view-of.ts'
import { answerJson, backOf, openStream, scripted } from './back-of.ts'

const LIST = 'tools/list'

describe('the log level of a session', () => {
  it('is the least severe that a call under way wants, set before that call', async () => {
    const held: (() => void)[] = []
    const server = await scripted(
      ({ method, id }, response) => {
        if (method !== 'tools/call') return undefined
        held.push(() => answerJson(response, { id, result: {} }))
        return true
      },
      { capabilities: { logging: {}, tools: {} } },
    )
    const { back } = await backOf([server.url])
    const calls = []
    for (const logLevel of ['warning', undefined, 'debug', 'error', 'nonsense']) {
      calls.push(begin(back, 'tools/call', { name: 'x' }, { logLevel }))
      await until(() => held.length === calls.length, `the call with ${logLevel}`)
    }
    const order = server.seen.filter(({ method }) =>
      ['tools/call', 'logging/setLevel'].includes(String(method)),
    )
    expect(order.map(({ method, params }) => params['level'] ?? method)).toEqual([
      'warning',
      'tools/call',
      'tools/call',
      'debug',
      'tools/call',
      'tools/call',
      'tools/call',
    ])
    for (const answer of held) answer()
    await Promise.all(calls.map(({ done }) => done))
    held.length = 0
    void begin(back, 'tools/call', { name: 'x' }, { logLevel: 'error' })
    await until(() => held.length === 1, 'a later call')
    expect(server.of('logging/setLevel').map(({ params }) => params['level'])).toEqual([
      'warning',
      'debug',
      'error',
    ])
  })

  it('is left alone where a server has no logs or refuses', async () => {
    for (const capabilities of [{ tools: {} }, { logging: {} }]) {
      const server = await scripted(
        ({ method, id }, response) =>
          method === 'logging/setLevel'
            ? answerJson(response, { id, error: { code: -32_601, message: 'no' } })
            : undefined,
        { capabilities },
      )
      const { back } = await backOf([server.url])
      for (let count = 0; count < 3; count++) {
        expect((await ask(back, LIST, {}, { logLevel: 'info' })).results).toHaveLength(1)
      }
      expect(server.of('logging/setLevel')).toHaveLength('logging' in capabilities ? 1 : 0)
    }
  })
})

describe('an answer', () => {
  it('is not taken from another call, nor twice', async () => {
    const server = await scripted(({ method, id }, response) => {
      if (method !== 'tools/call') return undefined
      const write = openStream(response)
      write({ id: id + 1, result: { content: [] } })
      write({ id: String(id), result: { content: [] } })
      write({ id: 'never', error: { code: 1, message: '' } })
      write({ id, result: { content: [{ type: 'text', text: 'right' }] } })
      write({ id, result: { content: [{ type: 'text', text: 'again' }] } })
      write({ id, error: { code: 1, message: 'again' } })
      response.end()
      return true
    })
    const { back } = await backOf([server.url])
    const { results, errors, failures } = await ask(back, 'tools/call', { name: 'x' })
    expect([results.length, errors, failures]).toEqual([1, [], []])
    expect(textOf(results[0])).toBe('right')
    expect((await ask(back, 'tools/call', { name: 'x' })).results).toHaveLength(1)
  })

  it.each([
    ['nothing', (response) => response.writeHead(200).end(), 'GW_UPSTREAM_BROKEN'],
    ['a status', (response) => response.writeHead(503).end(), 'GW_UPSTREAM_STATUS'],
    [
      'no JSON',
      (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{'),
      'GW_UPSTREAM_PROTOCOL',
    ],
    [
      'half a stream',
      (response) =>
        response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {"js'),
      'GW_UPSTREAM_BROKEN',
    ],
    ['an end', (response) => response.destroy(), 'GW_UPSTREAM_BROKEN'],
    [
      'a redirect',
      (response) => response.writeHead(302, { location: '/' }).end(),
      'GW_UPSTREAM_REDIRECT',
    ],
  ] satisfies [string, (response: ServerResponse) => unknown, string][])(
    'that is %s fails the call, which is not sent again',
    async (_, answer, code) => {
      const server = await scripted(({ method }, response) => {
        if (method !== LIST) return undefined
        answer(response)
        return true
      })
      const { back } = await backOf([server.url])
      expect((await ask(back, LIST)).failures).toMatchObject([{ code }])
      expect(server.of(LIST)).toHaveLength(1)
    },
  )

  it('may keep its stream open for a while, but not for ever', async () => {
    const clock = manualClock()
    let isOpen = false
    const server = await scripted(({ method, id }, response) => {
      if (method !== LIST) return undefined
      openStream(response)({ id, result: { tools: [] } })
      isOpen = true
      response.on('close', () => (isOpen = false))
      return true
    })
    const { back } = await backOf([server.url], { clock })
    expect((await ask(back, LIST)).results).toHaveLength(1)
    expect(isOpen).toBe(true)
    clock.advance(3_000)
    await until(() => !isOpen, 'the stream to be left')
  })
})
