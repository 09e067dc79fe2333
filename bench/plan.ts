// What is measured: the cells of the matrix, and how long and how often each.
import type { AnswerForm, CallShape, Era } from './call.ts'
import { fullLanes, quickLanes, type LanePlan } from './lanes/plan.ts'
import type { Destination } from './load/channel.ts'
import type { Row } from './row.ts'
import type { TargetName } from './target/target.ts'
import {
  fullHandshakes,
  fullMemory,
  quickHandshakes,
  quickMemory,
  type HandshakePlan,
  type MemoryPlan,
} from './tls/plan.ts'

/** One combination of everything that is varied in calls. */
export interface Cell extends Row, CallShape {
  readonly protocol: Destination['protocol']
  readonly connections: number
}

export interface Plan {
  readonly cells: readonly Cell[]
  /** Before anything is measured, so that every target runs compiled code. */
  readonly firstWarmUpMs: number
  /** Before each measured period. */
  readonly warmUpMs: number
  readonly measureMs: number
  /** Starts of each target, timed to the first answered call. */
  readonly starts: number
  readonly idleMs: number
  readonly lanes: LanePlan
  readonly handshakes: HandshakePlan
  readonly memory: MemoryPlan
}

export const YARDSTICK: TargetName = 'node-proxy'
/** The cell that the budget is about. */
export const BUDGET_CELL = 'modern-http-1k-32'

const KIB = 1024
const COMPARED: readonly TargetName[] = ['direct', YARDSTICK, 'nginx', 'sallyport']
const WITH_ACCESS_LOG: readonly TargetName[] = [...COMPARED, 'sallyport, access log']

interface CellOrder {
  readonly era: Era
  readonly protocol: Destination['protocol']
  readonly kib: number
  readonly connections: number
  readonly rounds: number
  readonly answer?: AnswerForm
  readonly targets?: readonly TargetName[]
}

function cell(order: CellOrder): Cell {
  const { era, protocol, kib, connections, rounds, answer = 'json', targets = COMPARED } = order
  const suffix = answer === 'json' ? '' : '-stream'
  const key = `${era}-${protocol}-${kib}k-${connections}${suffix}`
  return {
    key,
    era,
    protocol,
    bodyBytes: kib * KIB,
    connections,
    answer,
    rounds,
    targets,
  }
}

function matrix(rounds: number): Cell[] {
  const cells: Cell[] = []
  for (const protocol of ['http', 'https'] as const) {
    for (const era of ['modern', 'legacy'] as const) {
      for (const kib of [1, 64]) {
        for (const connections of [32, 1]) {
          cells.push(cell({ era, protocol, kib, connections, rounds }))
        }
      }
    }
  }
  return cells
}

/** More rounds for the cell that decides. */
const BUDGET_ROUNDS = 9

export function fullPlan(): Plan {
  const rounds = 5
  const extra = { era: 'modern', kib: 1, connections: 32, rounds } as const
  const cells = [
    ...matrix(rounds),
    cell({ ...extra, protocol: 'http', answer: 'event-stream' }),
    cell({ ...extra, protocol: 'http2' }),
  ]
  return {
    cells: cells.map((it) =>
      it.key === BUDGET_CELL ? { ...it, rounds: BUDGET_ROUNDS, targets: WITH_ACCESS_LOG } : it,
    ),
    firstWarmUpMs: 5_000,
    warmUpMs: 200,
    measureMs: 800,
    starts: 5,
    idleMs: 5_000,
    lanes: fullLanes(),
    handshakes: fullHandshakes(),
    memory: fullMemory(),
  }
}

/** Two minutes: enough to see a change, not enough to publish. */
export function quickPlan(): Plan {
  const order = { kib: 1, connections: 32, rounds: 3 } as const
  return {
    cells: [
      cell({ ...order, era: 'modern', protocol: 'http' }),
      cell({ ...order, era: 'legacy', protocol: 'http' }),
      cell({ ...order, era: 'modern', protocol: 'https' }),
    ],
    firstWarmUpMs: 2_500,
    warmUpMs: 80,
    measureMs: 220,
    starts: 1,
    idleMs: 1_000,
    lanes: quickLanes(),
    handshakes: quickHandshakes(),
    memory: quickMemory(),
  }
}

/** The plan with the rows that `isWanted`, each measured in `rounds` rounds if given. */
export function narrowed(
  plan: Plan,
  isWanted: (row: Row) => boolean,
  rounds: number | undefined,
): Plan {
  const narrow = <R extends Row>(rows: readonly R[]): R[] =>
    rows.filter(isWanted).map((row) => (rounds === undefined ? row : { ...row, rounds }))
  return {
    ...plan,
    cells: narrow(plan.cells),
    lanes: { ...plan.lanes, cells: narrow(plan.lanes.cells) },
    handshakes: { ...plan.handshakes, cells: narrow(plan.handshakes.cells) },
    memory: { ...plan.memory, cells: narrow(plan.memory.cells) },
  }
}

/** All rows of a plan, whatever they are about. */
export function rowsOf({ cells, lanes, handshakes, memory }: Plan): readonly Row[] {
  return [...cells, ...lanes.cells, ...handshakes.cells, ...memory.cells]
}
