// Clients that use the same ids at the same time.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Exchange } from '../../../../src/core/index.ts'
import { until } from '../../../support/servers.ts'
import {
  answerJson,
  event,
  EVENT_STREAM,
  openSession,
  ping,
  scriptedServer,
  type SseClient,
} from './sse-client.ts'
import { startChannels } from './start-channels.ts'

describe('many channels', () => {
  it('never mix their answers, whatever ids they use and in whatever order the answers come', async () => {
    const held: { readonly exchange: Exchange; readonly owner: string; readonly id: unknown }[] = []
    const { url, channels } = await startChannels({
      handle: scriptedServer((exchange, { id, params }) => {
        held.push({ exchange, id, owner: (params as { owner: string }).owner })
      }),
    })
    const clients = await Promise.all(Array.from({ length: 4 }, () => openSession(`${url}/mcp`)))
    const call = fc.record({ client: fc.nat(3), id: fc.constantFrom(1, '1', 2, 0, '', 'a') })
    await fc.assert(
      fc.asyncProperty(
        fc.array(call, { maxLength: 20 }),
        fc.infiniteStream(fc.nat()),
        async (calls, picks) => {
          const asked = new Map(calls.map((it) => [`${it.client} ${JSON.stringify(it.id)}`, it]))
          const before = clients.map(({ messages }) => messages.length)
          await Promise.all(
            [...asked].map(([owner, { client, id }]) =>
              (clients[client] as SseClient).post({ ...ping(id), params: { owner } }),
            ),
          )
          await until(() => held.length === asked.size, 'the exchanges')
          while (held.length > 0) {
            const [next] = held.splice((picks.next().value ?? 0) % held.length, 1)
            if (next === undefined) break
            const { exchange, owner, id } = next
            const answer = { jsonrpc: '2.0', id, result: { owner } }
            if ((picks.next().value ?? 0) % 2 === 0) answerJson(exchange, answer)
            else {
              exchange.answer.start(200, EVENT_STREAM)
              exchange.answer.end(event(answer))
            }
          }
          for (const [at, client] of clients.entries()) {
            const expected = [...asked].filter(([, it]) => it.client === at).map(([owner]) => owner)
            await until(
              () => client.messages.length === (before[at] ?? 0) + expected.length,
              'answers',
            )
            const got = client.messages.slice(before[at]).map((text) => {
              const { id, result: of } = JSON.parse(text) as {
                id: unknown
                result: { owner: string }
              }
              expect(of.owner).toBe(`${at} ${JSON.stringify(id)}`)
              return of.owner
            })
            expect(got.toSorted()).toEqual(expected.toSorted())
          }
        },
      ),
      { numRuns: 50 },
    )
    expect(channels.size).toBe(4)
  })
})
