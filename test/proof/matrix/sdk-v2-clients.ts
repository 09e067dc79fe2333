// Clients of the version 2 SDK, told which era to speak.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { ANSWERS, breakableFetch, type ClientKind, type MatrixClient } from './client.ts'

const LOG_LEVEL = 'io.modelcontextprotocol/logLevel'

export const sdkV2Modern: ClientKind = {
  title: 'SDK 2, modern',
  era: 'modern',
  transport: 'Streamable HTTP',
  connect: (url) => connected(url, 'modern'),
}

export const sdkV2Legacy: ClientKind = {
  title: 'SDK 2, legacy',
  era: 'legacy',
  transport: 'Streamable HTTP',
  connect: (url) => connected(url, 'legacy'),
}

async function connected(url: string, era: ClientKind['era']): Promise<MatrixClient> {
  const { fetch, breakNext } = breakableFetch()
  const transport = new StreamableHTTPClientTransport(new URL(url), { fetch })
  const client = new Client(
    { name: 'matrix-v2', version: '1.0.0' },
    {
      capabilities: { elicitation: {}, sampling: {}, roots: {} },
      versionNegotiation: { mode: era === 'legacy' ? 'legacy' : { pin: '2026-07-28' } },
    },
  )
  client.setRequestHandler('elicitation/create', () => ANSWERS.elicitation)
  client.setRequestHandler('sampling/createMessage', () => ANSWERS.sampling)
  client.setRequestHandler('roots/list', () => ANSWERS.roots)
  await client.connect(transport)
  const isModern = era === 'modern'
  return {
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args = {}, { signal, onProgress, logLevel } = {}) => {
      const { content, isError } = await client.callTool(
        {
          name,
          arguments: args,
          ...(isModern && logLevel !== undefined && { _meta: { [LOG_LEVEL]: logLevel } }),
        },
        {
          ...(signal && { signal }),
          ...(onProgress && { onprogress: ({ progress }) => onProgress(progress) }),
        },
      )
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
      client.setNotificationHandler('notifications/message', ({ params }) => onLog(params.data))
      if (!isModern) await client.setLoggingLevel(level)
    },
    subscribe: async (uri, onUpdated) => {
      client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
        onUpdated(params.uri)
      })
      if (isModern) await client.listen({ resourceSubscriptions: [uri] })
      else await client.subscribeResource({ uri })
    },
    breakNextStream: breakNext,
    close: async () => {
      if (!isModern) await transport.terminateSession()
      await client.close()
    },
  }
}
