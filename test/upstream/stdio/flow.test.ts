import { describe, expect, it } from 'vitest'
import { MAX_HELD_BYTES, QUIET_MS } from '../../../src/upstream/session/answer-stream.ts'
import { MAX_LINES_PER_WINDOW } from '../../../src/upstream/stdio/stderr-log.ts'
import { manualClock } from '../../support/manual-clock.ts'
import {
  type EndpointSetup,
  initialize,
  legacy,
  modern,
  recordingLog,
  type Said,
  startEndpoint,
} from './harness.ts'

const startModern = (setup: EndpointSetup = {}) =>
  startEndpoint({ script: ['--era=modern'], ...setup })

/** Progress of the calling request with this much text. */
function progress(bytes: number, mark = ''): string {
  const params = `{"progressToken":$TOKEN,"progress":1,"message":"${mark}$PAD(${bytes})"}`
  return `{"jsonrpc":"2.0","method":"notifications/progress","params":${params}}`
}

describe('a client that reads slowly', () => {
  it('gets what was held for it in order once it reads again', async () => {
    const { upstream } = startModern()
    const lines = ['a', 'b', 'c'].map((mark) => progress(0, mark))
    const slow = modern(upstream, 1, 'test/say', { lines, _meta: { progressToken: 1 } })
    slow.reads = false
    await modern(upstream, 2, 'test/echo').over
    expect([slow.events.length, slow.isOver]).toEqual([1, false])

    slow.call?.resume()
    expect(slow.events).toHaveLength(2)
    slow.reads = true
    slow.call?.resume()
    expect(slow.isEnded).toBe(true)
    expect(slow.events.slice(0, 3).map(({ params }) => params.message)).toEqual(['a', 'b', 'c'])
    expect(slow.answer.result.said).toBe(3)
  })

  it('is cut off once too much is held for it, without harm to others, and its call is cancelled', async () => {
    const { upstream } = startModern()
    const lines = Array.from({ length: 8 }, () => progress(MAX_HELD_BYTES / 4))
    const slow = modern(upstream, 1, 'test/say', {
      lines,
      silent: true,
      _meta: { progressToken: 1 },
    })
    slow.reads = false
    const { json } = await modern(upstream, 2, 'test/echo').over
    expect(json.id).toBe(2)
    expect(slow.error?.code).toBe('GW_SLOW_READER')
    expect(slow.chunks.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(
      MAX_HELD_BYTES / 2,
    )
    const { json: seen } = await modern(upstream, 3, 'test/received').over
    expect(seen.result.received.join()).toContain('"method":"notifications/cancelled"')
  })

  it('has one message of any size held for it', async () => {
    const { upstream } = startModern()
    const lines = [progress(0), progress(MAX_HELD_BYTES + 1)]
    const slow = modern(upstream, 1, 'test/say', {
      lines,
      silent: true,
      _meta: { progressToken: 1 },
    })
    slow.reads = false
    await modern(upstream, 2, 'test/echo').over
    expect(slow.error).toBeUndefined()
    slow.call?.resume()
    expect(slow.events).toHaveLength(2)
  })

  it('does not lose its legacy session', async () => {
    const { upstream } = startEndpoint()
    const session = await initialize(upstream)
    const lines = Array.from({ length: 8 }, () => progress(MAX_HELD_BYTES / 4))
    const params = { lines, _meta: { progressToken: 1 } }
    const slow = legacy(upstream, session, [1, 'test/say', params])
    slow.reads = false
    expect((await legacy(upstream, session, [2, 'test/echo']).over).json.id).toBe(2)
    expect(slow.error?.code).toBe('GW_SLOW_READER')
  })
})

describe('a call without an answer', () => {
  it('becomes an event stream with a comment before proxies give it up', async () => {
    const clock = manualClock()
    const { upstream } = startModern({ clock })
    const call = modern(upstream, 1, 'test/hold', { name: 'quiet' })
    await modern(upstream, 2, 'test/echo').over
    clock.advance(QUIET_MS - 1)
    expect(call.status).toBe(0)
    clock.advance(1)
    expect([call.status, call.headers['content-type']]).toEqual([200, 'text/event-stream'])
    expect(call.text).toMatch(/^: .*\n$/)
    await modern(upstream, 3, 'test/release', { names: ['quiet'] }).over
    expect((await call.over).answer).toMatchObject({ id: 1, result: { name: 'quiet' } })
  })

  it.each(['modern', 'legacy'] as const)(
    'times out and is cancelled in the %s era',
    async (era) => {
      const clock = manualClock()
      const { upstream } = startEndpoint({
        script: ['--era=dual'],
        clock,
        responseTimeoutMs: 1_000,
      })
      const session = era === 'legacy' ? await initialize(upstream) : ''
      const ask = (id: number, method: string) =>
        era === 'legacy' ? legacy(upstream, session, [id, method]) : modern(upstream, id, method)
      const call = ask(11, 'test/never')
      await ask(2, 'test/echo').over
      clock.advance(999)
      expect(call.isOver).toBe(false)
      clock.advance(1)
      expect([call.error?.code, call.sent]).toEqual(['GW_UPSTREAM_TIMEOUT', true])
      const { json } = await ask(3, 'test/received').over
      const cancelled = json.result.received.find((line) => line.includes('cancelled'))
      const { params } = JSON.parse(cancelled ?? '') as Said
      expect(params.requestId).toBe(era === 'legacy' ? 11 : 2)
    },
  )

  it.each(['modern', 'legacy'] as const)(
    'has its time started anew by progress in the %s era',
    async (era) => {
      const clock = manualClock()
      const { upstream } = startEndpoint({
        script: ['--era=dual'],
        clock,
        responseTimeoutMs: 1_000,
      })
      const session = era === 'legacy' ? await initialize(upstream) : ''
      const ask = (id: number, method: string, params = {}) =>
        era === 'legacy'
          ? legacy(upstream, session, [id, method, params])
          : modern(upstream, id, method, params)
      const call = ask(1, 'test/hold', { name: 'worker', _meta: { progressToken: 'p' } })
      const { json } = await ask(2, 'test/received').over
      const held = json.result.received.find((line) => line.includes('test/hold')) ?? ''
      const sent = JSON.parse(held) as Said
      clock.advance(900)
      const token = JSON.stringify(sent.params._meta.progressToken)
      const line = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},"progress":1}}`
      await ask(3, 'test/say', { lines: [line] }).over
      clock.advance(900)
      expect([call.events.length, call.isOver]).toEqual([1, false])
      clock.advance(100)
      expect([call.failure, call.isOver]).toEqual(['GW_UPSTREAM_TIMEOUT', true])
    },
  )

  it('is left alone when it is a listen stream', async () => {
    const clock = manualClock()
    const { upstream } = startModern({ clock, responseTimeoutMs: 1_000 })
    const listen = modern(upstream, 1, 'subscriptions/listen')
    await modern(upstream, 2, 'test/echo').over
    clock.advance(60_000)
    expect([listen.status, listen.isOver]).toEqual([200, false])
  })
})

describe('what a child writes besides messages', () => {
  it('on stdout is dropped, counted and told once', async () => {
    const { log, lines } = recordingLog()
    const { upstream, count } = startModern({ log })
    const noise = [
      'Server running',
      '{"json":"but no message"}',
      '[1]',
      '{"jsonrpc":"2.0"}',
      '',
      ' ',
    ]
    const { json } = await modern(upstream, 1, 'test/say', { lines: noise }).over
    expect(json.result.said).toBe(noise.length)
    expect(await count('child_noise_lines_total')).toEqual({ all: 4 })
    const told = lines.filter(({ text }) => text.includes('not JSON-RPC'))
    expect(told.map(({ level }) => level)).toEqual(['warn', 'debug', 'debug', 'debug'])
    expect(JSON.stringify(lines)).not.toContain('Server running')
  })

  it('on stderr is logged with its process', async () => {
    const { log, lines } = recordingLog()
    const { upstream } = startModern({ log })
    const { json } = await modern(upstream, 1, 'test/pid').over
    await modern(upstream, 2, 'test/stderr', { line: 'hello', times: 2 }).over
    await expect
      .poll(() => lines.filter(({ fields }) => fields['stderr'] === 'hello').length)
      .toBe(2)
    expect(lines.find(({ fields }) => fields['stderr'] === 'hello')).toMatchObject({
      level: 'info',
      fields: { pid: json.result.pid, server: 'test', endpoint: 'scripted', child: 'shared' },
    })
  })

  it('on stderr in a flood does not stop it, and is logged in part', async () => {
    const { log, lines } = recordingLog()
    const { upstream } = startModern({ log })
    const flood = { line: 'x'.repeat(1_000), times: 20_000 }
    expect((await modern(upstream, 1, 'test/stderr', flood).over).error).toBeUndefined()
    await upstream.stop(5_000)
    const logged = lines.filter(({ fields }) => fields['stderr'] !== undefined).length
    expect(logged).toBeGreaterThan(0)
    expect(logged).toBeLessThan(20 * MAX_LINES_PER_WINDOW)
    const left = lines.filter(({ text }) => text.includes('more to stderr'))
    const sum = left.reduce((all, { fields }) => all + Number(fields['count']), 0)
    expect(logged + sum).toBe(20_000)
  })
})

describe('messages that are too long', () => {
  it('are refused on the way in, and nothing is sent', async () => {
    const { upstream } = startModern({ maxMessageBytes: 1_000 })
    const { error, sent } = await modern(upstream, 1, 'test/echo', { x: 'x'.repeat(1_000) }).over
    expect([error?.code, sent]).toEqual(['GW_BODY_TOO_LARGE', false])
    expect((await modern(upstream, 1, 'test/echo').over).status).toBe(200)
  })

  it('end a child that writes them, with an error that says so', async () => {
    const { upstream, count } = startModern({ maxMessageBytes: 10_000 })
    const { error, sent } = await modern(upstream, 1, 'test/big', { bytes: 20_000 }).over
    expect([error?.code, sent]).toEqual(['GW_CHILD_FAILED', true])
    expect(error?.message).toContain('more than 10000 bytes (max_message_bytes)')
    expect(await count('child_exits_total')).toEqual({ 'line-too-long': 1 })
  })
})
