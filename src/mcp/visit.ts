// One exchange on a route, on its way through the protocol stage.
import type { Exchange, GatewayError } from '../core/index.ts'
import type { Inbound } from '../wire/index.ts'
import type { McpRoute } from './route.ts'

export type CallOutcome = 'answered' | 'failed' | 'client-gone'

export interface Visit {
  readonly exchange: Exchange
  readonly route: McpRoute
  /** Monotonic time at which the exchange arrived. */
  readonly startedMs: number
  /** Undefined for GET and DELETE, and until the body was read. */
  inbound: Inbound | undefined
}

/** Told once, when neither side has anything left to do. */
export type OnOver = (outcome: CallOutcome, error?: GatewayError) => void
