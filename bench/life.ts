// What a target costs besides its calls: how long it takes to the first answer, what it holds in memory after load, and
// what it uses when nobody calls.
import type { ChildProcess } from 'node:child_process'
import { scriptOf, type CallShape } from './call.ts'
import type { Children } from './children.ts'
import { median } from './figures.ts'
import { firstAnswer } from './load/call-once.ts'
import { processorSeconds, residentBytes } from './processor-time.ts'
import type { AnyPorts, Target, TargetName, TargetPorts, TargetRecipe } from './target/target.ts'

const START_TIMEOUT_MS = 15_000
const SETTLE_MS = 1_000
const SMALL_CALL: CallShape = { era: 'modern', bodyBytes: 1_024, answer: 'json' }

export interface StartedTarget<P extends AnyPorts = TargetPorts> {
  readonly target: Target<P>
  /** The process that was started; it need not be the one that works. */
  readonly child: ChildProcess
  /** From the start of the process to the first answered call, through to the backend. */
  readonly startMs: number
}

export interface LifeFigures {
  readonly target: TargetName
  readonly startMs: number
  readonly residentBytes: number
  /** Processor time per second of idling. */
  readonly idleMillisPerSecond: number
}

/** Starts a target `starts` times; the last of them stays. */
export async function startTarget<P extends AnyPorts>(
  recipe: TargetRecipe<P>,
  children: Children,
  starts: number,
): Promise<StartedTarget<P>> {
  const timesMs: number[] = []
  for (let left = starts; ; left--) {
    const startedMs = performance.now()
    const child = recipe.spawn()
    await untilAnswered(recipe, child)
    timesMs.push(performance.now() - startedMs)
    if (left <= 1) {
      const { name, ports } = recipe
      const tidy = (): void => recipe.tidy()
      const target = { name, ports, pids: recipe.pids(child), tidy }
      return { target, child, startMs: median(timesMs) }
    }
    await children.end(child)
  }
}

async function untilAnswered(recipe: TargetRecipe<AnyPorts>, child: ChildProcess): Promise<void> {
  const gone = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('exit', (code) =>
      reject(new Error(`${recipe.name} ended with ${String(code)}: ${recipe.lastWords()}`)),
    )
  })
  gone.catch(() => {})
  const destination = { protocol: 'http', port: recipe.ports.http, ca: '' } as const
  await Promise.race([
    firstAnswer(destination, recipe.firstCall ?? scriptOf(SMALL_CALL), START_TIMEOUT_MS),
    gone,
  ])
}

/** Looks at all targets at once, after the load. */
export async function measureLife(
  started: readonly StartedTarget[],
  idleMs: number,
): Promise<LifeFigures[]> {
  const memory = started.map(({ target }) => residentBytes(target.pids))
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  const before = started.map(({ target }) => processorSeconds(target.pids))
  await new Promise((resolve) => setTimeout(resolve, idleMs))
  return started.map(({ target, startMs }, at) => {
    const used = processorSeconds(target.pids) - (before[at] ?? 0)
    return {
      target: target.name,
      startMs,
      residentBytes: memory[at] ?? 0,
      idleMillisPerSecond: (used * 1e6) / idleMs,
    }
  })
}
