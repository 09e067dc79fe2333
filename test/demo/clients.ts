// The official clients of both eras, through HTTPS, trusting the demo's authority and nothing else.
import { readFileSync } from 'node:fs'
import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from '@modelcontextprotocol/client'
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { Agent, fetch as undiciFetch } from 'undici'
import { onTestFinished } from 'vitest'

const CLIENT_INFO = { name: 'test', version: '1.0.0' }

/** What both clients have in common, as far as a test needs it. */
export interface TestClient {
  toolNames(): Promise<readonly string[]>
  callText(name: string, args?: Record<string, unknown>): Promise<string>
}

type Fetch = typeof globalThis.fetch

function fetchTrusting(caFile: string): Fetch {
  const dispatcher = new Agent({ connect: { ca: readFileSync(caFile) } })
  onTestFinished(() => dispatcher.destroy())
  const trusting = (url: string, init: object) => undiciFetch(url, { ...init, dispatcher })
  return trusting as unknown as Fetch
}

/** `@modelcontextprotocol/client`: asks the server for its era first, as it does by default in automatic mode. */
export async function connectModern(
  url: string,
  caFile: string,
): Promise<ModernClient & TestClient> {
  const client = new ModernClient(CLIENT_INFO, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new ModernTransport(new URL(url), { fetch: fetchTrusting(caFile) }))
  onTestFinished(() => client.close())
  return Object.assign(client, {
    toolNames: async () => (await client.listTools()).tools.map(({ name }) => name),
    callText: async (name: string, args = {}) =>
      textOf(await client.callTool({ name, arguments: args })),
  })
}

/** `@modelcontextprotocol/sdk`: initializes a session. */
export async function connectLegacy(
  url: string,
  caFile: string,
): Promise<LegacyClient & TestClient> {
  const client = new LegacyClient(CLIENT_INFO)
  const transport = new LegacyTransport(new URL(url), { fetch: fetchTrusting(caFile) })
  await client.connect(transport)
  onTestFinished(() => client.close())
  return Object.assign(client, {
    toolNames: async () => (await client.listTools()).tools.map(({ name }) => name),
    callText: async (name: string, args = {}) =>
      textOf(await client.callTool({ name, arguments: args })),
  })
}

function textOf(result: object): string {
  const { content } = result as { content?: readonly { text?: string }[] }
  return content?.[0]?.text ?? ''
}
