// What the metrics and the access log say of exchanges, seen from outside.
import { describe, expect, it } from 'vitest'
import { createLog, createMetrics } from '../../src/observability/index.ts'
import { httpEndpoint, startTestGateway } from '../support/gateway.ts'
import { modernRequest } from '../support/mcp-messages.ts'
import { deadPort, startHttpServer, until } from '../support/servers.ts'

async function start(access: boolean) {
  const lines: Record<string, unknown>[] = []
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>)
  const options = { level: 'info', access } as const
  const metrics = createMetrics()
  const server = await startHttpServer((_, response) => response.end('{}'))
  const gateway = await startTestGateway({
    servers: {
      good: [httpEndpoint(server.url)],
      dead: [httpEndpoint(`http://127.0.0.1:${await deadPort()}/`)],
    },
    overrides: { log: options },
    dependencies: { log: createLog(options, { write }), metrics },
  })
  return { gateway, lines, metrics }
}

describe('an exchange', () => {
  it('is counted by route and status, and a failure by its code and outcome', async () => {
    const { gateway, metrics } = await start(false)
    for (const path of ['/good', '/good', '/dead', '/nowhere']) {
      await (await fetch(gateway.url + path, modernRequest('tools/list'))).text()
    }
    const text = () => metrics.registry.metrics()
    await until(async () => (await text()).includes('route="none",status="404"} 1'), 'the counts')
    expect((await text()).split('\n')).toEqual(
      expect.arrayContaining([
        'sallyport_exchanges_total{route="/good",status="200"} 2',
        'sallyport_exchanges_total{route="/dead",status="502"} 1',
        'sallyport_upstream_calls_total{server="good",outcome="answered"} 2',
        'sallyport_upstream_calls_total{server="dead",outcome="failed"} 1',
        'sallyport_refusals_total{code="GW_UPSTREAM_UNREACHABLE"} 1',
        'sallyport_refusals_total{code="GW_NO_ROUTE"} 1',
        'sallyport_exchange_duration_seconds_count{route="/good"} 2',
        'sallyport_endpoint_healthy{server="good",endpoint="' +
          `${(await text()).match(/server="good",endpoint="([^"]*)"/)?.[1]}"} 1`,
      ]),
    )
    // Counting goes on from there: a second look does not count twice.
    expect(await text()).toContain('sallyport_exchanges_total{route="/good",status="200"} 2')
  })

  it('has a line in the access log that says who, what and how, and nothing of the content', async () => {
    const { gateway, lines } = await start(true)
    const message = modernRequest('tools/call', { name: 'a', arguments: { password: 's3cret' } })
    await (await fetch(`${gateway.url}/good?token=s3cret`, message)).text()
    await until(() => lines.some(({ msg }) => msg === 'exchange'), 'the line')
    expect(lines.find(({ msg }) => msg === 'exchange')).toMatchObject({
      level: 'info',
      exchange: expect.any(String) as string,
      remote: '127.0.0.1',
      method: 'POST',
      path: '/good',
      route: '/good',
      server: 'good',
      era: 'modern',
      rpcMethod: 'tools/call',
      status: 200,
      durationMs: expect.any(Number) as number,
    })
    expect(JSON.stringify(lines)).not.toContain('s3cret')
  })

  it('has no line when the access log is off, but a failure has one with the request id', async () => {
    const { gateway, lines } = await start(false)
    await (await fetch(`${gateway.url}/good`, modernRequest('tools/list'))).text()
    const answer = await fetch(`${gateway.url}/dead`, modernRequest('tools/list'))
    const { error } = (await answer.json()) as { error: { data: { requestId: string } } }
    await until(() => lines.some(({ msg }) => msg === 'request failed'), 'the line')
    expect(lines.some(({ msg }) => msg === 'exchange')).toBe(false)
    expect(lines.find(({ msg }) => msg === 'request failed')).toMatchObject({
      level: 'warn',
      code: 'GW_UPSTREAM_UNREACHABLE',
      exchange: error.data.requestId,
      error: expect.stringContaining('ECONNREFUSED') as string,
    })
  })
})
