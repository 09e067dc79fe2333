// Memory per idle connection: how much the resident memory grows from some idle connections to many more. What the process
// holds anyway is in both looks and falls out of the difference.
import type { Children } from '../children.ts'
import { median, ratioSpread, type ByRound, type Spread } from '../figures.ts'
import { startTarget, type StartedTarget } from '../life.ts'
import type { IdleOrder } from '../load/idle-connections.ts'
import { residentBytes } from '../processor-time.ts'
import type { TargetName, TargetRecipe } from '../target/target.ts'
import { TLS_YARDSTICK, type MemoryCell, type MemoryPlan } from './plan.ts'
import type { TlsPorts } from './targets.ts'

export interface MemorySample {
  readonly cell: MemoryCell
  readonly target: TargetName
  readonly round: number
  readonly bytesPerConnection: number
}

export interface TargetMemory {
  readonly target: TargetName
  readonly bytesPerConnection: number
  /** Relative to the yardstick in the same round; undefined when it was not measured. */
  readonly ratio: Spread | undefined
}

export interface MemoryFigures {
  readonly cell: MemoryCell
  readonly targets: readonly TargetMemory[]
}

/** What is needed of the processes around the targets. */
export interface MemoryRig {
  readonly recipes: readonly TargetRecipe<TlsPorts>[]
  readonly children: Children
  readonly ca: string
  /** Opens connections and closes them again. */
  visit(order: IdleOrder): Promise<void>
  /** Opens connections, and leaves them to be idle. */
  idle(order: IdleOrder): Promise<void>
  /** Closes them; an error when one was closed before. */
  closeIdle(): Promise<void>
  onProgress(line: string): void
}

/**
 * Starts every target anew for each round of a row: a process that has let go of connections fills the room they left, and
 * would seem to need none. The targets of a round are filled one after the other and settle together.
 */
export async function measureMemory(rig: MemoryRig, plan: MemoryPlan): Promise<MemorySample[]> {
  const samples: MemorySample[] = []
  for (const cell of plan.cells) {
    for (let round = 1; round <= cell.rounds; round++) {
      rig.onProgress(`idle connections, ${cell.protocol}, round ${round} of ${cell.rounds}`)
      const recipes = rig.recipes.filter(({ name }) => cell.targets.includes(name))
      const started = await Promise.all(recipes.map((it) => startTarget(it, rig.children, 1)))
      const grown = await growthOf(rig, plan, cell, started)
      for (const [target, bytes] of grown) {
        const bytesPerConnection = bytes / plan.moreCount
        samples.push({ cell, target, round, bytesPerConnection })
      }
      await Promise.all(started.map(({ child }) => rig.children.end(child)))
    }
  }
  return samples
}

async function growthOf(
  rig: MemoryRig,
  { warmUpCount, firstCount, moreCount, settleMs }: MemoryPlan,
  { protocol }: MemoryCell,
  started: readonly StartedTarget<TlsPorts>[],
): Promise<ReadonlyMap<TargetName, number>> {
  const order = ({ target }: StartedTarget<TlsPorts>, count: number): IdleOrder => {
    const port = protocol === 'http' ? target.ports.http : target.ports.p256
    return { destination: { protocol, port, ca: rig.ca }, count }
  }
  const look = async (): Promise<number[]> => {
    await new Promise((resolve) => setTimeout(resolve, settleMs))
    return started.map(({ target }) => residentBytes(target.pids))
  }
  for (const each of started) await rig.visit(order(each, warmUpCount))
  for (const each of started) await rig.idle(order(each, firstCount))
  const before = await look()
  for (const each of started) await rig.idle(order(each, moreCount))
  const after = await look()
  await rig.closeIdle()
  return new Map(
    started.map(({ target }, at) => [target.name, (after[at] ?? 0) - (before[at] ?? 0)]),
  )
}

/** In the order of `cells`; those without a sample are left out. */
export function summariseMemory(
  samples: readonly MemorySample[],
  cells: readonly MemoryCell[],
): MemoryFigures[] {
  return cells.flatMap((cell) => {
    const ofCell = samples.filter((sample) => sample.cell.key === cell.key)
    const byRound = (name: TargetName): ByRound =>
      new Map(
        ofCell
          .filter(({ target }) => target === name)
          .map(({ round, bytesPerConnection }) => [round, bytesPerConnection]),
      )
    const targets = cell.targets.flatMap((target) => {
      const values = byRound(target)
      if (values.size === 0) return []
      const ratio = ratioSpread(values, byRound(TLS_YARDSTICK))
      return [{ target, bytesPerConnection: median([...values.values()]), ratio }]
    })
    return targets.length === 0 ? [] : [{ cell, targets }]
  })
}
