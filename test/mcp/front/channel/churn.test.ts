// Many clients that come and go, by either transport and at any moment: nothing of them stays.
import { expect, it, onTestFinished } from 'vitest'
import { startEverythingServer } from '../../../fixtures/everything-server/server.ts'
import { connectWebSocket } from '../../../listener/websocket-frames.ts'
import { until } from '../../../support/servers.ts'
import { forwardTo } from './forward.ts'
import { INITIALIZE, INITIALIZED, openSse, ping } from './sse-client.ts'
import { startChannels } from './start-channels.ts'

it('leaves no channel, session, stream or connection behind', async () => {
  const server = await startEverythingServer()
  onTestFinished(() => server.close())
  const { url, listener, channels, handled, counts } = await startChannels({
    handle: forwardTo(server.url),
  })
  const steps = [INITIALIZE, INITIALIZED, ping(1)]
  const leaveHttpSse = async (after: number): Promise<void> => {
    const client = await openSse(`${url}/mcp`)
    for (const step of steps.slice(0, after)) await client.post(step)
    client.leave()
  }
  const leaveWebSocket = async (after: number): Promise<void> => {
    const client = await connectWebSocket(listener)
    for (const step of steps.slice(0, after)) client.webSocket.send(JSON.stringify(step))
    client.webSocket.terminate()
  }
  for (let round = 0; round < 25; round++) {
    await Promise.all([0, 1, 2, 3].flatMap((after) => [leaveHttpSse(after), leaveWebSocket(after)]))
  }
  await until(() => channels.size === 0, 'the end of all channels')
  await until(() => server.sessionCount() === 0, 'the end of all sessions')
  await until(() => handled.every(({ answer }) => answer.closed), 'the end of all exchanges')
  await until(async () => (await listener.count('connections')) === 0, 'no connection')
  expect(counts).toHaveLength(400)
}, 30_000)
