import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { GatewayError } from '../../src/core/index.ts'
import type { HttpEndpointOptions, Upstream } from '../../src/upstream/index.ts'
import { until } from '../support/servers.ts'
import { startHttpUpstream } from './http-upstream.ts'
import { get, post, record, startUpstream } from './recorded-call.ts'
import { INITIALIZE, send } from './stdio/harness.ts'
import {
  LET_THROUGH,
  REFUSED,
  TLS_CELLS,
  type TlsCell,
  tlsOptionsIn,
  useTlsCells,
} from './tls-cells.ts'
import { startTlsServer } from './tls-server.ts'

useTlsCells()

interface Outcome {
  readonly error: GatewayError | undefined
  readonly sent: boolean | undefined
}

const SSE = 'HTTP+SSE'

const PATHS: Readonly<Record<string, (upstream: Upstream) => Promise<Outcome>>> = {
  async call(upstream) {
    const sink = record()
    upstream.send(post(), sink)
    return { error: await sink.over, sent: sink.sent }
  },
  async stream(upstream) {
    const sink = record()
    const call = upstream.send(get(), sink)
    let error: GatewayError | undefined
    const ended = sink.over.then((it) => (error = it))
    await Promise.race([ended, until(() => sink.text.includes('hello'), 'an event')])
    call.abort()
    return { error, sent: sink.sent }
  },
  async probe(upstream) {
    const error = await upstream.probe(1_000).then(
      () => undefined,
      (thrown: GatewayError) => thrown,
    )
    return { error, sent: false }
  },
  async [SSE](upstream) {
    const { over } = send(upstream, { body: INITIALIZE })
    const { error, sent, status } = await over
    if (error === undefined) expect(status).toBe(200)
    return { error, sent }
  },
}

const REQUESTS: Readonly<Record<string, readonly string[]>> = {
  call: ['POST'],
  stream: ['GET'],
  probe: [],
  [SSE]: ['GET', 'POST'],
}

interface Row {
  readonly cell: string
  readonly path: string
  readonly http2: boolean
}

const rowsOf = (cell: string): readonly Row[] =>
  Object.keys(PATHS).flatMap((path) => [false, true].map((http2) => ({ cell, path, http2 })))

function startOn(path: string, url: string, options: Partial<HttpEndpointOptions> = {}): Upstream {
  return path === SSE
    ? startHttpUpstream(url, { ...options, protocol: 'http_sse' })
    : startUpstream(url, options)
}

async function run({ cell, path, http2 }: Row) {
  const its = TLS_CELLS[cell] as TlsCell
  const server = await startTlsServer({ ...its.server(), http2, sse: path === SSE })
  const upstream = startOn(path, server.url, { tls: tlsOptionsIn(its), http2 })
  const outcome = await (PATHS[path] as (typeof PATHS)[string])(upstream)
  return { ...outcome, requests: server.requests }
}

describe('an endpoint', () => {
  it.each(LET_THROUGH.flatMap(rowsOf))(
    'is let through: $cell; $path, HTTP/2 $http2',
    async (row) => {
      const { error, requests } = await run(row)
      expect(error).toBeUndefined()
      const version = row.http2 ? '2.0' : '1.1'
      expect(requests).toEqual(REQUESTS[row.path]?.map((method) => `${method} ${version}`))
    },
  )

  const refused = REFUSED.flatMap(({ cell, refusal }) =>
    rowsOf(cell).map((row) => ({ ...row, refusal })),
  )

  it.each(refused)('is refused: $cell; $path, HTTP/2 $http2', async (row) => {
    const { error, sent, requests } = await run(row)
    expect(error).toMatchObject({ code: 'GW_UPSTREAM_TLS' })
    expect(error?.message).toMatch(row.refusal)
    expect(sent).toBe(false)
    expect(requests).toEqual([])
  })

  it.each(Object.keys(PATHS))('is refused where it answers in plain HTTP: %s', async (path) => {
    const server = createServer((_, response) => response.end('{}'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const upstream = startOn(path, `https://127.0.0.1:${port}/mcp`)
    const { error } = await (PATHS[path] as (typeof PATHS)[string])(upstream)
    expect(error).toMatchObject({ code: 'GW_UPSTREAM_TLS' })
    expect(error?.message).toMatch(/does not speak TLS/)
  })
})
