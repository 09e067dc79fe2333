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
    return connected(new StreamableHTTPClientTransport(new URL(url), { fetch }), breakNext)
  },
}

export const sdkV1Sse: ClientKind = {
  title: 'SDK 1, HTTP+SSE',
  era: 'legacy',
  transport: 'HTTP+SSE',
  losesLastProgress: true,
  connect: async (url) => {
    const { fetch, breakNext } = breakableFetch('GET')
    return connected(new SSEClientTransport(new URL(url), { fetch }), breakNext)
  },
}

export const sdkV1WebSocket: ClientKind = {
  title: 'SDK 1, WebSocket',
  era: 'legacy',
  transport: 'WebSocket',
  losesLastProgress: true,
  connect: async (url) => {
    const transport = new WebSocketClientTransport(new URL(url.replace(/^http/, 'ws')))
    let due: { hasBroken: boolean } | undefined
    const client = await connected(transport, () => {
      const armed = { hasBroken: false }
      due = armed
      return () => armed.hasBroken
    })
    const call: MatrixClient['call'] = (name, args, options) => {
      const { onProgress } = options ?? {}
      const armed = due
      if (armed === undefined || onProgress === undefined) return client.call(name, args, options)
      const broken = (progress: number): void => {
        onProgress(progress)
        armed.hasBroken = true
        void transport.close()
      }
      return client.call(name, args, { ...options, onProgress: broken })
    }
    return { ...client, call }
  },
}

async function connected(
  transport: Transport,
  breakNextStream: MatrixClient['breakNextStream'],
): Promise<MatrixClient> {
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
    breakNextStream,
    close: async () => {
      if (transport instanceof StreamableHTTPClientTransport) await transport.terminateSession()
      await client.close()
    },
  }
}
