// Options of the protocol stage: budgets of a message and of an event stream, and the keys that seal session ids.

export interface McpLimits {
  readonly maxBodyBytes: number
  /** Nesting of objects and arrays. */
  readonly maxJsonDepth: number
  /** Values in one body, members and items together. */
  readonly maxJsonElements: number
  /** Silence on an event stream after which a comment line is sent to keep proxies from closing it. */
  readonly keepAliveMs: number
  /** A legacy call whose client left runs on at most this long. */
  readonly abandonedCallTimeoutMs: number
}

export interface SessionOptions {
  /** Secrets for sealing session ids. The first seals, all of them open. Empty: one is made and kept in `stateDir`. */
  readonly keys: readonly string[]
}
