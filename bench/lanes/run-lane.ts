// Keeps calls of one lane in flight. Answers are judged by what they have to say, because the gateway may encode them anew.
import type { LoadResult } from '../load/measure.ts'
import { runWork, type LoadRun } from '../load/run-load.ts'
import { LearningJudge } from './answer-template.ts'
import { scriptOfWork, type LaneWork } from './notes.ts'

export interface LaneOrder extends LoadRun {
  readonly work: LaneWork
}

/** @throws Error at the first call that is not answered as it should be. */
export function runLane(order: LaneOrder): Promise<LoadResult> {
  const { work } = order
  const judge = new LearningJudge(work)
  return runWork(order, { script: () => scriptOfWork(work), judge: () => judge })
}
