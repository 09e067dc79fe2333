import { expect, it } from 'vitest'
import { MAX_STDIN_QUEUE_BYTES } from '../../../src/upstream/child-process.ts'
import { MAX_QUESTIONS } from '../../../src/upstream/session/delivery.ts'
import { MAX_SESSION_CALLS } from '../../../src/upstream/session/session.ts'
import { MAX_WAITING } from '../../../src/upstream/stdio/modern-lane.ts'
import { MAX_SHARED_CALLS } from '../../../src/upstream/stdio/shared-child.ts'
import { MAX_UNDELIVERED_BYTES, Undelivered } from '../../../src/upstream/session/undelivered.ts'
import { initialize, legacy, modern, startEndpoint, type Recorder } from './harness.ts'

const overloaded = { error: { code: 'GW_UPSTREAM_OVERLOADED' }, sent: false }

it('bounds the calls under way on the shared child', async () => {
  const { upstream } = startEndpoint({ script: ['--era=modern'] })
  await modern(upstream, 'first', 'test/echo').over
  const calls: Recorder[] = []
  for (let id = 0; id < MAX_SHARED_CALLS; id++) calls.push(modern(upstream, id, 'test/never'))
  expect(await modern(upstream, 'more', 'test/echo').over).toMatchObject(overloaded)
  calls[0]?.call?.abort()
  expect((await modern(upstream, 'next', 'test/echo').over).status).toBe(200)
})

it('bounds the calls that wait for the shared child to start', async () => {
  const { upstream } = startEndpoint({ script: ['--era=silent'] })
  for (let id = 0; id < MAX_WAITING; id++) modern(upstream, id, 'test/echo')
  expect(await modern(upstream, 'more', 'test/echo').over).toMatchObject(overloaded)
})

it('bounds the calls under way in one session', async () => {
  const { upstream } = startEndpoint()
  const session = await initialize(upstream)
  for (let id = 0; id < MAX_SESSION_CALLS; id++) legacy(upstream, session, [id, 'test/never'])
  expect(await legacy(upstream, session, ['more', 'test/echo']).over).toMatchObject(overloaded)
  const other = await initialize(upstream)
  expect((await legacy(upstream, other, [1, 'test/echo']).over).status).toBe(200)
})

it('bounds the requests of a server that its client leaves unanswered', async () => {
  const { upstream } = startEndpoint()
  const session = await initialize(upstream)
  const questions = Array.from(
    { length: MAX_QUESTIONS + 1 },
    (_, id) => `{"jsonrpc":"2.0","id":${id},"method":"roots/list"}`,
  )
  const asked = await legacy(upstream, session, [1, 'test/say', { lines: questions }]).over
  expect(asked.events).toHaveLength(MAX_QUESTIONS + 1)
  expect(asked.answer.result.said).toBe(MAX_QUESTIONS + 1)
  const { json } = await legacy(upstream, session, [2, 'test/received']).over
  const refused = json.result.received.filter((line) => line.includes('cannot be reached'))
  expect(refused.map((line) => (JSON.parse(line) as { id: number }).id)).toEqual([MAX_QUESTIONS])
})

it('bounds what waits for a child that does not read', async () => {
  const { upstream } = startEndpoint({ script: ['--era=modern'] })
  const text = 'x'.repeat(MAX_STDIN_QUEUE_BYTES)
  await modern(upstream, 1, 'test/deaf').over
  modern(upstream, 2, 'test/echo', { text })
  expect(await modern(upstream, 3, 'test/echo', { text }).over).toMatchObject(overloaded)
})

it('bounds the bytes of messages that wait for a stream', () => {
  const undelivered = new Undelivered()
  const message = (bytes: number) => ({
    kind: 'notification' as const,
    line: Buffer.alloc(bytes),
    message: {},
  })
  const half = MAX_UNDELIVERED_BYTES / 2
  expect(undelivered.keep(message(half))).toHaveLength(0)
  expect(undelivered.keep(message(half))).toHaveLength(0)
  expect(undelivered.keep(message(1))).toHaveLength(1)
  expect(undelivered.keep(message(2 * half + 1))).toHaveLength(3)
  expect(undelivered.take()).toEqual([])
})
