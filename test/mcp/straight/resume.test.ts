// A client that lost the stream of a call comes back for the rest while the call still runs
// (MCP 2025-11-25 transports §Resumability and Redelivery).
import { expect, it, onTestFinished } from 'vitest'
import { startSdkV1Server } from '../../fixtures/sdk-v1-http/server.ts'
import { httpEndpoint, startTestGateway } from '../../support/gateway.ts'

const VERSION = '2025-06-18'
const ACCEPT = 'application/json, text/event-stream'

async function startServer(): Promise<string> {
  const server = await startSdkV1Server({ sessions: 'stateful' })
  onTestFinished(() => server.close())
  return server.url
}

async function startBehindGateway(): Promise<string> {
  const gateway = await startTestGateway({ servers: { mcp: [httpEndpoint(await startServer())] } })
  return `${gateway.url}/mcp`
}

async function post(url: string, session: string, message: object, signal?: AbortSignal) {
  return fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: ACCEPT,
      ...(session !== '' && { 'mcp-session-id': session, 'mcp-protocol-version': VERSION }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    ...(signal && { signal }),
  })
}

async function initialize(url: string): Promise<string> {
  const clientInfo = { name: 'returning', version: '1' }
  const params = { protocolVersion: VERSION, capabilities: {}, clientInfo }
  const answer = await post(url, '', { id: 1, method: 'initialize', params })
  await answer.text()
  const session = answer.headers.get('mcp-session-id') ?? ''
  await post(url, session, { method: 'notifications/initialized' })
  return session
}

/** The text of a stream up to where it matches. */
async function readUntil({ body }: Response, pattern: RegExp): Promise<string> {
  let text = ''
  for await (const chunk of (body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    text += chunk
    if (pattern.test(text)) return text
  }
  throw new Error(`the stream ended after: ${text}`)
}

it.each([
  // Shows that the server does it.
  ['directly', startServer],
  ['through the gateway', startBehindGateway],
])('is given the rest by a server that keeps it, %s', async (_, start) => {
  const url = await start()
  const session = await initialize(url)
  const leave = new AbortController()
  const params = {
    name: 'slow',
    // Two seconds: it runs on while the client is away.
    arguments: { steps: 100, stepMs: 20 },
    _meta: { progressToken: 'p' },
  }
  const call = await post(url, session, { id: 2, method: 'tools/call', params }, leave.signal)
  const begun = await readUntil(call, /id: \S+\ndata: .*"progress":2.*\n\n/)
  leave.abort()
  const lastEventId = begun.match(/id: (\S+)\ndata: .*"progress":2/)?.[1] ?? ''
  const comeBack = (): Promise<Response> =>
    fetch(url, {
      headers: {
        accept: 'text/event-stream',
        'mcp-session-id': session,
        'mcp-protocol-version': VERSION,
        'last-event-id': lastEventId,
      },
    })
  // The server has to notice the loss first, for which a second is plenty; the call takes two.
  const deadlineMs = performance.now() + 1_000
  let rest = await comeBack()
  while (rest.status === 409 && performance.now() < deadlineMs) {
    await rest.text()
    rest = await comeBack()
  }
  expect(rest.status).toBe(200)
  const missed = await readUntil(rest, /"result"/)
  expect(missed.match(/"progress":\d+/g)).toHaveLength(98)
  expect(missed).toContain('done after 100 steps')
})
