// What is measured about the lanes: calls of clients of either era, and a merged list that is kept.
import type { Row } from '../row.ts'
import type { LaneTargetName } from '../target/target.ts'
import type { NotesShape } from './notes.ts'

export type LaneAsk =
  | ({ readonly kind: 'call' } & NotesShape)
  /** All tools in one answer, or a page as long as pages are by default. */
  | { readonly kind: 'list'; readonly page: 'whole' | 'first' }

export interface LaneCell extends Row {
  readonly ask: LaneAsk
  readonly targets: readonly LaneTargetName[]
}

export interface LanePlan {
  readonly cells: readonly LaneCell[]
  readonly connections: number
  /** Before anything is measured, so that every target runs compiled code. */
  readonly firstWarmUpMs: number
  readonly warmUpMs: number
  readonly measureMs: number
}

/** What the ratios of the other lanes are relative to: the same program, which passes bytes on. */
export const LANE_YARDSTICK: LaneTargetName = 'straight lane'
export const MERGED_LIST_KEY = 'lanes-list-whole'

/** The row of calls that are small, as most are. */
export function smallCallKey(era: NotesShape['era']): string {
  return `lanes-${era}-1k`
}

const COMPARED: readonly LaneTargetName[] = [
  LANE_YARDSTICK,
  'translating',
  'merging',
  'merging legacy',
]
const LISTING: readonly LaneTargetName[] = ['listing']
const ROUNDS = 5
/** More rounds for the rows that decide. */
const BUDGET_ROUNDS = 8
const QUICK_ROUNDS = 3

function callCell(shape: NotesShape, rounds: number): LaneCell {
  const key = `lanes-${shape.era}-${shape.kib}k`
  return { key, ask: { kind: 'call', ...shape }, rounds, targets: COMPARED }
}

function smallCalls(rounds: number): LaneCell[] {
  return [callCell({ era: 'modern', kib: 1 }, rounds), callCell({ era: 'legacy', kib: 1 }, rounds)]
}

function wholeList(rounds: number): LaneCell {
  const ask = { kind: 'list', page: 'whole' } as const
  return { key: MERGED_LIST_KEY, ask, rounds, targets: LISTING }
}

export function fullLanes(): LanePlan {
  const firstPage = { kind: 'list', page: 'first' } as const
  return {
    cells: [
      ...smallCalls(BUDGET_ROUNDS),
      callCell({ era: 'modern', kib: 64 }, ROUNDS),
      callCell({ era: 'legacy', kib: 64 }, ROUNDS),
      wholeList(ROUNDS),
      { key: 'lanes-list-page', ask: firstPage, rounds: ROUNDS, targets: LISTING },
    ],
    connections: 32,
    firstWarmUpMs: 3_000,
    warmUpMs: 200,
    measureMs: 800,
  }
}

export function quickLanes(): LanePlan {
  return {
    cells: [...smallCalls(QUICK_ROUNDS), wholeList(QUICK_ROUNDS)],
    connections: 32,
    firstWarmUpMs: 1_200,
    warmUpMs: 80,
    measureMs: 220,
  }
}
