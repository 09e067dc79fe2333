import type { ServerResponse } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ServerEras, type ServerProtocol } from '../../../src/mcp/back/eras.ts'
import { createMetrics, silentLog } from '../../../src/observability/index.ts'
import { EndpointPool } from '../../../src/routing/index.ts'
import { createStreamableHttpUpstream } from '../../../src/upstream/index.ts'
import { httpEndpoint } from '../../support/gateway.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { deadPort, startRpcServer } from '../../support/servers.ts'

interface Reply {
  readonly status: number
  readonly error?: { readonly code: number }
  readonly result?: object
  readonly text?: string
}

function send(response: ServerResponse, id: unknown, { status, text, ...message }: Reply): void {
  response.writeHead(status, {
    'content-type': text === undefined ? 'application/json' : 'text/html',
  })
  response.end(text ?? JSON.stringify({ jsonrpc: '2.0', id, ...message }))
}

/** What a server that answers every `server/discover` with `reply` is found to be. */
async function erasOf(reply: Reply | undefined, protocol: ServerProtocol = 'auto') {
  const asked: string[] = []
  const server = await startRpcServer(({ request, response, id, method }) => {
    const { 'mcp-protocol-version': version, 'x-tenant': tenant } = request.headers
    asked.push([method, version, tenant].join(' '))
    if (reply !== undefined) send(response, id, reply)
  })
  return { asked, ...(await erasAt(server.url, protocol)) }
}

async function erasAt(url: string, protocol: ServerProtocol = 'auto') {
  const clock = manualClock()
  const upstream = createStreamableHttpUpstream(httpEndpoint(url), {})
  const pool = new EndpointPool([{ name: url, upstream }], {
    server: 'weather',
    healthCheck: { intervalMs: 30_000, timeoutMs: 1_000 },
    log: silentLog,
    metrics: createMetrics(),
    clock,
  })
  await pool.start()
  onTestFinished(() => pool.stop(0))
  return { clock, eras: new ServerEras({ protocol, pool, clock }) }
}

const HEADERS = ['x-tenant', 'blue']

describe('a probe', () => {
  it.each<[what: string, Reply, boolean | undefined]>([
    ['a discovery', { status: 200, result: { supportedVersions: ['2026-07-28'] } }, true],
    ['an unsupported version', { status: 400, error: { code: -32_022 } }, true],
    ['a missing capability', { status: 400, error: { code: -32_021 } }, true],
    ['a mismatch of headers', { status: 400, error: { code: -32_020 } }, true],
    ['a server that is not initialized', { status: 400, error: { code: -32_000 } }, false],
    ['a method that nobody has', { status: 404, error: { code: -32_601 } }, false],
    ['an error within a success', { status: 200, error: { code: -32_601 } }, false],
    ['a page of text', { status: 404, text: 'not here' }, false],
    ['missing credentials', { status: 403, text: 'no' }, undefined],
    ['too many requests', { status: 429, text: 'later' }, undefined],
    ['a broken server', { status: 500, text: 'oops' }, undefined],
    ['a server that is away', { status: 503, text: 'away' }, undefined],
  ])('takes %s for what it says about the era', async (_, reply, speaksModern) => {
    const { eras, asked } = await erasOf(reply)
    expect(await eras.speaksModern(HEADERS)).toBe(speaksModern)
    expect(eras.speaks('modern')).toBe(speaksModern)
    expect(asked).toEqual(['server/discover 2026-07-28 blue'])
  })

  it('tells nothing when the server cannot be reached', async () => {
    const { eras } = await erasAt(`http://127.0.0.1:${await deadPort()}/mcp`)
    expect(await eras.speaksModern([])).toBeUndefined()
  })

  it('tells nothing when there is no answer in time', async () => {
    const { eras, clock, asked } = await erasOf(undefined)
    const answer = eras.speaksModern([])
    await expect.poll(() => asked.length).toBe(1)
    clock.advance(10_000)
    expect(await answer).toBeUndefined()
  })

  it('is shared by all who want to know at the same time', async () => {
    const { eras, asked } = await erasOf({ status: 400, error: { code: -32_000 } })
    const answers = await Promise.all([1, 2, 3].map(() => eras.speaksModern(HEADERS)))
    expect(answers).toEqual([false, false, false])
    expect(asked).toHaveLength(1)
  })

  it('is not repeated at once, whatever it showed', async () => {
    const { eras, clock, asked } = await erasOf({ status: 503, text: 'away' })
    await eras.speaksModern([])
    await eras.speaksModern([])
    expect(asked).toHaveLength(1)
    clock.advance(5_000)
    await eras.speaksModern([])
    expect(asked).toHaveLength(2)
  })
})

describe('what was learned', () => {
  it('is open again ten minutes after an era was found missing', async () => {
    const { eras, clock } = await erasOf({ status: 400, error: { code: -32_000 } })
    await eras.speaksModern([])
    clock.advance(599_999)
    expect(eras.speaks('modern')).toBe(false)
    clock.advance(1)
    expect(eras.speaks('modern')).toBeUndefined()
  })

  it('is open again once it was found wrong', async () => {
    const { eras, asked } = await erasOf({ status: 200, result: {} })
    await eras.speaksModern([])
    eras.forget()
    expect(eras.speaks('modern')).toBeUndefined()
    await eras.speaksModern([])
    expect(asked).toHaveLength(2)
  })
})

describe('protocol', () => {
  it.each<[ServerProtocol, modern: boolean, legacy: boolean]>([
    ['modern', true, false],
    ['legacy', false, true],
    ['http_sse', false, true],
  ])('%s is believed without asking', async (protocol, modern, legacy) => {
    const { eras, asked } = await erasOf({ status: 500 }, protocol)
    eras.learn('modern', !modern)
    eras.forget()
    expect(await eras.speaksModern([])).toBe(modern)
    expect([eras.speaks('modern'), eras.speaks('legacy')]).toEqual([modern, legacy])
    expect(asked).toEqual([])
  })
})
