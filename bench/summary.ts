// Samples to what a reader wants to know: per cell and target the medians, the ratios to the yardstick, and whether the
// budget holds.
import { median, ratioSpread, type ByRound, type Spread } from './figures.ts'
import type { LoadResult } from './load/measure.ts'
import { BUDGET_CELL, YARDSTICK, type Cell } from './plan.ts'
import type { Sample } from './rounds.ts'
import type { Row } from './row.ts'
import type { TargetName } from './target/target.ts'

/** The straight lane may cost this many times the plain Node proxy. */
export const BUDGET_RATIO = 1.3

export interface TargetFigures {
  readonly target: TargetName
  readonly rounds: number
  /** Per call, or per handshake. */
  readonly processorMicrosEach: number
  readonly perSecond: number
  readonly latencyP50Ms: number
  readonly latencyP99Ms: number
  /** Share of one core that the target used: near 1, it was the bottleneck. */
  readonly coreShare: number
  /** Relative to the yardstick in the same round; undefined when it was not measured. */
  readonly processorRatio: Spread | undefined
  readonly latencyRatio: Spread | undefined
}

export interface CellFigures<R extends Row = Cell> {
  readonly cell: R
  readonly targets: readonly TargetFigures[]
}

/** In the order of `cells`; those without a sample are left out. */
export function summarise<R extends Row>(
  samples: readonly Sample<R>[],
  cells: readonly R[],
  yardstick = YARDSTICK,
): CellFigures<R>[] {
  const measuredKeys = new Set(samples.map(({ cell }) => cell.key))
  return cells
    .filter(({ key }) => measuredKeys.has(key))
    .map((cell) => {
      const ofCell = samples.filter((sample) => sample.cell.key === cell.key)
      const measured = cell.targets.filter((name) => ofCell.some(({ target }) => target === name))
      return { cell, targets: measured.map((name) => figuresOf(name, yardstick, ofCell)) }
    })
}

export const processorMicrosEach = ({ processorSeconds, count }: LoadResult): number =>
  (processorSeconds / count) * 1e6

function figuresOf(
  name: TargetName,
  yardstick: TargetName,
  ofCell: readonly Sample<Row>[],
): TargetFigures {
  const results = ofCell.filter(({ target }) => target === name).map(({ result }) => result)
  const across = (figure: (result: LoadResult) => number): number => median(results.map(figure))
  const ratio = (figure: (result: LoadResult) => number): Spread | undefined =>
    ratioSpread(byRound(ofCell, name, figure), byRound(ofCell, yardstick, figure))
  return {
    target: name,
    rounds: results.length,
    processorMicrosEach: across(processorMicrosEach),
    perSecond: across(({ count, seconds }) => count / seconds),
    latencyP50Ms: across(({ latencyP50Ms }) => latencyP50Ms),
    latencyP99Ms: across(({ latencyP99Ms }) => latencyP99Ms),
    coreShare: across(({ processorSeconds, seconds }) => processorSeconds / seconds),
    processorRatio: ratio(processorMicrosEach),
    latencyRatio: ratio(({ latencyP50Ms }) => latencyP50Ms),
  }
}

function byRound(
  samples: readonly Sample<Row>[],
  name: TargetName,
  figure: (result: LoadResult) => number,
): ByRound {
  const ofTarget = samples.filter(({ target }) => target === name)
  return new Map(ofTarget.map(({ round, result }) => [round, figure(result)]))
}

/** Share of the machine that other programs took while it was measured, in the median of all measurements. */
export function foreignShare(samples: readonly Sample<Row>[], coreCount: number): number {
  return median(samples.map(({ result }) => result.foreignSeconds / result.seconds)) / coreCount
}

export interface Verdict {
  readonly isMet: boolean
  /** One line for people. */
  readonly line: string
}

/** Judges the budget by the median of the ratios. What was not measured was not met. */
export function judgeBudget(cells: readonly CellFigures[]): Verdict {
  const figures = cells.find(({ cell }) => cell.key === BUDGET_CELL)
  const ratio = figures?.targets.find(({ target }) => target === 'sallyport')?.processorRatio
  if (ratio === undefined) {
    return {
      isMet: false,
      line: `FAIL: ${BUDGET_CELL} was not measured for sallyport and ${YARDSTICK}`,
    }
  }
  // Judged as printed: a line that says 1.30 of 1.3 and FAIL would help nobody.
  const isMet = Number(ratio.median.toFixed(2)) <= BUDGET_RATIO
  const range = `${ratio.lowest.toFixed(2)}–${ratio.highest.toFixed(2)}`
  const measured = `${ratio.median.toFixed(2)} × the plain Node proxy (${range})`
  return {
    isMet,
    line: `${isMet ? 'PASS' : 'FAIL'}: processor time per call ${measured}, budget ${BUDGET_RATIO} ×`,
  }
}
