// How many channels one caller may have open, whichever way it opened them, and that others find room beside it.
import { describe, expect, it } from 'vitest'
import { connectWebSocket, upgradeRequest } from '../../../listener/websocket-frames.ts'
import { rawHttp } from '../../../support/raw-http.ts'
import { until } from '../../../support/servers.ts'
import { openSse, scriptedServer } from './sse-client.ts'
import { startChannels } from './start-channels.ts'

/** Another address is another caller. */
const ELSEWHERE = { localAddress: '127.0.0.2' }

async function start() {
  const scene = await startChannels({
    handle: scriptedServer(),
    channelLimits: { maxOpen: 4, maxOpenPerCaller: 2 },
  })
  return { ...scene, at: `${scene.url}/mcp` }
}

const errorIn = (body: string): unknown => (JSON.parse(body) as { error: unknown }).error

describe('a caller that has as many channels open as one may', () => {
  it('is refused another of either kind, and told what to do about it', async () => {
    const { at, listener, reports } = await start()
    await openSse(at)
    await connectWebSocket(listener)
    const sse = await openSse(at)
    const webSocket = await rawHttp(listener.target, upgradeRequest())
    expect([sse.status, webSocket?.status]).toEqual([503, 503])
    expect(webSocket?.headers['retry-after']).toBe('1')
    for (const body of [sse.body, webSocket?.body ?? '']) {
      expect(errorIn(body)).toMatchObject({
        data: {
          code: 'GW_TOO_MANY_CHANNELS',
          limit: 'limits.channels.max_open_per_caller',
          mend: expect.stringMatching(/^close another channel, or /),
        },
      })
    }
    expect(reports).toMatchObject([{ outcome: 'failed' }, { outcome: 'failed' }])
  })

  it('leaves room for others, up to the limit of all', async () => {
    const { at, channels } = await start()
    for (const from of [{}, {}, ELSEWHERE, ELSEWHERE]) {
      expect((await openSse(at, from)).status).toBe(200)
    }
    expect(channels.size).toBe(4)
    const third = await openSse(at, { localAddress: '127.0.0.3' })
    expect(third.status).toBe(503)
    expect(errorIn(third.body)).toMatchObject({
      data: { code: 'GW_TOO_MANY_CHANNELS', limit: 'limits.channels.max_open' },
    })
  })

  it('may open another when one of them has closed', async () => {
    const { at, listener } = await start()
    const sse = await openSse(at)
    const { webSocket } = await connectWebSocket(listener)
    for (const close of [() => sse.leave(), () => webSocket.close()]) {
      expect((await openSse(at)).status).toBe(503)
      close()
      await until(async () => (await openSse(at)).status === 200, 'a place')
    }
    expect((await openSse(at)).status).toBe(503)
  })

  it('has all of its places again when all of them have closed', async () => {
    const { at, channels } = await start()
    for (const client of [await openSse(at), await openSse(at)]) client.leave()
    await until(() => channels.size === 0, 'the end of both')
    const again = [await openSse(at), await openSse(at), await openSse(at)]
    expect(again.map(({ status }) => status)).toEqual([200, 200, 503])
  })
})
