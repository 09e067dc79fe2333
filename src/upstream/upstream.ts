// The contract between routing and an endpoint's transport: one MCP message goes out in HTTP terms, an answer comes
// back through a sink as it arrives. Every transport (Streamable HTTP, stdio) implements Upstream; none of them knows
// about routes, sealed session ids or the client's socket.
import type { Content, GatewayError, Part, RawHeaders } from '../core/index.ts'
import type { TlsSource } from '../tls/index.ts'
import type { Inbound } from '../wire/index.ts'

/** What is sent to an endpoint. */
export interface UpstreamRequest {
  readonly method: 'POST' | 'GET' | 'DELETE'
  /** The client's query with its question mark, or ''. */
  readonly query: string
  /** End-to-end fields in the client's order, without Host and Content-Length; the session id is already the endpoint's own. */
  readonly headers: RawHeaders
  /** The original bytes of the message; undefined for GET and DELETE. */
  readonly body: Buffer | undefined
  /** The same in pieces, where that is how they came. */
  readonly content?: Content | undefined
  /** The same message, parsed and checked; undefined for GET and DELETE. */
  readonly inbound: Inbound | undefined
  /** The endpoint's own session id in the legacy era, if the client named a session. */
  readonly sessionId: string | undefined
  /** True for exchanges that may stay open and silent for hours: GET event streams and subscriptions/listen. */
  readonly longLived: boolean
}

/** Receives one answer: `onHead`, then `onData` …, then `onEnd`; or `onFailure` at any point. Exactly one of the last two. */
export interface AnswerSink {
  /** The endpoint's status and end-to-end headers, untouched otherwise. */
  onHead(status: number, headers: RawHeaders): void
  /** False asks the upstream to pause until `resume`. */
  onData(chunk: Uint8Array): boolean
  onEnd(trailers: RawHeaders): void
  /** `sent` is false when the request provably never left: only then may it go elsewhere. */
  onFailure(error: GatewayError, sent: boolean): void
}

/** The handle of a call under way. Both are no-ops after the end. */
export interface UpstreamCall {
  /** Goes on after an `onData` that returned false. */
  resume(): void
  /** While true, silence of the endpoint within its answer is no failure: it waits for something itself. Default false. */
  expectSilence?(isExpected: boolean): void
  /** Gives the call up: the endpoint sees a closed stream (HTTP) or a cancellation (stdio). The sink hears nothing more. */
  abort(): void
}

export interface Upstream extends Part {
  /** The TLS configuration of its connections, which may be shared with other endpoints. Undefined: it has none. */
  readonly tls?: TlsSource | undefined
  /** What is unsafe about the way to the endpoint, one sentence each. They are said at every start and shown in `/readyz`. */
  readonly warnings?: readonly string[]
  /** Sends the request. Never throws: every failure reaches the sink, and not before `send` has returned. */
  send(request: UpstreamRequest, sink: AnswerSink): UpstreamCall
  /**
   * Looks whether the endpoint can be reached, without calling anything on it.
   * Resolves when it can. @throws GatewayError GW_UPSTREAM_UNREACHABLE, GW_UPSTREAM_TLS, GW_CHILD_FAILED
   */
  probe(timeoutMs: number): Promise<void>
}
