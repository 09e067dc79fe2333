// Gateways with the route `/mcp` to a server that echoes, and with plugins.
import type { TlsOptions } from 'node:tls'
import { onTestFinished } from 'vitest'
import { DEFAULT_CLIENT_TLS, type ClientTlsOptions } from '../../src/tls/index.ts'
import { createMetrics } from '../../src/observability/index.ts'
import type { PluginOptions } from '../../src/plugins/index.ts'
import { startEverythingServer } from '../fixtures/everything-server/server.ts'
import { startPluginServer, type PluginServerOptions } from '../fixtures/plugin-server/server.ts'
import { httpEndpoint, startTestGateway, type TestGatewayOptions } from '../support/gateway.ts'
import { modernRequest } from '../support/mcp-messages.ts'
import { testAuthority } from '../support/pki.ts'

interface RpcAnswer {
  readonly result?: { readonly [name: string]: unknown }
  readonly error?: { readonly code: number; readonly message: string; readonly data?: object }
}

export async function answerOf(response: Response): Promise<RpcAnswer> {
  const text = await response.text()
  const data = /^data: (\{.*\})$/m.exec(text)?.[1] ?? text
  return JSON.parse(data) as RpcAnswer
}

export const echo = (text: string) =>
  modernRequest('tools/call', { name: 'echo', arguments: { text } })

/** Who lets nobody but the gateway in, and what the gateway shows it. */
function mutualTls(): { server: TlsOptions; client: ClientTlsOptions } {
  const authority = testAuthority()
  const { cert, key } = authority.issue()
  const { certFile, keyFile } = authority.issue({ commonName: 'gateway', purpose: 'clientAuth' })
  return {
    server: { cert, key, ca: authority.cert, requestCert: true, rejectUnauthorized: true },
    client: {
      ...DEFAULT_CLIENT_TLS,
      caFile: authority.certFile,
      systemRoots: false,
      credential: { kind: 'pem', certFile, keyFile, keyPassword: undefined },
    },
  }
}

export const plugin = (url: string, options: Partial<PluginOptions> = {}): PluginOptions => ({
  name: 'Redact',
  hooks: ['tool_pre_invoke', 'tool_post_invoke'],
  mode: 'enforce',
  priority: 100,
  timeoutMs: 5_000,
  endpoint: httpEndpoint(url),
  ...options,
})

/** A gateway with the route `/mcp` to a server that echoes. */
export async function startWith(
  plugins: readonly PluginOptions[],
  test: Partial<TestGatewayOptions> = {},
) {
  const server = await startEverythingServer()
  onTestFinished(() => server.close())
  const metrics = createMetrics()
  const { url } = await startTestGateway({
    servers: { mcp: [httpEndpoint(server.url)] },
    plugins,
    dependencies: { metrics },
    ...test,
  })
  const call = async (message = echo('hello')) => {
    const response = await fetch(`${url}/mcp`, message)
    return { status: response.status, ...(await answerOf(response)) }
  }
  const outcomes = async () => {
    const { values } = await metrics.pluginCalls.get()
    return values.map(({ labels, value }) => ({ ...labels, value }))
  }
  return { url: `${url}/mcp`, call, outcomes, metrics, server }
}

export const textOf = ({ result }: RpcAnswer): unknown =>
  (result?.['content'] as readonly { readonly text: string }[] | undefined)?.[0]?.text

/** Says louder what a tool is called with, and marks what it answers. */
export const shouting: NonNullable<PluginServerOptions['onHook']> = ({ hook, payload }) => {
  if (hook === 'tool_pre_invoke') {
    const { name, args } = payload as { name: string; args: { text: string } }
    return { modified_payload: { name, args: { text: args.text.toUpperCase() } } }
  }
  const { name, result } = payload as { name: string; result: { content: { text: string }[] } }
  const content = [{ type: 'text', text: `${result.content[0]?.text} (seen)` }]
  return { modified_payload: { name, result: { content } } }
}

/** A plugin server that lets nobody but the gateway in, and the way to it. */
export async function startSecurePlugins(options: PluginServerOptions) {
  const { server, client } = mutualTls()
  const plugins = await startPluginServer({ tls: server, ...options })
  const protocol = options.speaks === 'http_sse' ? options.speaks : 'auto'
  const endpoint = httpEndpoint(plugins.url, {
    tls: client,
    http2: options.http2 ?? false,
    protocol,
  })
  return { plugins, endpoint }
}
