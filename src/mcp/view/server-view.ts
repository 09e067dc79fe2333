// The contract of the working lane: a server, or several as one, seen the way the modern era sees it, whatever it speaks
// itself. Fronts turn what clients of either era say into requests to a view; backs turn those into what a server takes.
import type { GatewayError, RawHeaders } from '../../core/index.ts'
import type { JsonObject } from '../../wire/index.ts'
import type { VerbatimCall, VerbatimRequest, VerbatimSink } from './verbatim.ts'

/** Who asks, as far as a server may know or depend on it. */
export interface Caller {
  /** Who is behind the exchange: callers with equal keys, and only those, may share what is private to one. */
  readonly key: string
  /** What the client calls itself (`name`, `version`); undefined when it does not say. */
  readonly clientInfo: JsonObject | undefined
  /** What the client can do, in the vocabulary of the modern era. */
  readonly capabilities: JsonObject
  /** As `textOfCaller`, where it was worked out once for many calls: only by `lastingCaller`. */
  readonly text?: string
}

/** Where a request to a view comes from. */
export interface ViewOrigin {
  readonly caller: Caller
  /** End-to-end fields for HTTP endpoints: the client's own and Via, without those of MCP, of content and of negotiation. */
  readonly headers: RawHeaders
}

/** One request, at the level of messages. Ids are each side's own and do not appear. */
export interface ViewRequest extends ViewOrigin {
  readonly method: string
  /** Without what the envelope says (version, capabilities, client, log level); all else of `_meta` is in it, the progress token included. */
  readonly params: JsonObject
  /** Least severe log message that the client wants to hear of this request; undefined: none. */
  readonly logLevel: string | undefined
}

export interface RpcNotification {
  readonly method: string
  readonly params?: JsonObject
}

export interface RpcError {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

/**
 * Hears the answer to one request: notifications, then exactly one of the others. Nothing before `call` has returned,
 * nothing after `cancel`.
 */
export interface ViewSink {
  /** Progress, with the client's own token, or a log message. */
  onNotification(notification: RpcNotification): void
  /** In the vocabulary of the modern era: `resultType` is always there, `ttlMs` and `cacheScope` where it wants them. */
  onResult(result: JsonObject): void
  /** The server's own error, in the codes of the modern era. */
  onError(error: RpcError): void
  /** The gateway could not get an answer, or gives one of its own. */
  onFailure(error: GatewayError): void
}

/** A request or subscription under way. */
export interface ViewCall {
  /** Nobody wants the answer any more; the server is told where its transport has a way to. Nothing after the end. */
  cancel(): void
}

/** Which changes a subscription is about (MCP 2026-07-28 subscriptions). */
export interface ListenFilter {
  readonly toolsListChanged?: boolean
  readonly promptsListChanged?: boolean
  readonly resourcesListChanged?: boolean
  readonly resourceSubscriptions?: readonly string[]
  readonly taskIds?: readonly string[]
}

export interface ListenRequest extends ViewOrigin {
  readonly filter: ListenFilter
}

/** Hears a subscription: the acknowledgement, then changes, then at most one of the last two. Nothing before `listen` has returned. */
export interface ListenSink {
  /** What of the filter the server honours. */
  onAcknowledged(honoured: ListenFilter): void
  /** Without a subscription id, which is the front's. */
  onNotification(change: RpcNotification): void
  /** The server ended it in good order. */
  onEnd(): void
  /** It was refused or broke off; changes may have been missed. */
  onFailure(error: GatewayError | RpcError): void
}

export interface ServerView {
  /** Of the server in the config, for logs and errors. */
  readonly name: string
  /** Asks the server. Never throws. `server/discover` is a method like any other. */
  call(request: ViewRequest, sink: ViewSink): ViewCall
  /** Subscribes to changes. Never throws. */
  listen(request: ListenRequest, sink: ListenSink): ViewCall
  /**
   * Sends a tool call of a legacy client in its own bytes. Undefined: the call has to be made, since the server is not known to
   * be of that era, or no session with it is open for the caller. Left out by what speaks to no server itself.
   */
  callVerbatim?(request: VerbatimRequest, sink: VerbatimSink): VerbatimCall | undefined
  /**
   * Ends what is kept for the caller with this key, since nobody will ever come under it again: it belonged to one session,
   * whose calls and subscriptions are over. What is kept for all others, their own idle timeouts end. Left out by what
   * keeps nothing for callers.
   */
  forgetCaller?(callerKey: string): void
  /**
   * Ends the call that waits for the caller to come back with this `requestState`, since it will not. Does nothing about a state
   * of somebody else's. Left out by what lets no call wait.
   */
  abandon?(callerKey: string, requestState: string): void
}
