// Options of routing: which path leads to which server, and what replicas a server has.
import type { EndpointOptions } from '../upstream/options.ts'

export interface HealthCheckOptions {
  /** Time between two looks at an endpoint. */
  readonly intervalMs: number
  readonly timeoutMs: number
}

export interface ServerOptions {
  readonly name: string
  /** At least one. */
  readonly endpoints: readonly EndpointOptions[]
  readonly healthCheck: HealthCheckOptions
}

export interface RouteOptions {
  /** Exact path, starting with one slash. */
  readonly path: string
  /** Name of the server behind it. */
  readonly server: string
}
