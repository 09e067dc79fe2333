// One measured period of a load, whatever the load consists of: what was done in it, how long each took, and what
// processor time it cost. Doing it is the business of whoever fills the ledger.
import { percentile } from '../figures.ts'
import { machineSeconds, processorSeconds } from '../processor-time.ts'

export interface Period {
  readonly warmUpMs: number
  readonly measureMs: number
  /** Processes whose time is taken at both ends of the measured period. */
  readonly pids: readonly number[]
  /** Other processes of the bench that work for the load; what is left over is somebody else's. */
  readonly companionPids: readonly number[]
}

export interface LoadResult {
  /** What was done within the measured period: calls answered, or handshakes. */
  readonly count: number
  /** All of it: before, within and after the period. */
  readonly totalCount: number
  readonly seconds: number
  readonly processorSeconds: number
  /** Processor time of programs that are not part of the bench. */
  readonly foreignSeconds: number
  readonly latencyP50Ms: number
  readonly latencyP99Ms: number
}

const MAX_PERIODS = 20

/** @throws Error at the first failure that the ledger is told. */
export async function measure(period: Period, ledger: Ledger): Promise<LoadResult> {
  await ledger.pass(period.warmUpMs)
  const account = openAccount(period)
  const startedMs = performance.now()
  ledger.phase = 'measuring'
  // On a busy machine the first may come late; when none comes at all, something is wrong.
  for (let periods = 0; periods < MAX_PERIODS && ledger.latenciesMs.length === 0; periods++) {
    await ledger.pass(period.measureMs)
  }
  const seconds = (performance.now() - startedMs) / 1_000
  const used = account()
  ledger.phase = 'ending'
  await ledger.idle()
  const { latenciesMs, totalCount } = ledger
  if (latenciesMs.length === 0) throw new Error('nothing was done in the measured time')
  return {
    count: latenciesMs.length,
    totalCount,
    seconds,
    ...used,
    latencyP50Ms: percentile(latenciesMs, 50),
    latencyP99Ms: percentile(latenciesMs, 99),
  }
}

/** Starts counting processor time; the result says what was used since. */
function openAccount({
  pids,
  companionPids,
}: Period): () => Pick<LoadResult, 'processorSeconds' | 'foreignSeconds'> {
  const all = [...new Set([...pids, ...companionPids, process.pid])]
  const read = (): readonly [number, number, number] => [
    processorSeconds(pids),
    processorSeconds(all),
    machineSeconds(),
  ]
  const [targetBefore, ownBefore, machineBefore] = read()
  return () => {
    const [target, own, machine] = read()
    return {
      processorSeconds: target - targetBefore,
      foreignSeconds: Math.max(0, machine - machineBefore - (own - ownBefore)),
    }
  }
}

/** What was done, and whether to go on. */
export class Ledger {
  phase: 'warming-up' | 'measuring' | 'ending' = 'warming-up'
  totalCount = 0
  readonly latenciesMs: number[] = []
  readonly #failed = Promise.withResolvers<never>()
  readonly #idle = Promise.withResolvers<void>()
  #busyLanes = 0

  constructor() {
    // A failure while nobody waits must not end the process: whoever waits next is told.
    this.#failed.promise.catch(() => {})
  }

  enter(): void {
    this.#busyLanes++
  }

  /** Counts something well done. True: do the next. */
  count(latencyMs: number): boolean {
    this.totalCount++
    if (this.phase === 'measuring') this.latenciesMs.push(latencyMs)
    if (this.phase !== 'ending') return true
    if (--this.#busyLanes === 0) this.#idle.resolve()
    return false
  }

  fail(error: Error): void {
    this.#failed.reject(error)
  }

  /** Waits for time to pass, or fails at once when something does. */
  async pass(forMs: number): Promise<void> {
    const passed = Promise.withResolvers<void>()
    const timer = setTimeout(passed.resolve, forMs)
    try {
      await Promise.race([passed.promise, this.#failed.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Waits until everything that was begun is done. */
  idle(): Promise<void> {
    return Promise.race([this.#idle.promise, this.#failed.promise])
  }
}
