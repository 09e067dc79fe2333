// What refusals and failures say about the transport of an endpoint.
import type { ErrorCode, GatewayError } from '../../core/index.ts'
import { isObject } from '../../wire/index.ts'

/** What servers of HTTP+SSE answer to a POST at the URL of their event stream. */
const MAYBE_SSE: ReadonlySet<number> = new Set([400, 404, 405])

/** Errors that only the modern era has (MCP 2026-07-28 basic §Error codes). */
const MODERN_CODES: ReadonlySet<unknown> = new Set([-32_020, -32_021, -32_022])
const METHOD_NOT_FOUND = -32_601
const NOT_FOUND = 404

/** Failures to open an event stream that come from an endpoint which is there, but has none that begins as it should. */
const OTHER_TRANSPORT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'GW_UPSTREAM_BROKEN',
  'GW_UPSTREAM_TIMEOUT',
  'GW_UPSTREAM_REDIRECT',
])
/** Failures after which an endpoint may come back as another. */
const GONE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'GW_UPSTREAM_UNREACHABLE',
  'GW_UPSTREAM_TLS',
])

/** Whether an `initialize` that was refused with this status may have met a server of HTTP+SSE. */
export function mayBeSse(status: number): boolean {
  return MAYBE_SSE.has(status)
}

/** Whether a failure to open an event stream shows that the endpoint does not speak HTTP+SSE. */
export function isOtherTransport({ code }: GatewayError): boolean {
  return OTHER_TRANSPORT.has(code)
}

export function isGone({ code }: GatewayError): boolean {
  return GONE.has(code)
}

/**
 * Whether a refused `initialize` was refused by a server of the modern era: then it speaks Streamable HTTP, and there is
 * no older transport to look for (MCP 2026-07-28 versioning §Compatibility matrix).
 */
export function isModernRefusal(status: number, body: Buffer): boolean {
  const code = rpcErrorCode(body)
  // The modern era answers a method that it does not have with 404.
  return MODERN_CODES.has(code) || (status === NOT_FOUND && code === METHOD_NOT_FOUND)
}

function rpcErrorCode(body: Buffer): unknown {
  const message = parse(body)
  const error = isObject(message) ? message['error'] : undefined
  return isObject(error) ? error['code'] : undefined
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown
  } catch {
    // Usually an HTML page: no JSON-RPC error, which is what undefined means.
    return undefined
  }
}
