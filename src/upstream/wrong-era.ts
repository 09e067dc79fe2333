// What a client is told by a server that speaks only the other era of MCP.
import { GatewayError } from '../core/index.ts'
import { LEGACY_VERSIONS } from '../wire/index.ts'

/**
 * What a modern client hears when the server speaks only the legacy era: 400 with an error that is none of the modern
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
 * What a legacy client hears from a server that speaks only the modern era. Its versions are named, because this "may
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
