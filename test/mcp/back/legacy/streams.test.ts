// Answers whose stream ends before they do: taken up again where it stopped, as long as the server lets that be done.
import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { startEverythingServer } from '../../../fixtures/everything-server/server.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { until } from '../../../support/servers.ts'
import { ask, begin, textOf } from '../modern/view-of.ts'
import {
  ABLE,
  backOf,
  callTool,
  done,
  openStream,
  questionsOf,
  resultOf,
  retryOf,
  scripted,
} from './back-of.ts'

const CALL = { name: 'x' }

interface Leg {
  /** What it says: ids, or `answer`. */
  readonly says: readonly (string | number)[]
  readonly ends: 'well' | 'badly' | 'never'
  readonly status?: number
}

/** Serves a call in legs: the POST, then GETs. A number is progress with itself as event id, a text an id alone. */
async function inLegs(legs: readonly Leg[], retryMs = 1) {
  let callId = 0
  let leg = 0
  const speak = ({ says, ends, status }: Leg, response: ServerResponse): true => {
    if (status !== undefined) {
      response.writeHead(status).end()
      return true
    }
    const write = openStream(response)
    response.write(`retry: ${retryMs}\n\n`)
    for (const word of says) {
      if (word === 'answer') write(done(callId, 'at last'), 'end')
      else if (typeof word === 'string') write(undefined, word)
      else {
        const params = { progressToken: callId, progress: word }
        write({ method: 'notifications/progress', params }, String(word))
      }
    }
    if (ends === 'well') response.end()
    else if (ends === 'badly') setImmediate(() => response.destroy())
    return true
  }
  return scripted(({ verb, method, id }, response) => {
    if (verb !== 'GET' && method !== 'tools/call') return undefined
    if (method === 'tools/call') callId = id
    const next = legs[leg++]
    return next === undefined ? undefined : speak(next, response)
  })
}

async function called(legs: readonly Leg[]) {
  const server = await inLegs(legs)
  const { back } = await backOf([server.url])
  const heard = await ask(back, 'tools/call', { ...CALL, _meta: { progressToken: 't' } })
  const resumed = server.of('GET').map(({ headers }) => headers['last-event-id'])
  return { ...heard, server, resumed }
}

describe('a stream with event ids', () => {
  it.each(['well', 'badly'] as const)(
    'that ends %s is taken up after its last event',
    async (ends) => {
      const { results, notifications, resumed, server } = await called([
        { says: ['first', 1, 2], ends },
        { says: [3], ends },
        { says: [], ends: 'well' },
        { says: ['answer'], ends: 'well' },
      ])
      expect(textOf(results[0])).toBe('at last')
      expect(resumed).toEqual(['2', '3', '3'])
      expect(notifications.map(({ params }) => params?.['progress'])).toEqual([1, 2, 3])
      expect(server.of('GET')[0]?.headers).toMatchObject({
        accept: 'text/event-stream',
        'mcp-session-id': 'session-1',
        'mcp-protocol-version': '2025-11-25',
      })
      expect(server.of('tools/call')).toHaveLength(1)
    },
  )

  it('is asked for again when the server was busy', async () => {
    const { results, resumed } = await called([
      { says: ['first'], ends: 'well' },
      { says: [], ends: 'well', status: 503 },
      { says: ['answer'], ends: 'well' },
    ])
    expect(textOf(results[0])).toBe('at last')
    expect(resumed).toEqual(['first', 'first'])
  })

  it.each([405, 404, 400])('fails when the server does not give the rest: %i', async (status) => {
    const { failures, server } = await called([
      { says: ['first'], ends: 'well' },
      { says: [], ends: 'well', status },
    ])
    expect(failures).toMatchObject([{ code: 'GW_UPSTREAM_BROKEN' }])
    expect(server.of('tools/call')).toHaveLength(1)
  })

  it('fails when it says nothing new for too long', async () => {
    const clock = manualClock()
    const legs = Array.from({ length: 100 }, () => ({ says: ['same'], ends: 'well' }) as const)
    const server = await inLegs(legs, 20_000)
    const { back } = await backOf([server.url], { clock })
    const { heard } = begin(back, 'tools/call', CALL)
    await until(() => {
      clock.advance(5_000)
      return heard.failures.length > 0
    }, 'the end')
    expect(heard.failures).toMatchObject([{ code: 'GW_UPSTREAM_BROKEN' }])
    expect(server.of('GET').length).toBeLessThan(60)
  })

  it('is left when the call is cancelled between two of its parts', async () => {
    const clock = manualClock()
    const server = await inLegs([{ says: ['first'], ends: 'well' }], 10_000)
    const { back } = await backOf([server.url], { clock })
    const { call, heard } = begin(back, 'tools/call', CALL)
    // One timer is for idle sessions.
    await until(() => server.of('tools/call').length === 1 && clock.pending === 2, 'the pause')
    call.cancel()
    await until(() => server.of('notifications/cancelled').length === 1, 'the cancellation')
    clock.advance(4_000)
    expect(server.of('GET')).toEqual([])
    expect(heard).toMatchObject({ results: [], failures: [] })
  })
})

