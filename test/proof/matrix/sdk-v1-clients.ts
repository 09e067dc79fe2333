// Clients of the version 1 SDK: Streamable HTTP, HTTP+SSE and WebSocket, all of the legacy era.
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { WebSocketClientTransport } from '@modelcontextprotocol/sdk/client/websocket.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  type CallToolResult,
} from '@modelcontextprotocol/sdk/types.js'
import { ANSWERS, breakableFetch, type ClientKind, type MatrixClient } from './client.ts'

export const sdkV1Streamable: ClientKind = {
  title: 'SDK 1, Streamable HTTP',
  era: 'legacy',
  transport: 'Streamable HTTP',
  connect: async (url) => {
    const { fetch, breakNext } = breakableFetch()
    const transport = new StreamableHTTPClientTransport(new URL(url), { fetch })
    return { ...(await connected(transport)), breakNextStream: breakNext }
  },
}

export const sdkV1Sse: ClientKind = {
  title: 'SDK 1, HTTP+SSE',
  era: 'legacy',
  transport: 'HTTP+SSE',
  losesLastProgress: true,
  connect: (url) => connected(new SSEClientTransport(new URL(url))),
}

export const sdkV1WebSocket: ClientKind = {
  title: 'SDK 1, WebSocket',
  era: 'legacy',
  transport: 'WebSocket',
  losesLastProgress: true,
  connect: (url) => connected(new WebSocketClientTransport(new URL(url.replace(/^http/, 'ws')))),
}

async function connected(transport: Transport): Promise<MatrixClient> {
  const capabilities = { sampling: {}, elicitation: {}, roots: {} }
  const client = new Client({ name: 'matrix-v1', version: '1.0.0' }, { capabilities })
  client.setRequestHandler(CreateMessageRequestSchema, () => ANSWERS.sampling)
  client.setRequestHandler(ElicitRequestSchema, () => ANSWERS.elicitation)
  client.setRequestHandler(ListRootsRequestSchema, () => ANSWERS.roots)
  await client.connect(transport)
  return {
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args = {}, { signal, onProgress } = {}) => {
      const result = await client.callTool({ name, arguments: args }, undefined, {
        ...(signal && { signal }),
        ...(onProgress && { onprogress: ({ progress }) => onProgress(progress) }),
      })
      const { content, isError } = result as CallToolResult
      const [first] = content
      return { text: first?.type === 'text' ? first.text : '', isError: isError === true }
    },
    readResource: async (uri) => {
      const { contents } = await client.readResource({ uri })
      return String((contents[0] as { text?: string } | undefined)?.text)
    },
    complete: async (prompt, name, value) => {
      const ref = { type: 'ref/prompt' as const, name: prompt }
      const { completion } = await client.complete({ ref, argument: { name, value } })
      return completion.values
    },
    hearLogs: async (level, onLog) => {
      client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
        onLog(params.data)
      })
      await client.setLoggingLevel(level)
    },
    subscribe: async (uri, onUpdated) => {
      client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
        onUpdated(params.uri)
      })
      await client.subscribeResource({ uri })
    },
    close: async () => {
      if (transport instanceof StreamableHTTPClientTransport) await transport.terminateSession()
      await client.close()
    },
  }
}
