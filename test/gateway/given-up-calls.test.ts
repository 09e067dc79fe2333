// Calls of legacy clients that wait at a legacy server of several for what it has asked: they wait no longer than their client.
import { expect, it, onTestFinished } from 'vitest'
import { createMetrics } from '../../src/observability/index.ts'
import { startEverythingServer } from '../fixtures/everything-server/server.ts'
import { readEvents } from '../mcp/front/event-reader.ts'
import { httpEndpoint, startTestGateway } from '../support/gateway.ts'
import { legacyMessage } from '../support/mcp-messages.ts'
import { until } from '../support/servers.ts'

const PARAMS = {
  protocolVersion: '2025-11-25',
  capabilities: { elicitation: { form: {} } },
  clientInfo: { name: 'asked', version: '1' },
}
const CALL = { name: 'one_test_elicitation', arguments: { message: 'who?' } }

type Message = Readonly<Record<string, unknown>>

/** A call of which the client was just asked something, and what the server hears from then on. */
async function startAskedCall() {
  const heard: Message[] = []
  const servers = await Promise.all(
    ['one', 'two'].map((name) =>
      startEverythingServer({
        name,
        eras: 'legacy',
        onRequest: (_, body) => {
          if (body.length > 0) heard.push(JSON.parse(body.toString()) as Message)
        },
      }),
    ),
  )
  onTestFinished(async () => void (await Promise.all(servers.map((it) => it.close()))))
  const [one, two] = servers.map(({ url }) => [httpEndpoint(url)])
  const metrics = createMetrics()
  const gateway = await startTestGateway({
    servers: { one: one ?? [], two: two ?? [] },
    routes: { '/mcp': ['one', 'two'] },
    dependencies: { metrics },
  })
  const url = `${gateway.url}/mcp`
  const begun = await fetch(url, legacyMessage({ id: 0, method: 'initialize', params: PARAMS }))
  await begun.text()
  const session = begun.headers.get('mcp-session-id') ?? ''
  const say = (message: Message) => fetch(url, legacyMessage(message, session))
  const events = readEvents(await say({ id: 1, method: 'tools/call', params: CALL }))
  const question = await events.message()
  expect(question).toMatchObject({ method: 'elicitation/create' })
  const parked = async (): Promise<number> => {
    const { values } = await metrics.registry.getSingleMetric('sallyport_parked_calls')!.get()
    return values.reduce((sum, { value }) => sum + value, 0)
  }
  expect(await parked()).toBe(1)
  heard.length = 0
  return { heard, say, events, question, parked }
}

const CANCELLED = { method: 'notifications/cancelled' }

it('end at the server when the client cancels them', async () => {
  const { heard, say, parked } = await startAskedCall()
  await say({ method: 'notifications/cancelled', params: { requestId: 1 } })
  await until(async () => (await parked()) === 0, 'the end of the waiting')
  await until(() => heard.length === 2, 'what the server is told')
  expect(heard).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ error: expect.anything() }),
      expect.objectContaining(CANCELLED),
    ]),
  )
})

it('end at the server when the client refuses to answer', async () => {
  const { heard, say, events, question, parked } = await startAskedCall()
  await say({ id: question?.['id'], error: { code: -1, message: 'nobody is there' } })
  const [last] = (await events.rest()).slice(-1)
  expect(last).toMatchObject({ id: 1, result: { isError: true } })
  await until(async () => (await parked()) === 0, 'the end of the waiting')
  await until(() => heard.some(({ error }) => error !== undefined), 'what the server is told')
})

it('go on with the answer, and nothing is given up', async () => {
  const { heard, say, events, question, parked } = await startAskedCall()
  await say({ id: question?.['id'], result: { action: 'decline' } })
  expect((await events.rest()).slice(-1)).toMatchObject([{ id: 1, result: {} }])
  expect(await parked()).toBe(0)
  expect(heard).toEqual([expect.objectContaining({ result: { action: 'decline' } })])
})
