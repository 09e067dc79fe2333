// The matrix of TLS on the way to plugins, over whatever they speak: a plugin that is not who it should be, or that does not take
// the gateway for who it is, is never told of a call, and the call never reaches its server.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { PluginOptions } from '../../src/plugins/index.ts'
import type { HttpEndpointOptions } from '../../src/upstream/index.ts'
import { type Speech, SPEECHES, startPluginServer } from '../fixtures/plugin-server/server.ts'
import { httpEndpoint, startTestGateway } from '../support/gateway.ts'
import { modernRequest } from '../support/mcp-messages.ts'
import { startRpcServer, until } from '../support/servers.ts'
import { recordingLog } from '../upstream/stdio/harness.ts'
import {
  LET_THROUGH,
  REFUSED,
  TLS_CELLS,
  type TlsCell,
  tlsOptionsIn,
  useTlsCells,
} from '../upstream/tls-cells.ts'

useTlsCells()

interface Row {
  readonly cell: string
  readonly speaks: Speech
  readonly http2: boolean
}

const rowsOf = (cell: string): readonly Row[] =>
  SPEECHES.flatMap((speaks) => [false, true].map((http2) => ({ cell, speaks, http2 })))

/** A call through a gateway that asks the plugin at this endpoint. */
async function callPast(endpoint: HttpEndpointOptions) {
  const server = await startRpcServer(({ response, id }) => {
    arrived++
    const result = { resultType: 'complete', content: [{ type: 'text', text: 'done' }] }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
  })
  let arrived = 0
  const { log, lines } = recordingLog()
  const plugin: PluginOptions = {
    name: 'Redact',
    hooks: ['tool_pre_invoke'],
    mode: 'enforce',
    priority: 100,
    timeoutMs: 5_000,
    endpoint,
  }
  const { url } = await startTestGateway({
    servers: { mcp: [httpEndpoint(server.url, { protocol: 'modern' })] },
    plugins: [plugin],
    dependencies: { log },
  })
  const message = modernRequest('tools/call', { name: 'echo', arguments: {} })
  const response = await fetch(`${url}/mcp`, message)
  const { result, error } = (await response.json()) as {
    readonly result?: object
    readonly error?: { readonly data: { readonly code: string } }
  }
  const code = error?.data.code
  const failure = (): Error | undefined =>
    lines.find(({ text }) => text === 'request failed')?.fields['error'] as Error | undefined
  return { status: response.status, result, code, arrived: () => arrived, failure }
}

async function run({ cell, speaks, http2 }: Row) {
  const its = TLS_CELLS[cell] as TlsCell
  const plugins = await startPluginServer({ speaks, tls: its.server(), http2 })
  const protocol = speaks === 'http_sse' ? speaks : 'auto'
  const endpoint = httpEndpoint(plugins.url, { tls: tlsOptionsIn(its), http2, protocol })
  return { ...(await callPast(endpoint)), plugins }
}

describe('a plugin', () => {
  it.each(LET_THROUGH.flatMap(rowsOf))('is asked: $cell; $speaks, HTTP/2 $http2', async (row) => {
    const { status, result, arrived, plugins } = await run(row)
    expect([status, result]).toEqual([200, expect.objectContaining({ resultType: 'complete' })])
    expect(arrived()).toBe(1)
    expect(plugins.asked).toHaveLength(1)
    const versions = new Set(plugins.requests.map(({ httpVersion }) => httpVersion))
    expect([...versions]).toEqual([row.http2 ? '2.0' : '1.1'])
  })

  const refused = REFUSED.flatMap(({ cell, refusal }) =>
    rowsOf(cell).map((row) => ({ ...row, refusal })),
  )

  it.each(refused)('is not told: $cell; $speaks, HTTP/2 $http2', async (row) => {
    const { status, code, arrived, plugins, failure } = await run(row)
    expect([status, code]).toEqual([502, 'GW_PLUGIN_FAILED'])
    expect(plugins.requests).toEqual([])
    expect(arrived()).toBe(0)
    await until(() => failure() !== undefined, 'the log line')
    expect(failure()?.cause).toMatchObject({
      code: 'GW_UPSTREAM_TLS',
      message: expect.stringMatching(row.refusal) as string,
    })
  })

  it.each(SPEECHES)('is not told where it answers in plain HTTP: %s', async (speaks) => {
    const server = createServer((_, response) => response.end('{}'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const protocol = speaks === 'http_sse' ? speaks : 'auto'
    const endpoint = httpEndpoint(`https://127.0.0.1:${port}/mcp`, { protocol })
    const { status, code, arrived, failure } = await callPast(endpoint)
    expect([status, code, arrived()]).toEqual([502, 'GW_PLUGIN_FAILED', 0])
    await until(() => failure() !== undefined, 'the log line')
    expect(failure()?.cause).toMatchObject({
      message: expect.stringMatching(/does not speak TLS/) as string,
    })
  })
})
