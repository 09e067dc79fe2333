// Options of an endpoint: one replica of a server, reached by URL or by command.
import type { ClientTlsOptions } from '../tls/index.ts'

/** What is kept of a session's event streams for clients that come back for it (Last-Event-ID). */
export interface ReplayOptions {
  /** Bytes per session; the oldest go first. */
  readonly maxBytes: number
  readonly maxAgeMs: number
}

export const DEFAULT_REPLAY: ReplayOptions = { maxBytes: 1_048_576, maxAgeMs: 300_000 }

/** Budgets of a legacy session that the gateway holds itself, because its server has no sessions over HTTP. */
export interface SessionLimits {
  /** A session without any message, in either direction, ends after this. */
  readonly idleTimeoutMs: number
  /** A session ends after this, whatever it does. */
  readonly maxLifetimeMs: number
  /** Longest message to or from the server. */
  readonly maxMessageBytes: number
  /** Time for the answer to one request; progress starts it anew. */
  readonly responseTimeoutMs: number
  /** Default DEFAULT_REPLAY. */
  readonly replay?: ReplayOptions
}

/** Budgets of the sessions that the gateway holds for an endpoint of HTTP+SSE; each has an event stream of its own. */
export type HttpSseOptions = Omit<SessionLimits, 'responseTimeoutMs'>

export const DEFAULT_HTTP_SSE: HttpSseOptions = {
  idleTimeoutMs: 600_000,
  maxLifetimeMs: 86_400_000,
  maxMessageBytes: 10_485_760,
  replay: DEFAULT_REPLAY,
}

/** What an endpoint by URL speaks: found out, or pinned to Streamable HTTP of one era, or to HTTP+SSE. */
export type HttpProtocol = 'auto' | 'modern' | 'legacy' | 'http_sse'

/** What a command speaks: found out, or pinned to one era. */
export type StdioProtocol = 'auto' | 'modern' | 'legacy'

export interface HttpEndpointOptions {
  readonly kind: 'http'
  /** Absolute http: or https: URL without user info and fragment. */
  readonly url: string
  /** Calls under way at once; each has a connection of its own. */
  readonly maxConnections: number
  /** Long-lived streams (GET, subscriptions/listen) open at once, on connections of their own. */
  readonly maxStreams: number
  /** Calls that may wait for a connection. */
  readonly maxPending: number
  readonly connectTimeoutMs: number
  /** Time to the head of the answer. */
  readonly responseTimeoutMs: number
  /** Silence within an answer; does not apply to long-lived streams. */
  readonly idleTimeoutMs: number
  /** For an https URL. Undefined: the roots of Node and the system, names checked, TLS 1.2 and 1.3. */
  readonly tls?: ClientTlsOptions
  /** Offer HTTP/2 in the TLS handshake; many calls then share a connection. Default false. */
  readonly http2?: boolean
  /** Default auto. */
  readonly protocol?: HttpProtocol
  /** Default DEFAULT_HTTP_SSE. */
  readonly httpSse?: HttpSseOptions
}

export interface StdioEndpointOptions extends SessionLimits {
  readonly kind: 'stdio'
  readonly command: string
  readonly args: readonly string[]
  /** Variables for the child besides the few a program needs to run at all; the gateway's own environment is not passed on. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
  /** Children of this endpoint alive at once. */
  readonly maxChildren: number
  /** From closing stdin to SIGTERM, and from there to SIGKILL. */
  readonly stopTimeoutMs: number
  /** Default auto. */
  readonly protocol?: StdioProtocol
}

export type EndpointOptions = HttpEndpointOptions | StdioEndpointOptions

/**
 * What a child gets of the gateway's environment: what programs need to find others, their home and their language. All
 * else, above all the gateway's secrets, stays here; a child that needs more gets it by its own `env`.
 */
const BASE_VARIABLES: readonly string[] = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'TERM',
  'LANG',
  'LC_ALL',
  'LC_CTYPE',
  'TZ',
  'TMPDIR',
]

/** The base variables that are set. */
export function pickBaseVariables(
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const set = BASE_VARIABLES.flatMap((name) => {
    const value = env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return Object.fromEntries(set)
}
