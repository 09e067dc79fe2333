// The rounds of a run: in each, every cell in random order, and within a cell every target in random order, all of them
// alive all the time. What disturbs the machine then disturbs all alike.
import type { LoadResult } from './load/measure.ts'
import type { LoadOrder } from './load/run-load.ts'
import type { Cell, Plan } from './plan.ts'
import type { Row } from './row.ts'
import type { Target, TargetName } from './target/target.ts'

export interface Sample<R extends Row = Cell> {
  readonly cell: R
  readonly target: TargetName
  readonly round: number
  readonly result: LoadResult
}

/** What the rounds need of the processes around them. */
export interface Rig {
  readonly targets: readonly Target[]
  readonly ca: string
  /** Of the backend: it works for every target. */
  readonly companionPids: readonly number[]
  load(order: LoadOrder): Promise<LoadResult>
  /** Calls that the backend has answered so far. */
  backendCallCount(): Promise<number>
  onProgress(line: string): void
}

/** What one protocol shares with the others is compiled by then. */
const FURTHER_PROTOCOLS_SHARE = 1 / 3

/**
 * Loads every target on every protocol, so that no measurement pays for the compiler: more code takes longer to become
 * fast, and a short warm-up would count that against it. The backend itself is warm once the others are.
 */
export async function warmUp(rig: Rig, plan: Plan): Promise<void> {
  const protocols = new Map(plan.cells.map((cell) => [cell.protocol, cell]))
  let measureMs = plan.firstWarmUpMs
  for (const cell of protocols.values()) {
    for (const target of rig.targets.filter(({ name }) => name !== 'direct')) {
      rig.onProgress(`warming up ${target.name} over ${cell.protocol}`)
      await measureOnce(rig, target, cell, { warmUpMs: 0, measureMs })
    }
    measureMs = plan.firstWarmUpMs * FURTHER_PROTOCOLS_SHARE
  }
}

export function measureRounds(rig: Rig, plan: Plan): Promise<Sample[]> {
  return interleave(rig, plan.cells, (target, cell) => measureOnce(rig, target, cell, plan))
}

/** Every row in every round, and every target of it, in random order. */
export async function interleave<R extends Row, T extends { readonly name: TargetName }>(
  rig: { readonly targets: readonly T[]; onProgress(line: string): void },
  rows: readonly R[],
  measureRow: (target: T, row: R) => Promise<LoadResult>,
): Promise<Sample<R>[]> {
  const samples: Sample<R>[] = []
  const rounds = Math.max(...rows.map((row) => row.rounds))
  for (let round = 1; round <= rounds; round++) {
    rig.onProgress(`round ${round} of ${rounds}`)
    for (const cell of shuffled(rows.filter((row) => round <= row.rounds))) {
      for (const target of shuffled(
        rig.targets.filter(({ name }) => cell.targets.includes(name)),
      )) {
        const result = await measureRow(target, cell)
        samples.push({ cell, target: target.name, round, result })
      }
    }
  }
  return samples
}

/**
 * One measurement. The backend's own count must agree with the load generator's: a target that answers for the backend, or
 * sends a call twice, is out.
 */
async function measureOnce(
  rig: Rig,
  target: Target,
  cell: Cell,
  { warmUpMs, measureMs }: Pick<Plan, 'warmUpMs' | 'measureMs'>,
): Promise<LoadResult> {
  const { protocol, connections } = cell
  const before = await rig.backendCallCount()
  const result = await rig
    .load({
      destination: { protocol, port: target.ports[protocol], ca: rig.ca },
      shape: { era: cell.era, bodyBytes: cell.bodyBytes, answer: cell.answer },
      connections,
      warmUpMs,
      measureMs,
      pids: target.pids,
      companionPids: rig.companionPids,
    })
    .catch((cause: unknown) => {
      throw new Error(`${target.name}, ${cell.key}: ${String(cause)}`, { cause })
    })
  const seen = (await rig.backendCallCount()) - before
  if (seen !== result.totalCount) {
    throw new Error(
      `${target.name}, ${cell.key}: ${result.totalCount} calls were answered, but the backend saw ${seen}`,
    )
  }
  target.tidy()
  return result
}

function shuffled<T>(items: readonly T[]): T[] {
  const order = [...items]
  for (let at = order.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1))
    const item = order[at] as T
    order[at] = order[other] as T
    order[other] = item
  }
  return order
}
