// Messages of both eras as a careful client writes them.
import { META } from '../../src/wire/index.ts'

const MODERN = '2026-07-28'
const LEGACY = '2025-11-25'

export interface PostedMessage {
  readonly method: 'POST'
  readonly headers: Record<string, string>
  readonly body: string
}

export function modernRequest(
  method: string,
  params: Record<string, unknown> = {},
  id: string | number = 1,
): PostedMessage {
  const name = params['name'] ?? params['uri']
  const meta = {
    ...(params['_meta'] as object | undefined),
    [META.protocolVersion]: MODERN,
    [META.clientCapabilities]: {},
  }
  return {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': MODERN,
      'mcp-method': method,
      ...(typeof name === 'string' && { 'mcp-name': name }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta: meta } }),
  }
}

export function legacyMessage(message: Record<string, unknown>, sessionId?: string): PostedMessage {
  return {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(sessionId !== undefined && {
        'mcp-session-id': sessionId,
        'mcp-protocol-version': LEGACY,
      }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  }
}

export const initialize = (id: string | number = 0): PostedMessage =>
  legacyMessage({
    id,
    method: 'initialize',
    params: {
      protocolVersion: LEGACY,
      capabilities: {},
      clientInfo: { name: 'test', version: '1' },
    },
  })

/** Initializes a session at `url` and returns its id. */
export async function openSession(url: string): Promise<string> {
  const response = await fetch(url, initialize())
  await response.text()
  const sessionId = response.headers.get('mcp-session-id')
  if (sessionId === null) throw new Error(`no session: ${response.status}`)
  await fetch(url, legacyMessage({ method: 'notifications/initialized' }, sessionId))
  return sessionId
}
