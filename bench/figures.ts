// The arithmetic of the bench: medians, percentiles, and ratios that compare only what was measured in the same round.

export interface Spread {
  readonly median: number
  readonly lowest: number
  readonly highest: number
}

/** Middle value; of an even number of values, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('no values, no median')
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}

/** Smallest value that at least `percent` of the values do not exceed (nearest rank). */
export function percentile(values: readonly number[], percent: number): number {
  if (values.length === 0) throw new RangeError('no values, no percentile')
  const sorted = Float64Array.from(values).toSorted()
  const rank = Math.ceil((percent / 100) * sorted.length)
  return sorted[Math.max(1, rank) - 1] as number
}

export function spread(values: readonly number[]): Spread {
  return {
    median: median(values),
    lowest: Math.min(...values),
    highest: Math.max(...values),
  }
}

/** One number per round; a round in which a target was not measured has none. */
export type ByRound = ReadonlyMap<number, number>

/**
 * Ratios of the same round, then their spread: the machine's mood changes between rounds, and a ratio of two medians would
 * carry it. Undefined when the two have no round in common.
 */
export function ratioSpread(values: ByRound, yardstick: ByRound): Spread | undefined {
  const ratios: number[] = []
  for (const [round, value] of values) {
    const unit = yardstick.get(round)
    if (unit !== undefined) ratios.push(value / unit)
  }
  return ratios.length === 0 ? undefined : spread(ratios)
}
