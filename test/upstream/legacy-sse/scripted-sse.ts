// An HTTP+SSE server whose every word is chosen by the test.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { startHttpServer, jsonOf, type TestServer } from '../../support/servers.ts'

export interface Posted {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly message: { readonly id?: unknown; readonly method?: string; readonly params?: unknown }
}

export interface ScriptedSse extends TestServer {
  /** Messages that came, in order. */
  readonly posted: Posted[]
  /** POSTs at the URL of the event stream, which were refused. */
  readonly refused: IncomingMessage['headers'][]
  /** Requests for the event stream that came. */
  readonly opened: IncomingMessage['headers'][]
  /** Event streams that are open. */
  readonly streams: Set<ServerResponse>
  /** Writes to all of them. */
  say(text: string): void
}

export interface SseScript {
  /** What GET is answered with; default: an event stream that says where to post. */
  readonly onGet?: (response: ServerResponse) => void
  readonly onPost?: (posted: Posted, response: ServerResponse) => void
  /** Members of the answer to `initialize`; default: version 2024-11-05, no capabilities. */
  readonly initializeResult?: object
}

export const event = (message: object): string =>
  `event: message\ndata: ${JSON.stringify(message)}\n\n`

export const endpointEvent = (data: string): string => `event: endpoint\ndata: ${data}\n\n`

export function openStream(response: ServerResponse, first: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).write(first)
}

/** Answers `initialize` as any server does; everything else is up to the script. */
export async function startScriptedSse(script: SseScript = {}): Promise<ScriptedSse> {
  const posted: Posted[] = []
  const refused: IncomingMessage['headers'][] = []
  const opened: IncomingMessage['headers'][] = []
  const streams = new Set<ServerResponse>()
  const say = (text: string): void => {
    for (const stream of streams) stream.write(text)
  }
  const onPost = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const message = await jsonOf(request)
    const post = { path: request.url ?? '', headers: request.headers, message }
    posted.push(post)
    if (script.onPost !== undefined) script.onPost(post, response)
    else response.writeHead(202).end('Accepted')
    if (message.method === 'initialize') say(event(initialized(message.id, script)))
  }
  const server = await startHttpServer((request, response) => {
    if (request.method === 'GET') {
      opened.push(request.headers)
      streams.add(response)
      response.once('close', () => streams.delete(response))
      if (script.onGet === undefined) openStream(response, endpointEvent('/post?s=1'))
      else script.onGet(response)
    } else if (request.url?.startsWith('/mcp') === true) {
      refused.push(request.headers)
      response.writeHead(405, { 'x-refused': 'yes' }).end('Method Not Allowed')
    } else void onPost(request, response)
  })
  return Object.assign(server, { posted, refused, opened, streams, say })
}

function initialized(id: unknown, { initializeResult }: SseScript): object {
  const result = { protocolVersion: '2024-11-05', capabilities: {}, ...initializeResult }
  return { jsonrpc: '2.0', id, result }
}
