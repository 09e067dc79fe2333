// A legacy client that does exactly what a test says, over fetch.
import { readEvents, type EventStreamReader } from '../event-reader.ts'

export interface RawSessionOptions {
  readonly version?: string
  readonly capabilities?: object
  readonly caller?: string
}

export interface RawSession {
  readonly url: string
  readonly id: string
  readonly headers: Readonly<Record<string, string>>
  /** What `initialize` was answered with. */
  readonly initialized: Record<string, unknown>
  /** POSTs a message, or several. */
  post(message: object, signal?: AbortSignal): Promise<Response>
  /** POSTs a request and reads its JSON answer. */
  ask(method: string, params?: object, id?: string | number): Promise<Record<string, unknown>>
  /** POSTs a request and reads its event stream. */
  stream(method: string, params?: object, id?: string | number): Promise<EventStreamReader>
  /** Opens the event stream, or resumes one. */
  get(lastEventId?: string): Promise<Response>
  /** Answers a request of the server. */
  reply(id: unknown, result: object): Promise<Response>
}

export const ALL_CAPABILITIES = {
  sampling: {},
  elicitation: { form: {}, url: {} },
  roots: { listChanged: true },
}

export async function openRawSession(
  url: string,
  { version = '2025-11-25', capabilities = ALL_CAPABILITIES, caller }: RawSessionOptions = {},
): Promise<RawSession> {
  const base = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...(caller !== undefined && { 'test-caller': caller }),
  }
  const params = {
    protocolVersion: version,
    capabilities,
    clientInfo: { name: 'raw', version: '3' },
  }
  const answer = await fetch(url, {
    method: 'POST',
    headers: base,
    body: JSON.stringify({ jsonrpc: '2.0', id: 'init', method: 'initialize', params }),
  })
  const { result: initialized } = (await answer.json()) as { result: Record<string, unknown> }
  const id = answer.headers.get('mcp-session-id') ?? ''
  const headers = {
    ...base,
    'mcp-session-id': id,
    ...(version !== '2025-03-26' && { 'mcp-protocol-version': version }),
  }
  const post = (message: object, signal?: AbortSignal): Promise<Response> =>
    fetch(url, {
      method: 'POST',
      headers,
      body: JSON.stringify(message),
      ...(signal !== undefined && { signal }),
    })
  const request = (method: string, requestParams: object, requestId: string | number) =>
    post({ jsonrpc: '2.0', id: requestId, method, params: requestParams })
  return {
    url,
    id,
    headers,
    initialized,
    post,
    ask: async (method, asked = {}, askedId = 1) =>
      (await (await request(method, asked, askedId)).json()) as Record<string, unknown>,
    stream: async (method, asked = {}, askedId = 1) =>
      readEvents(await request(method, asked, askedId)),
    get: (lastEventId) =>
      fetch(url, {
        headers: { ...headers, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) },
      }),
    reply: (replyId, result) => post({ jsonrpc: '2.0', id: replyId, result }),
  }
}
