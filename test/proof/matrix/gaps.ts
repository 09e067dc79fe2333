// What cannot work, cell by cell, with the reason. A cell that is listed here and works fails the test.
import type { ClientKind } from './client.ts'
import type { Feature } from './features.ts'
import type { ServerKind } from './servers.ts'

/** What a server that answers each message for itself lacks, whoever its client is. */
const WITHOUT_SESSIONS: Readonly<Record<string, string>> = {
  elicit: 'cannot ask',
  sample: 'cannot ask',
  roots: 'cannot ask',
  subscribe: 'has no stream for updates',
}

/** The same, where a client of the legacy era speaks to it: in the other era each request says these things for itself. */
const WITHOUT_SESSIONS_LEGACY: Readonly<Record<string, string>> = {
  ...WITHOUT_SESSIONS,
  cancel: 'cannot tell cancellations',
  log: 'forgets the level',
  resume: 'keeps no events',
}

const REASONS: Readonly<Record<string, string>> = {
  'cannot ask':
    'a server without sessions cannot ask: the answer comes as a message of its own that nothing ties to the question, and what the client can do was only said in `initialize` (MCP 2025-11-25 transports §Session Management, lifecycle §Capability Negotiation)',
  'has no stream for updates':
    'a server without sessions has no event stream beside its answers, and keeps no subscription (MCP 2025-11-25 transports §Listening for Messages from the Server)',
  'cannot tell cancellations':
    'a server without sessions cannot tell whose request a cancellation names, and a lost connection is no cancellation (MCP 2025-11-25 transports §Session Management, §Sending Messages to the Server)',
  'forgets the level':
    'a server without sessions forgets the level with the answer to `logging/setLevel` (MCP 2025-11-25 transports §Session Management)',
  'keeps no events':
    'to let clients resume is the choice of the server, and one without sessions keeps no events (MCP 2025-11-25 transports §Resumability and Redelivery)',
}

/** Why the feature is not there for the pair; undefined when it has to work. */
export function gapOf(
  client: ClientKind,
  server: ServerKind,
  { key }: Pick<Feature, 'key'>,
): string | undefined {
  const ofTransport = key === 'resume' ? unresumable(client) : undefined
  if (ofTransport !== undefined || server.holdsSessions) return ofTransport
  const lacks = client.era === 'legacy' ? WITHOUT_SESSIONS_LEGACY : WITHOUT_SESSIONS
  return REASONS[lacks[key] ?? '']
}

function unresumable({ era, transport }: ClientKind): string | undefined {
  if (era === 'modern')
    return 'the modern era has no resuming: the end of a stream is the end of its request (MCP 2026-07-28 transports §Cancellation)'
  if (transport === 'HTTP+SSE')
    return 'HTTP+SSE has no event ids to come back with (MCP 2024-11-05 transports §HTTP with SSE)'
  if (transport === 'WebSocket')
    return 'WebSocket is no transport of the specification, and its messages have no ids to come back with (MCP 2025-11-25 transports §Custom Transports)'
  return undefined
}
