// What the working lane may cost, and whether it does.
import type { Verdict } from '../summary.ts'
import { figuresFor } from '../tables.ts'
import type { CellFigures } from '../summary.ts'
import type { LaneTargetName } from '../target/target.ts'
import { MERGED_LIST_KEY, smallCallKey, type LaneCell } from './plan.ts'

/** A call whose client and server are of different eras, in units of one on the straight lane. */
export const TRANSLATED_RATIO = 2.5
/** A call on a route with several servers of the client's era, in the same unit. */
export const MERGED_RATIO = 1.5
/** A list of twenty servers' tools, all of which are kept. */
export const MERGED_LIST_MICROS = 1_000

export interface LaneBudget {
  readonly what: string
  /** Key of the row. */
  readonly cell: string
  readonly target: LaneTargetName
  readonly most: { readonly ratio: number } | { readonly micros: number }
}

const [MODERN, LEGACY] = [smallCallKey('modern'), smallCallKey('legacy')]
const TRANSLATED = { ratio: TRANSLATED_RATIO }

export const LANE_BUDGETS: readonly LaneBudget[] = [
  {
    what: 'a call of a modern client to a legacy server',
    cell: MODERN,
    target: 'translating',
    most: TRANSLATED,
  },
  {
    what: 'a call of a legacy client to a modern server',
    cell: LEGACY,
    target: 'translating',
    most: TRANSLATED,
  },
  {
    what: 'a call of a modern client to one of several modern servers',
    cell: MODERN,
    target: 'merging',
    most: { ratio: MERGED_RATIO },
  },
  {
    what: 'a call of a legacy client to one of several modern servers',
    cell: LEGACY,
    target: 'merging',
    // It is translated as well.
    most: TRANSLATED,
  },
  {
    what: 'a call of a legacy client to one of several legacy servers',
    cell: LEGACY,
    target: 'merging legacy',
    most: { ratio: MERGED_RATIO },
  },
  {
    what: 'a merged list that is kept, whole',
    cell: MERGED_LIST_KEY,
    target: 'listing',
    most: { micros: MERGED_LIST_MICROS },
  },
]

/** One verdict for each budget whose row is in the plan, by the median of the rounds. What was not measured was not met. */
export function judgeLanes(
  figures: readonly CellFigures<LaneCell>[],
  planned: readonly LaneCell[],
): Verdict[] {
  return LANE_BUDGETS.filter((budget) => planned.some(({ key }) => key === budget.cell)).map(
    (budget) => judge(budget, figures),
  )
}

function judge(
  { what, cell, target, most }: LaneBudget,
  figures: readonly CellFigures<LaneCell>[],
): Verdict {
  const row = figures.find((it) => it.cell.key === cell)
  const own = figuresFor(row?.targets ?? [], target)
  const ratio = own?.processorRatio
  // Judged as printed, as the budget of the straight lane is.
  if ('ratio' in most) {
    if (ratio === undefined) return notMeasured(what)
    const range = `${ratio.lowest.toFixed(2)}–${ratio.highest.toFixed(2)}`
    const isMet = Number(ratio.median.toFixed(2)) <= most.ratio
    const measured = `${ratio.median.toFixed(2)} × the straight lane (${range})`
    return verdict(isMet, `${what} ${measured}, budget ${most.ratio} ×`)
  }
  if (own === undefined) return notMeasured(what)
  const isMet = Number(own.processorMicrosEach.toFixed(0)) <= most.micros
  return verdict(
    isMet,
    `${what} ${own.processorMicrosEach.toFixed(0)} µs, budget ${most.micros} µs`,
  )
}

function notMeasured(what: string): Verdict {
  return verdict(false, `${what} was not measured`)
}

function verdict(isMet: boolean, text: string): Verdict {
  return { isMet, line: `${isMet ? 'PASS' : 'FAIL'}: ${text}` }
}
