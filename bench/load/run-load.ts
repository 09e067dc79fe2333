// Keeps a number of calls in flight against one target and measures them for a while. Every answer is compared whole; the
// first wrong one ends the run with an error, so that nothing but good answers is ever counted.
import { answerBody, answerIdOffset, FIRST_ID, readId, writeId, type CallShape } from '../call.ts'
import { percentile } from '../figures.ts'
import { machineSeconds, processorSeconds } from '../processor-time.ts'
import type { HttpAnswer } from './answer-reader.ts'
import {
  openSocketChannel,
  type Channel,
  type ChannelListener,
  type Destination,
} from './channel.ts'
import { Http2Connections } from './http2-channel.ts'

export interface LoadOrder {
  readonly destination: Destination
  readonly shape: CallShape
  /** Calls in flight, each on a connection of its own (HTTP/2: on a stream of its own). */
  readonly connections: number
  readonly warmUpMs: number
  readonly measureMs: number
  /** Processes whose time is taken at both ends of the measured period. */
  readonly pids: readonly number[]
  /** Other processes of the bench that work for the call; what is left over is somebody else's. */
  readonly companionPids: readonly number[]
}

export interface LoadResult {
  /** Calls answered within the measured period. */
  readonly calls: number
  /** All calls answered: before, within and after it. */
  readonly totalCalls: number
  readonly seconds: number
  readonly processorSeconds: number
  /** Processor time of programs that are not part of the bench. */
  readonly foreignSeconds: number
  readonly latencyP50Ms: number
  readonly latencyP99Ms: number
}

/** @throws Error at the first call that is not answered as it should be. */
export async function runLoad(order: LoadOrder): Promise<LoadResult> {
  const ledger = new Ledger()
  const channels: Channel[] = []
  try {
    const lanes = await openLanes(order, ledger, channels)
    for (const lane of lanes) lane.start()
    return await measure(order, ledger)
  } finally {
    for (const channel of channels) channel.close()
  }
}

async function openLanes(
  { destination, shape, connections }: LoadOrder,
  ledger: Ledger,
  channels: Channel[],
): Promise<readonly Lane[]> {
  const http2 = new Http2Connections(destination)
  const lanes: Lane[] = []
  for (let count = 0; count < connections; count++) {
    const lane = new Lane(shape, ledger)
    const channel =
      destination.protocol === 'http2'
        ? http2.open(shape, lane)
        : await openSocketChannel(destination, shape, lane)
    channels.push(channel)
    lane.channel = channel
    lanes.push(lane)
  }
  return lanes
}

async function measure(order: LoadOrder, ledger: Ledger): Promise<LoadResult> {
  await ledger.pass(order.warmUpMs)
  const account = openAccount(order)
  const startedMs = performance.now()
  ledger.phase = 'measuring'
  await ledger.pass(order.measureMs)
  const seconds = (performance.now() - startedMs) / 1_000
  const used = account()
  ledger.phase = 'ending'
  await ledger.idle()
  const { latenciesMs, totalCalls } = ledger
  if (latenciesMs.length === 0) throw new Error('no call was answered in the measured time')
  return {
    calls: latenciesMs.length,
    totalCalls,
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
}: LoadOrder): () => Pick<LoadResult, 'processorSeconds' | 'foreignSeconds'> {
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

/** What was answered, and whether to go on. */
class Ledger {
  phase: 'warming-up' | 'measuring' | 'ending' = 'warming-up'
  totalCalls = 0
  readonly latenciesMs: number[] = []
  readonly #failed = Promise.withResolvers<never>()
  readonly #idle = Promise.withResolvers<void>()
  #nextId = FIRST_ID
  #busyLanes = 0

  constructor() {
    // A failure while nobody waits must not end the process: whoever waits next is told.
    this.#failed.promise.catch(() => {})
  }

  takeId(): number {
    return this.#nextId++
  }

  enter(): void {
    this.#busyLanes++
  }

  /** Counts a good answer. True: send the next call. */
  count(latencyMs: number): boolean {
    this.totalCalls++
    if (this.phase === 'measuring') this.latenciesMs.push(latencyMs)
    if (this.phase !== 'ending') return true
    if (--this.#busyLanes === 0) this.#idle.resolve()
    return false
  }

  fail(error: Error): void {
    this.#failed.reject(error)
  }

  /** Waits for time to pass, or fails at once when a call does. */
  async pass(forMs: number): Promise<void> {
    const passed = Promise.withResolvers<void>()
    const timer = setTimeout(passed.resolve, forMs)
    try {
      await Promise.race([passed.promise, this.#failed.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Waits until every call sent is answered. */
  idle(): Promise<void> {
    return Promise.race([this.#idle.promise, this.#failed.promise])
  }
}

/** One call after the other on one channel. */
class Lane implements ChannelListener {
  channel: Channel | undefined
  readonly #ledger: Ledger
  readonly #expected: Buffer
  readonly #idOffset: number
  #id = 0
  #sentMs = 0

  constructor({ bodyBytes, answer }: CallShape, ledger: Ledger) {
    this.#ledger = ledger
    this.#expected = answerBody(FIRST_ID, bodyBytes, answer)
    this.#idOffset = answerIdOffset(answer)
  }

  start(): void {
    this.#ledger.enter()
    this.#next()
  }

  onAnswer(answer: HttpAnswer): void {
    const latencyMs = performance.now() - this.#sentMs
    const fault = this.#faultOf(answer)
    if (fault !== undefined) this.onFailure(new Error(`call ${this.#id}: ${fault}`))
    else if (this.#ledger.count(latencyMs)) this.#next()
  }

  onFailure(error: Error): void {
    this.#ledger.fail(error)
  }

  #next(): void {
    this.#id = this.#ledger.takeId()
    writeId(this.#expected, this.#idOffset, this.#id)
    this.#sentMs = performance.now()
    this.channel?.send(this.#id)
  }

  #faultOf({ status, body }: HttpAnswer): string | undefined {
    if (status !== 200) return `answered with status ${status}: ${body.toString('latin1', 0, 200)}`
    if (body.equals(this.#expected)) return undefined
    const id = readId(body, this.#idOffset)
    if (id !== this.#id) return `answered with the id ${id}`
    return `answered with ${body.length} bytes that are not the ${this.#expected.length} expected`
  }
}
