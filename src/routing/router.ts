// Path to route, and the contract by which a call goes on: whoever sends into a pool hears the answer through a sink
// that also learns which endpoint gave it.
import type { GatewayError, RawHeaders } from '../core/index.ts'
import type { UpstreamCall, UpstreamRequest } from '../upstream/index.ts'

/** One replica of a server. */
export interface EndpointStatus {
  /** Stable name made of what the endpoint is, not of its place in the config; safe inside a sealed id. */
  readonly key: string
  /** URL without query, or the command's name: for logs and health. */
  readonly name: string
  readonly healthy: boolean
  /** Wall-clock time of the last look or call that told whether it is reachable; undefined before the first. */
  readonly lastCheckMs: number | undefined
}

/** Receives a routed answer; see AnswerSink for the order of calls. `onFailure` comes once nothing else can be tried. */
export interface RoutedSink {
  onHead(status: number, headers: RawHeaders, from: EndpointStatus): void
  onData(chunk: Uint8Array): boolean
  onEnd(trailers: RawHeaders): void
  onFailure(error: GatewayError): void
}

/** The endpoints of one server, with their health. */
export interface Pool {
  readonly server: string
  /**
   * Sends to the endpoint with this key, or without one to the next in turn. A request that provably never left goes
   * to another endpoint, unless it is bound to one; nothing else is ever sent twice.
   */
  send(request: UpstreamRequest, sink: RoutedSink, boundTo?: string): UpstreamCall
  /** True when an endpoint with this key is part of the pool and was not last seen unreachable. */
  holds(endpointKey: string): boolean
  endpoints(): readonly EndpointStatus[]
}

/** Finds what a path leads to. */
export interface Router<R> {
  find(path: string): R | undefined
}

/** Routes by exact path. */
export function createRouter<R extends { readonly path: string }>(routes: readonly R[]): Router<R> {
  const byPath = new Map(routes.map((route) => [route.path, route]))
  return { find: (path) => byPath.get(path) }
}
