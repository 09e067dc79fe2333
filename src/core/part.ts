// What every long-lived thing has in common: it is started, and it is stopped by whoever started it.

export interface Part {
  /** Brings the part up. Rejects when it cannot; `stop` must work even then. */
  start(): Promise<void>
  /** Ends the part. Work under way may finish until `deadlineMs` milliseconds from now, then it is cut. Idempotent. */
  stop(deadlineMs: number): Promise<void>
}
