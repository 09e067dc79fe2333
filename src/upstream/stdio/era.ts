// Which era a child speaks: the question put to it, what its answer means, and what a client of the other era is told.
import { eraOfVersion, isObject, type JsonObject, META, MODERN_VERSIONS } from '../../wire/index.ts'
import { errorCodeOf } from '../session/server-message.ts'

/** Time for the answer to `server/discover`: a child may first have to be downloaded or to warm up. */
export const DISCOVER_TIMEOUT_MS = 15_000

export const UNSUPPORTED_PROTOCOL_VERSION = -32_022

/** The modern versions a child speaks; none when it is of the legacy era only. */
export type EraVerdict = readonly string[]

/** The first message to a shared child (MCP 2026-07-28 stdio §Backward compatibility). */
export function discoverRequest(id: number): Buffer {
  const _meta = { [META.protocolVersion]: MODERN_VERSIONS[0], [META.clientCapabilities]: {} }
  return Buffer.from(
    JSON.stringify({ jsonrpc: '2.0', id, method: 'server/discover', params: { _meta } }),
  )
}

/**
 * A DiscoverResult or UnsupportedProtocolVersion is proof of a modern server; any other error is not, whatever its code
 * (MCP 2026-07-28 stdio §Backward compatibility: "MUST NOT be keyed to one specific error code").
 */
export function readVerdict(answer: JsonObject): EraVerdict {
  const result = answer['result']
  if (isObject(result)) return modernOnly(result['supportedVersions'])
  if (errorCodeOf(answer) !== UNSUPPORTED_PROTOCOL_VERSION) return []
  return modernOnly(supportedOf(answer))
}

/** `error.data.supported` of an UnsupportedProtocolVersion error. */
export function supportedOf(answer: JsonObject): unknown {
  const error = answer['error']
  const data = isObject(error) ? error['data'] : undefined
  return isObject(data) ? data['supported'] : undefined
}

/** The modern versions in a list that a child sent. */
export function modernOnly(versions: unknown): readonly string[] {
  if (!Array.isArray(versions)) return []
  return versions.filter(
    (it): it is string => typeof it === 'string' && eraOfVersion(it) === 'modern',
  )
}
