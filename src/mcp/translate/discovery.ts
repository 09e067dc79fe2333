// What a server says of itself: the answer to `server/discover` made of the one to `initialize`, and the other way round.
import {
  isObject,
  LEGACY_VERSIONS,
  META,
  MODERN_VERSIONS,
  type JsonObject,
} from '../../wire/index.ts'
import { toLegacyServerCapabilities, toModernServerCapabilities } from './capabilities.ts'
import { withMeta } from './envelope.ts'
import type { CachePolicy } from './results.ts'

/** InitializeResult to DiscoverResult. */
export function discoverResult(initialized: JsonObject, cache: CachePolicy): JsonObject {
  const { protocolVersion: _, capabilities, serverInfo, _meta, ...rest } = initialized
  const meta = { ...(isObject(_meta) ? _meta : undefined) }
  if (isObject(serverInfo)) meta[META.serverInfo] = serverInfo
  const result = {
    ...rest,
    resultType: 'complete',
    supportedVersions: MODERN_VERSIONS,
    capabilities: isObject(capabilities) ? toModernServerCapabilities(capabilities) : {},
    ...cache,
  }
  return withMeta(result, meta)
}

/** DiscoverResult to InitializeResult. `name` stands in for a server that does not say what it is. */
export function initializeResult(
  discovered: JsonObject,
  requestedVersion: unknown,
  name: string,
): JsonObject {
  const {
    resultType: _resultType,
    supportedVersions: _supportedVersions,
    ttlMs: _ttlMs,
    cacheScope: _cacheScope,
    capabilities,
    _meta,
    ...rest
  } = discovered
  const { [META.serverInfo]: serverInfo, ...meta } = isObject(_meta) ? _meta : {}
  const result = {
    protocolVersion: negotiate(requestedVersion),
    capabilities: isObject(capabilities) ? toLegacyServerCapabilities(capabilities) : {},
    serverInfo: isObject(serverInfo) ? serverInfo : { name, version: '0' },
    ...rest,
  }
  return withMeta(result, meta)
}

/** The version that was asked for if it is known, else the newest (MCP 2025-11-25 lifecycle §Version negotiation). */
function negotiate(requested: unknown): string {
  const known: readonly unknown[] = LEGACY_VERSIONS
  return known.includes(requested) ? (requested as string) : LEGACY_VERSIONS[0]
}
