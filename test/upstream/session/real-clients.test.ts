// Official clients that lose their connections in mid-call come back by themselves and miss nothing.
import { resolve } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Upstream } from '../../../src/upstream/index.ts'
import { startSseServer } from '../../fixtures/sse-server/sse-server.ts'
import { startHttpUpstream } from '../http-upstream.ts'
import { serveUpstream } from '../serve-upstream.ts'
import { startEndpoint } from '../stdio/harness.ts'

const LEGACY_STDIO = resolve(import.meta.dirname, '../../fixtures/everything-stdio/legacy.ts')

const upstreams: Readonly<Record<string, () => Promise<Upstream>>> = {
  stdio: async () => startEndpoint({ args: [LEGACY_STDIO] }).upstream,
  'HTTP+SSE': async () => {
    const server = await startSseServer()
    onTestFinished(() => server.close())
    return startHttpUpstream(server.url)
  },
}

type CallSlow = (onprogress: (step: { progress: number }) => void) => Promise<unknown>

const slow = { name: 'slow', arguments: { steps: 12, stepMs: 200 } }

const clients: Readonly<Record<string, (url: URL) => Promise<CallSlow>>> = {
  'SDK 1': async (url) => {
    const client = new ClientV1({ name: 'v1', version: '1' })
    onTestFinished(() => client.close())
    await client.connect(new TransportV1(url))
    return (onprogress) => client.callTool(slow, undefined, { onprogress })
  },
  'SDK 2': async (url) => {
    const versionNegotiation = { mode: 'legacy' } as const
    const client = new Client({ name: 'v2', version: '1' }, { versionNegotiation })
    onTestFinished(() => client.close())
    await client.connect(new StreamableHTTPClientTransport(url))
    return (onprogress) => client.callTool(slow, { onprogress })
  },
}

describe.each(Object.keys(upstreams))('over %s', (transport) => {
  it.each(Object.keys(clients))('a client of %s resumes its call', async (sdk) => {
    const upstream = (await upstreams[transport]?.()) as Upstream
    const { url, cut } = await serveUpstream(upstream)
    const call = (await clients[sdk]?.(url)) as CallSlow
    const steps: number[] = []
    const result = await call(({ progress }) => {
      steps.push(progress)
      if (progress === 2) cut()
    })
    expect(JSON.stringify(result)).toContain('done after 12 steps')
    expect(steps).toEqual(Array.from({ length: 12 }, (_, at) => at + 1))
  })
})
