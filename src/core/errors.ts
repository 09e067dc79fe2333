// The one error class, which carries a code of the table in error-table.ts. Where an error is turned into bytes is the surface's
// business: mcp/ for clients, cli/ for people.
import {
  errorTable,
  type ErrorCode,
  type ErrorRow,
  type ErrorSource,
  type RetryAdvice,
} from './error-table.ts'

export interface GatewayErrorOptions {
  readonly cause?: unknown
  /** JSON members that the client gets in `error.data`; never secrets, never payload. */
  readonly data?: Readonly<Record<string, unknown>>
  /** Seconds for a Retry-After header (RFC 9110 §10.2.3). */
  readonly retryAfterSeconds?: number
  /** Id of the JSON-RPC request that the error answers, where it could be read. */
  readonly rpcId?: string | number
}

/** The only error class that crosses a folder's edge. `message` says what was expected, what came, and where. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly code: ErrorCode
  readonly data: Readonly<Record<string, unknown>> | undefined
  readonly retryAfterSeconds: number | undefined
  readonly rpcId: string | number | undefined

  constructor(code: ErrorCode, message: string, options: GatewayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.data = options.data
    this.retryAfterSeconds = options.retryAfterSeconds
    this.rpcId = options.rpcId
  }

  get row(): ErrorRow {
    return errorTable[this.code]
  }
  get source(): ErrorSource {
    return this.row.source
  }
  get retry(): RetryAdvice {
    return this.row.retry
  }
}

/** Wraps whatever was thrown, so that an edge always has a code to answer with. */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown
  return new GatewayError('GW_INTERNAL', 'unexpected failure in the gateway', { cause: thrown })
}

/** True for an error of Node's own with this code, such as ECONNREFUSED. */
export function isNodeError(thrown: unknown, code: string): thrown is NodeJS.ErrnoException {
  return thrown instanceof Error && (thrown as NodeJS.ErrnoException).code === code
}