describe('a stream without event ids', () => {
  it.each(['well', 'badly'] as const)('that ends %s is the end of the call', async (ends) => {
    const server = await scripted(({ method, id }, response) => {
      if (method !== 'tools/call') return undefined
      openStream(response)({ method: 'notifications/message', params: { level: 'info', id } })
      if (ends === 'well') response.end()
      else setImmediate(() => response.destroy())
      return true
    })
    const { back } = await backOf([server.url])
    const { failures } = await ask(back, 'tools/call', CALL)
    expect(failures).toMatchObject([{ code: 'GW_UPSTREAM_BROKEN' }])
    expect(server.of('GET')).toEqual([])
  })
})

it('takes up the stream of a parked call, whose server has let go of it', async () => {
  let callId = 0
  let stream: ((message: object | undefined, id?: string) => void) | undefined
  const server = await scripted(({ verb, method, id, headers }, response) => {
    if (method === 'tools/call') {
      callId = id
      response.setHeader('x-leg', '1')
      const write = openStream(response)
      response.write('retry: 1\n\n')
      write({ id: 'q', method: 'roots/list' }, 'one')
      response.end()
      return true
    }
    if (verb === 'GET' && headers['last-event-id'] !== undefined) {
      stream = openStream(response)
      return true
    }
    if (verb === 'POST' && method === undefined) stream?.(done(callId, 'resumed'), 'two')
    return undefined
  })
  const { back } = await backOf([server.url])
  const how = { capabilities: ABLE }
  const asked = await resultOf(back, 'tools/call', CALL, how)
  const [key = ''] = Object.keys(questionsOf(asked))
  await until(() => stream !== undefined, 'the rest to be asked for')
  const retry = retryOf(CALL, asked, { [key]: { roots: [] } })
  expect(textOf(await resultOf(back, 'tools/call', retry, how))).toBe('resumed')
})

it('keeps the call of a client that knows nothing of it over a server that ends its streams', async () => {
  const server = await startEverythingServer({ retryMs: 20 })
  const { back } = await backOf([server.url])
  expect(textOf(await callTool(back, 'test_reconnection'))).toBe(
    'Answered after the stream was closed',
  )
  await back.close()
  await server.close()
})

it('gives up a message that is larger than it takes', async () => {
  const server = await startEverythingServer()
  const { back } = await backOf([server.url])
  const { failures } = await ask(back, 'tools/call', {
    name: 'big',
    arguments: { bytes: 17_000_000 },
  })
  expect(failures).toMatchObject([{ code: 'GW_UPSTREAM_PROTOCOL' }])
  expect(textOf(await callTool(back, 'echo', { text: 'alive' }))).toBe('alive')
  await back.close()
  await server.close()
})
