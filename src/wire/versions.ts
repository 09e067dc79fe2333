// Protocol revisions by era, and the names each era uses on the wire.
import type { Era } from './inbound.ts'

/** Revisions with an `initialize` handshake, newest first. */
export const LEGACY_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const

/** Revisions with per-request metadata, newest first. */
export const MODERN_VERSIONS = ['2026-07-28'] as const

/** The first modern revision: versions are dates, so later ones compare greater. */
const FIRST_MODERN = '2026-07-28'

/** The one revision that has JSON-RPC batches (MCP 2025-03-26 basic §Batching). */
export const BATCH_VERSION = '2025-03-26'

export function eraOfVersion(version: string): Era {
  return version >= FIRST_MODERN ? 'modern' : 'legacy'
}

/** Members of `params._meta` in the modern era (MCP 2026-07-28 basic §Request metadata). */
export const META = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  logLevel: 'io.modelcontextprotocol/logLevel',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
  /** In `result._meta`. */
  serverInfo: 'io.modelcontextprotocol/serverInfo',
} as const

/** Header names in lower case, as both HTTP versions compare them. */
export const HEADER = {
  protocolVersion: 'mcp-protocol-version',
  method: 'mcp-method',
  name: 'mcp-name',
  sessionId: 'mcp-session-id',
} as const

/** Which member of `params` the Mcp-Name header mirrors, by method (MCP 2026-07-28 transports; SEP-2663 for tasks). */
export const NAME_SOURCE: ReadonlyMap<string, 'name' | 'uri' | 'taskId'> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
])
