// Which era a child speaks: the question put to it, what its answer means, and what a client of the other era is told.
import { GatewayError } from '../../core/index.ts'
import {
  eraOfVersion,
  isObject,
  type JsonObject,
  LEGACY_VERSIONS,
  META,
  MODERN_VERSIONS,
} from '../../wire/index.ts'
import { errorCodeOf } from './child-message.ts'

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

/**
 * What a modern client hears when the command speaks only the legacy era: 400 with an error that is none of the modern
 * era's own. UnsupportedProtocolVersion (-32022) would fit by its name, but it "identifies a modern server" and forbids the
 * fallback (MCP 2026-07-28 versioning §Backward compatibility); a client of both eras falls back to `initialize` on "a
 * `4xx` without a recognized modern error body" (ibid. §Compatibility matrix). The official clients in TypeScript and Python fall
 * back on either, the one in Rust only on this. Not 5xx: the TypeScript client gives up on those.
 */
export function legacyOnly(name: string, requested: string | undefined): GatewayError {
  return new GatewayError(
    'GW_WRONG_ERA',
    `the server "${name}" speaks only the legacy era of MCP (${LEGACY_VERSIONS.join(', ')}): begin with initialize`,
    { data: { supported: LEGACY_VERSIONS, requested: requested ?? null } },
  )
}

/**
 * What a legacy client hears from a command that speaks only the modern era. Its versions are named, because this "may
 * be the only diagnostic they can surface to users" (MCP 2026-07-28 versioning §Backward compatibility); and the code is
 * the modern one, so that a client of both eras goes forward and one of the oldest does not look for HTTP+SSE.
 */
export function modernOnlyRefusal(
  name: string,
  supported: readonly string[],
  requested: unknown,
): GatewayError {
  return new GatewayError(
    'GW_UNSUPPORTED_VERSION',
    `the server "${name}" speaks only the modern era of MCP (${supported.join(', ')}), which has no initialize`,
    { data: { supported, requested: typeof requested === 'string' ? requested : null } },
  )
}
