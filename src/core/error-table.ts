// The one table of error codes. A code says how the failure is answered (HTTP status, JSON-RPC code), how loud it is in the
// log, and what an operator should make of it. The error that carries a code is errors.ts.

/** Who caused the failure: the client's request, this gateway, or the server behind it. */
export type ErrorSource = 'client' | 'gateway' | 'upstream'

/** Whether the caller may send the same request again: `never`, `if-unsent` (only when it provably never left), `safe`. */
export type RetryAdvice = 'never' | 'if-unsent' | 'safe'

/** One row of the table. */
export interface ErrorRow {
  readonly source: ErrorSource
  /** HTTP status (RFC 9110 §15) that a client gets. */
  readonly status: number
  /** JSON-RPC error code in the body; MCP reserves -32000 … -32099, so ours are the generic ones unless MCP names one. */
  readonly rpcCode: number
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly retry: RetryAdvice
  /** One sentence for the operator: what happened and what to do. */
  readonly meaning: string
}

const INVALID_REQUEST = -32600
const PARSE_ERROR = -32700
const INVALID_PARAMS = -32602
const INTERNAL = -32603
const HEADER_MISMATCH = -32020
const UNSUPPORTED_PROTOCOL_VERSION = -32022

/** Every code the gateway can answer with. `docs/reference/errors.md` is compared with this table by a test. */
export const errorTable = {
  GW_BAD_FRAMING: {
    source: 'client',
    status: 400,
    rpcCode: INVALID_REQUEST,
    level: 'info',
    retry: 'never',
    meaning:
      'The HTTP request is malformed or ambiguous (for example two Host headers, an absolute-form target, a header name with an underscore); nothing was forwarded.',
  },
  GW_HEADERS_TOO_LARGE: {
    source: 'client',
    status: 431,
    rpcCode: INVALID_REQUEST,
    level: 'info',
    retry: 'never',
    meaning:
      'The header section exceeds limits.max_header_bytes or limits.max_headers; send less or raise the limit.',
  },
  GW_BODY_TOO_LARGE: {
    source: 'client',
    status: 413,
    rpcCode: INVALID_REQUEST,
    level: 'info',
    retry: 'never',
    meaning: 'The request body exceeds limits.max_body_bytes; it was not forwarded.',
  },
  GW_REQUEST_TIMEOUT: {
    source: 'client',
    status: 408,
    rpcCode: INVALID_REQUEST,
    level: 'info',
    retry: 'safe',
    meaning:
      'The request did not arrive whole within limits.header_timeout or limits.request_timeout.',
  },
  GW_TOO_MANY_CONNECTIONS: {
    source: 'gateway',
    status: 503,
    rpcCode: INTERNAL,
    level: 'warn',
    retry: 'safe',
    meaning:
      'New connections come faster than limits.accept_rate, or limits.max_connections are open; Retry-After says when to come back.',
  },
  GW_DRAINING: {
    source: 'gateway',
    status: 503,
    rpcCode: INTERNAL,
    level: 'info',
    retry: 'safe',
    meaning: 'The gateway is stopping and takes no new calls; another replica will.',
  },
  GW_HOST_NOT_ALLOWED: {
    source: 'client',
    status: 403,
    rpcCode: INVALID_REQUEST,
    level: 'warn',
    retry: 'never',
    meaning:
      'The Host header names a host this listener does not answer for (DNS rebinding defence); add it to listeners[].allowed_hosts if it is yours.',
  },
  GW_ORIGIN_NOT_ALLOWED: {
    source: 'client',
    status: 403,
    rpcCode: INVALID_REQUEST,
    level: 'warn',
    retry: 'never',
    meaning:
      'A browser page of another origin made the request; add its origin to listeners[].allowed_origins if you trust it.',
  },
  GW_NO_ROUTE: {
    source: 'client',
    status: 404,
    rpcCode: INVALID_REQUEST,
    level: 'info',
    retry: 'never',
    meaning: 'No route has this path; compare the client’s URL with routes[].path.',
  },
  GW_METHOD_NOT_ALLOWED: {
    source: 'client',
    status: 405,
    rpcCode: INVALID_REQUEST,
    level: 'info',
    retry: 'never',
    meaning: 'MCP endpoints take POST, and from clients of the legacy era GET and DELETE.',
  },
  GW_UNSUPPORTED_MEDIA_TYPE: {
    source: 'client',
    status: 415,
    rpcCode: INVALID_REQUEST,
    level: 'info',
    retry: 'never',
    meaning: 'A POST to an MCP endpoint carries application/json in UTF-8, without content coding.',
  },
  GW_NOT_ACCEPTABLE: {
    source: 'client',
    status: 406,
    rpcCode: INVALID_REQUEST,
    level: 'info',
    retry: 'never',
    meaning:
      'The client’s Accept header rules out what the endpoint sends: POST needs application/json and text/event-stream, GET text/event-stream.',
  },
  GW_PARSE_ERROR: {
    source: 'client',
    status: 400,
    rpcCode: PARSE_ERROR,
    level: 'info',
    retry: 'never',
    meaning:
      'The body is not valid JSON in UTF-8, or is nested or populated beyond limits.max_json_depth or limits.max_json_elements.',
  },
  GW_INVALID_MESSAGE: {
    source: 'client',
    status: 400,
    rpcCode: INVALID_REQUEST,
    level: 'info',
    retry: 'never',
    meaning:
      'The body is JSON but not a JSON-RPC message this endpoint takes (shape, id, batch, or a duplicate key where a decision hangs on it).',
  },
  GW_INVALID_ENVELOPE: {
    source: 'client',
    status: 400,
    rpcCode: INVALID_PARAMS,
    level: 'info',
    retry: 'never',
    meaning: 'A request of the modern era lacks a required member of params._meta.',
  },
  GW_HEADER_MISMATCH: {
    source: 'client',
    status: 400,
    rpcCode: HEADER_MISMATCH,
    level: 'info',
    retry: 'never',
    meaning:
      'An MCP header is missing or malformed, or does not say the same as the body (MCP 2026-07-28, HeaderMismatch).',
  },
  GW_UNSUPPORTED_VERSION: {
    source: 'client',
    status: 400,
    rpcCode: UNSUPPORTED_PROTOCOL_VERSION,
    level: 'info',
    retry: 'never',
    meaning:
      'The server behind this route does not speak the client’s protocol version; error.data.supported lists those it does.',
  },
  GW_WRONG_ERA: {
    source: 'client',
    status: 400,
    rpcCode: INVALID_REQUEST,
    level: 'info',
    retry: 'never',
    meaning:
      'The server speaks another era of MCP than it was taken for, and refused the call twice; see what it answers to initialize and to server/discover, or pin servers.*.protocol.',
  },
  GW_SESSION_REQUIRED: {
    source: 'client',
    status: 400,
    rpcCode: INVALID_REQUEST,
    level: 'info',
    retry: 'never',
    meaning:
      'A request of the legacy era to this server needs the Mcp-Session-Id that its initialize was answered with.',
  },
  GW_SESSION_NOT_FOUND: {
    source: 'client',
    status: 404,
    rpcCode: INVALID_REQUEST,
    level: 'info',
    retry: 'never',
    meaning:
      'The session id is unknown, ended, or not from this gateway; the client must initialize again.',
  },
  GW_STREAM_CONFLICT: {
    source: 'client',
    status: 409,
    rpcCode: INVALID_REQUEST,
    level: 'info',
    retry: 'never',
    meaning: 'The session already has an open GET event stream; a message may go to only one.',
  },
  GW_LOOP_DETECTED: {
    source: 'gateway',
    status: 508,
    rpcCode: INTERNAL,
    level: 'error',
    retry: 'never',
    meaning:
      'The request has passed this gateway before: an endpoint URL points back at the gateway itself.',
  },
  GW_CLIENT_GONE: {
    source: 'client',
    status: 499,
    rpcCode: INVALID_REQUEST,
    level: 'debug',
    retry: 'never',
    meaning: 'The client closed the connection before its answer was complete.',
  },
  GW_SLOW_READER: {
    source: 'client',
    status: 499,
    rpcCode: INVALID_REQUEST,
    level: 'warn',
    retry: 'never',
    meaning:
      'The client did not read its answer within limits.slow_reader_timeout; the connection was cut to keep memory flat.',
  },
  GW_UPSTREAM_UNREACHABLE: {
    source: 'upstream',
    status: 502,
    rpcCode: INTERNAL,
    level: 'warn',
    retry: 'safe',
    meaning:
      'No endpoint of the server could be connected to; the request never left. Check that the server runs and its address is right.',
  },
  GW_UPSTREAM_TLS: {
    source: 'upstream',
    status: 502,
    rpcCode: INTERNAL,
    level: 'error',
    retry: 'safe',
    meaning:
      'TLS with the endpoint failed: its certificate (authority, name, validity, pin), the gateway’s own client certificate, or no version, suite or group in common. The request never left.',
  },
  GW_UPSTREAM_BROKEN: {
    source: 'upstream',
    status: 502,
    rpcCode: INTERNAL,
    level: 'warn',
    retry: 'never',
    meaning:
      'The endpoint closed the connection or sent something that is not HTTP before its answer was complete; the call may have run.',
  },
  GW_UPSTREAM_TIMEOUT: {
    source: 'upstream',
    status: 504,
    rpcCode: INTERNAL,
    level: 'warn',
    retry: 'never',
    meaning:
      'The endpoint did not answer within its response_timeout or went silent for idle_timeout; the call may have run.',
  },
  GW_UPSTREAM_OVERLOADED: {
    source: 'upstream',
    status: 503,
    rpcCode: INTERNAL,
    level: 'warn',
    retry: 'safe',
    meaning:
      'The endpoint has max_connections calls under way and its queue is full, or all max_children stdio processes are in use; the request never left.',
  },
  GW_UPSTREAM_REDIRECT: {
    source: 'upstream',
    status: 502,
    rpcCode: INTERNAL,
    level: 'error',
    retry: 'never',
    meaning:
      'The endpoint answered with a redirect, which is not followed; configure the final URL.',
  },
  GW_UPSTREAM_AUTH: {
    source: 'upstream',
    status: 502,
    rpcCode: INTERNAL,
    level: 'error',
    retry: 'never',
    meaning:
      'The endpoint asks for credentials of its own, which the gateway does not hold; a client’s Authorization is never passed on.',
  },
  GW_CHILD_FAILED: {
    source: 'upstream',
    status: 502,
    rpcCode: INTERNAL,
    level: 'warn',
    retry: 'never',
    meaning:
      'The stdio server ended, could not be started, or broke the framing while the call was under way; its stderr is in the log.',
  },
  GW_INTERNAL: {
    source: 'gateway',
    status: 500,
    rpcCode: INTERNAL,
    level: 'error',
    retry: 'never',
    meaning:
      'A fault in the gateway itself; the log line with the same request id has the cause. Please report it.',
  },
  GW_UPSTREAM_PROTOCOL: {
    source: 'upstream',
    status: 502,
    rpcCode: INTERNAL,
    level: 'error',
    retry: 'never',
    meaning:
      'The endpoint answered with something that is not MCP: not JSON-RPC in UTF-8, nested too deep, larger than the gateway takes, or with a content coding that nobody asked for.',
  },
  GW_TOO_MANY_SESSIONS: {
    source: 'gateway',
    status: 503,
    rpcCode: INTERNAL,
    level: 'warn',
    retry: 'safe',
    meaning:
      'The gateway holds sessions.max_sessions sessions of legacy clients and none of them is idle.',
  },
  GW_TOO_MANY_SUBSCRIPTIONS: {
    source: 'gateway',
    status: 503,
    rpcCode: INTERNAL,
    level: 'warn',
    retry: 'safe',
    meaning:
      'The caller has limits.max_subscriptions_per_caller subscriptions open, or all callers together limits.max_subscriptions.',
  },
  GW_TOO_MANY_CALLS: {
    source: 'client',
    status: 429,
    rpcCode: INVALID_REQUEST,
    level: 'warn',
    retry: 'safe',
    meaning: 'The client has more calls under way in one session than the gateway keeps apart.',
  },
  GW_EVENT_NOT_FOUND: {
    source: 'client',
    status: 400,
    rpcCode: INVALID_REQUEST,
    level: 'info',
    retry: 'never',
    meaning:
      'Last-Event-ID names no event of a stream that can still be resumed: it was never sent in this session, or longer ago than sessions.replay (stdio.replay, http_sse.replay) keeps it.',
  },
  GW_WEBSOCKET_HANDSHAKE: {
    source: 'client',
    status: 400,
    rpcCode: INVALID_REQUEST,
    level: 'info',
    retry: 'never',
    meaning:
      'The opening handshake of a WebSocket is malformed, or does not offer the subprotocol mcp (Sec-WebSocket-Protocol).',
  },
  GW_WEBSOCKET_VERSION: {
    source: 'client',
    status: 426,
    rpcCode: INVALID_REQUEST,
    level: 'info',
    retry: 'never',
    meaning: 'The client asks for another version of the WebSocket protocol than 13 (RFC 6455).',
  },
  GW_CHANNEL_NOT_FOUND: {
    source: 'client',
    status: 404,
    rpcCode: INVALID_REQUEST,
    level: 'info',
    retry: 'never',
    meaning:
      'A message was posted to an HTTP+SSE channel that is over, was opened by somebody else or on another route, or is held by another replica; the client must open its event stream again.',
  },
  GW_CHANNEL_FULL: {
    source: 'gateway',
    status: 503,
    rpcCode: INTERNAL,
    level: 'info',
    retry: 'safe',
    meaning:
      'The client has limits.channels.max_calls requests under way on one HTTP+SSE or WebSocket channel, or more waiting for its initialize than are kept.',
  },
  GW_TOO_MANY_CHANNELS: {
    source: 'gateway',
    status: 503,
    rpcCode: INTERNAL,
    level: 'warn',
    retry: 'safe',
    meaning:
      'As many HTTP+SSE and WebSocket channels are open as limits.channels.max_open allows, or for this caller as limits.channels.max_open_per_caller does.',
  },
  GW_ANSWER_TOO_LARGE: {
    source: 'upstream',
    status: 502,
    rpcCode: INTERNAL,
    level: 'warn',
    retry: 'never',
    meaning:
      'A message of the server is longer than limits.channels.max_message_bytes, or the channel holds too many unfinished ones; on HTTP+SSE and WebSocket a message is held until it is whole.',
  },
  GW_UPSTREAM_STATUS: {
    source: 'upstream',
    status: 502,
    rpcCode: INTERNAL,
    level: 'warn',
    retry: 'never',
    meaning:
      'The endpoint answered with an HTTP error status and no JSON-RPC message that would say why; error.data.status has it. Check that the endpoint’s URL is the one of its MCP server.',
  },
  GW_UPSTREAM_INITIALIZE: {
    source: 'upstream',
    status: 502,
    rpcCode: INTERNAL,
    level: 'warn',
    retry: 'safe',
    meaning:
      'The server of the legacy era did not begin a session with the gateway: it refused `initialize`, or chose a protocol version that the gateway does not know. The call was not sent.',
  },
  GW_UPSTREAM_SESSION_LOST: {
    source: 'upstream',
    status: 502,
    rpcCode: INTERNAL,
    level: 'warn',
    retry: 'safe',
    meaning:
      'The server of the legacy era does not know the gateway’s session any more, as after a restart, and refused the call (404); by MCP it did not run. The next call begins a new session.',
  },
  GW_PLUGIN_DENIED: {
    source: 'client',
    status: 403,
    rpcCode: INVALID_REQUEST,
    level: 'warn',
    retry: 'never',
    meaning:
      'A plugin of the route refused the call, or what came of it; the message says which one, and why in its words. After a tool_post_invoke, prompt_post_fetch or resource_post_fetch the call has run.',
  },
  GW_PLUGIN_FAILED: {
    source: 'upstream',
    status: 502,
    rpcCode: INTERNAL,
    level: 'warn',
    retry: 'never',
    meaning:
      'A plugin of the route with mode enforce could not be reached, did not answer within its timeout, answered with something that is no answer to a hook, or did not say its hooks where they are not written; the log line with the same request id says which one and why. The call may have run.',
  },
} as const satisfies Record<string, ErrorRow>

/** A code of the table, the stable name to match on. */
export type ErrorCode = keyof typeof errorTable
