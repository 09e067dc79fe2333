import { describe, expect, it, onTestFinished } from 'vitest'
import type { GatewayError } from '../../src/core/index.ts'
import { createMetrics, silentLog } from '../../src/observability/index.ts'
import { EndpointPool, type RoutedSink } from '../../src/routing/index.ts'
import { createStreamableHttpUpstream, type UpstreamRequest } from '../../src/upstream/index.ts'
import { manualClock } from '../support/manual-clock.ts'
import { deadPort, startHttpServer, until } from '../support/servers.ts'

const request: UpstreamRequest = {
  method: 'POST',
  query: '',
  headers: [],
  body: Buffer.from('{}'),
  inbound: undefined,
  sessionId: undefined,
  longLived: false,
}

const namedServer = (name: string) => startHttpServer((_, response) => response.end(name))

async function startPool(urls: readonly string[], clock = manualClock()) {
  const members = urls.map((url) => ({
    name: url,
    upstream: createStreamableHttpUpstream({
      kind: 'http',
      url,
      maxConnections: 8,
      maxStreams: 8,
      maxPending: 8,
      connectTimeoutMs: 1_000,
      responseTimeoutMs: 2_000,
      idleTimeoutMs: 2_000,
    }),
  }))
  const metrics = createMetrics()
  const pool = new EndpointPool(members, {
    server: 'weather',
    healthCheck: { intervalMs: 30_000, timeoutMs: 1_000 },
    log: silentLog,
    metrics,
    clock,
  })
  await pool.start()
  onTestFinished(() => pool.stop(0))
  return { pool, clock, metrics }
}

interface Answered {
  readonly text: string
  readonly from: string
  readonly error: GatewayError | undefined
}

function ask(pool: EndpointPool, boundTo?: string): Promise<Answered> {
  return new Promise((resolve) => {
    let text = ''
    let from = ''
    const sink: RoutedSink = {
      onHead: (_status, _headers, endpoint) => (from = endpoint.key),
      onData: (chunk) => {
        text += Buffer.from(chunk).toString()
        return true
      },
      onEnd: () => resolve({ text, from, error: undefined }),
      onFailure: (error) => resolve({ text, from, error }),
    }
    pool.send(request, sink, boundTo)
  })
}

async function askTimes(pool: EndpointPool, times: number): Promise<string[]> {
  const texts: string[] = []
  for (let count = 0; count < times; count++) texts.push((await ask(pool)).text)
  return texts
}

describe('round robin', () => {
  it('takes the endpoints in turn', async () => {
    const servers = await Promise.all(['a', 'b', 'c'].map(namedServer))
    const { pool } = await startPool(servers.map(({ url }) => url))
    expect(await askTimes(pool, 7)).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'a'])
  })

  it('sends a request that never left to another endpoint, and leaves the dead one out from then on', async () => {
    const [a, b] = await Promise.all(['a', 'b'].map(namedServer))
    const { pool } = await startPool([
      a?.url ?? '',
      `http://127.0.0.1:${await deadPort()}/mcp`,
      b?.url ?? '',
    ])
    expect(await askTimes(pool, 4)).toEqual(['a', 'b', 'a', 'b'])
    expect(pool.endpoints().map(({ healthy }) => healthy)).toEqual([true, false, true])
  })

  it('takes an endpoint back once a probe reaches it again', async () => {
    const server = await namedServer('a')
    const { pool, clock } = await startPool([server.url])
    await until(() => pool.endpoints()[0]?.lastCheckMs !== undefined, 'the first probe')
    await server.kill()
    expect((await ask(pool)).error).toMatchObject({ code: 'GW_UPSTREAM_UNREACHABLE' })
    expect(pool.endpoints()[0]?.healthy).toBe(false)
    await new Promise<void>((resolve) => server.server.listen(server.port, '127.0.0.1', resolve))
    clock.advance(30_000)
    await until(() => pool.endpoints()[0]?.healthy === true, 'the probe to see it')
    expect((await ask(pool)).text).toBe('a')
  })

  it('tries all of them when none is known to be healthy', async () => {
    const server = await namedServer('late')
    const { pool, metrics } = await startPool([`http://127.0.0.1:${await deadPort()}/`, server.url])
    for (const endpoint of pool.endpoints()) Object.assign(endpoint, { healthy: false })
    expect((await ask(pool)).text).toBe('late')
    expect(await metrics.registry.metrics()).toContain('sallyport_endpoint_healthy')
  })

  it('fails with the last cause when every endpoint is out of reach', async () => {
    const urls = [await deadPort(), await deadPort()].map((port) => `http://127.0.0.1:${port}/`)
    const { pool } = await startPool(urls)
    expect((await ask(pool)).error).toMatchObject({ code: 'GW_UPSTREAM_UNREACHABLE' })
  })
})

describe('what was sent', () => {
  it('is never sent again, whatever became of it', async () => {
    let requests = 0
    const breaking = () =>
      startHttpServer((incoming) => {
        requests++
        incoming.socket.destroy()
      })
    const { pool } = await startPool([(await breaking()).url, (await breaking()).url])
    expect((await ask(pool)).error).toMatchObject({ code: 'GW_UPSTREAM_BROKEN' })
    expect(requests).toBe(1)
  })
})

describe('a request bound to an endpoint', () => {
  it('goes there and nowhere else', async () => {
    const [a, b] = await Promise.all(['a', 'b'].map(namedServer))
    const { pool } = await startPool([a?.url ?? '', b?.url ?? ''])
    const second = pool.endpoints()[1]?.key ?? ''
    for (let count = 0; count < 3; count++) {
      expect(await ask(pool, second)).toMatchObject({ text: 'b', from: second })
    }
    await b?.kill()
    expect((await ask(pool, second)).error?.source).toBe('upstream')
    await until(() => !pool.holds(second), 'the pool to notice')
    expect((await ask(pool, second)).error).toMatchObject({ code: 'GW_UPSTREAM_UNREACHABLE' })
  })

  it('fails when no endpoint has the key', async () => {
    const server = await namedServer('a')
    const { pool } = await startPool([server.url])
    expect((await ask(pool, 'gone')).error).toMatchObject({ code: 'GW_UPSTREAM_UNREACHABLE' })
  })

  it('finds its endpoint by what it is, not by its place in the config', async () => {
    const urls = ['http://127.0.0.1:1/a', 'http://127.0.0.1:2/b']
    const keysOf = async (list: readonly string[]) =>
      (await startPool(list)).pool.endpoints().map(({ key }) => key)
    expect(await keysOf(urls.toReversed())).toEqual((await keysOf(urls)).toReversed())
    const [first, second] = await keysOf(['http://127.0.0.1:1/a', 'http://127.0.0.1:1/a'])
    expect(first).not.toBe(second)
  })
})
