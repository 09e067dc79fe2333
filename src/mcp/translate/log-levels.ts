// The levels of log messages (RFC 5424 §6.2.1, MCP logging) in their order.

/** From the least to the most severe. */
export const LOG_LEVELS = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const

const ORDER: ReadonlyMap<unknown, number> = new Map(LOG_LEVELS.map((level, at) => [level, at]))

export function isLogLevel(value: unknown): value is (typeof LOG_LEVELS)[number] {
  return ORDER.has(value)
}

/** True when a message of this level is to be heard at this threshold. A level that nobody knows is heard at any. */
export function isAtLeast(level: unknown, threshold: string): boolean {
  const order = ORDER.get(level)
  return order === undefined || order >= (ORDER.get(threshold) ?? 0)
}

/** The least severe of several thresholds; undefined: nobody wants to hear any. */
export function leastSevere(thresholds: Iterable<string>): string | undefined {
  let least: string | undefined
  for (const threshold of thresholds) {
    if (least === undefined || isAtLeast(least, threshold)) least = threshold
  }
  return least
}
