// The rounds of the lanes: as those of the calls. What the servers were asked must be what the clients were answered: a lane
// that answers a call itself, sends one twice, or reads a list anew that it was to keep, is out.
import type { LoadResult } from '../load/measure.ts'
import { interleave, type Sample } from '../rounds.ts'
import type { BackendCounts } from '../surroundings.ts'
import type { AnyPorts, LaneTargetName, Target } from '../target/target.ts'
import type { LaneCell, LanePlan } from './plan.ts'
import type { LaneOrder } from './run-lane.ts'
import { workAt } from './targets.ts'

export interface LaneTarget extends Target<AnyPorts> {
  readonly name: LaneTargetName
}

/** What the rounds need of the processes around them. */
export interface LaneRig {
  readonly targets: readonly LaneTarget[]
  /** Of the backend: it works for every target. */
  readonly companionPids: readonly number[]
  load(order: LaneOrder): Promise<LoadResult>
  backendCounts(): Promise<BackendCounts>
  onProgress(line: string): void
}

/** Every target does what it will be measured at; large calls run the code of the small ones. */
export async function warmUpLanes(rig: LaneRig, plan: LanePlan): Promise<void> {
  const period = { ...plan, warmUpMs: 0, measureMs: plan.firstWarmUpMs }
  for (const cell of plan.cells) {
    if (cell.ask.kind === 'call' && cell.ask.kib > 1) continue
    for (const target of rig.targets.filter(({ name }) => cell.targets.includes(name))) {
      rig.onProgress(`warming up ${target.name} for ${cell.key}`)
      await measureOnce(rig, target, cell, period)
    }
  }
}

export function measureLanes(rig: LaneRig, plan: LanePlan): Promise<Sample<LaneCell>[]> {
  return interleave(rig, plan.cells, (target, cell) => measureOnce(rig, target, cell, plan))
}

async function measureOnce(
  rig: LaneRig,
  target: LaneTarget,
  { key, ask }: LaneCell,
  { connections, warmUpMs, measureMs }: Omit<LanePlan, 'cells' | 'firstWarmUpMs'>,
): Promise<LoadResult> {
  const before = await rig.backendCounts()
  const result = await rig
    .load({
      work: workAt(target.name, ask),
      destination: { protocol: 'http', port: target.ports.http, ca: '' },
      connections,
      warmUpMs,
      measureMs,
      pids: target.pids,
      companionPids: rig.companionPids,
    })
    .catch((cause: unknown) => {
      throw new Error(`${target.name}, ${key}: ${String(cause)}`, { cause })
    })
  const after = await rig.backendCounts()
  const calls = after.callCount - before.callCount
  const others = after.otherCount - before.otherCount
  const expected = ask.kind === 'call' ? result.totalCount : 0
  if (calls !== expected) {
    throw new Error(
      `${target.name}, ${key}: ${expected} calls were answered, but the servers saw ${calls}`,
    )
  }
  // What is asked once for all, or once for each connection, is no part of a call; what is asked again and again is.
  if (others >= Math.max(result.totalCount, MIN_OTHERS)) {
    throw new Error(
      `${target.name}, ${key}: for ${result.totalCount} answers the servers were asked ${others} other things`,
    )
  }
  target.tidy()
  return result
}

const MIN_OTHERS = 100
