// Keeps a number of calls in flight against one target and measures them for a while. Every answer is compared whole; the
// first wrong one ends the run with an error, so that nothing but good answers is ever counted.
import {
  answerBody,
  answerIdOffset,
  FIRST_ID,
  readId,
  scriptOf,
  writeId,
  type CallScript,
  type CallShape,
} from '../call.ts'
import type { HttpAnswer } from './answer-reader.ts'
import {
  openSocketChannel,
  type Channel,
  type ChannelListener,
  type Destination,
} from './channel.ts'
import { Http2Connections } from './http2-channel.ts'
import { Ledger, measure, type LoadResult, type Period } from './measure.ts'

/** Where a load goes, and how much of it. */
export interface LoadRun extends Period {
  readonly destination: Destination
  /** Calls in flight, each on a connection of its own (HTTP/2: on a stream of its own). */
  readonly connections: number
}

export interface LoadOrder extends LoadRun {
  readonly shape: CallShape
}

/** Says what is wrong with answers; nothing, where it is undefined. */
export interface Judge {
  faultOf(id: number, body: Buffer): string | undefined
}

/** What is called, and what the answers have to be. Asked anew for every connection. */
export interface Work {
  script(): CallScript
  judge(): Judge
}

/** @throws Error at the first call that is not answered as it should be. */
export function runLoad(order: LoadOrder): Promise<LoadResult> {
  const { shape } = order
  return runWork(order, { script: () => scriptOf(shape), judge: () => new ExactJudge(shape) })
}

/** @throws Error at the first call that is not answered as it should be. */
export async function runWork(run: LoadRun, work: Work): Promise<LoadResult> {
  const ledger = new Ledger()
  const channels: Channel[] = []
  try {
    const lanes = await openLanes(run, { work, ledger, channels })
    for (const lane of lanes) lane.start()
    return await measure(run, ledger)
  } finally {
    for (const channel of channels) channel.close()
  }
}

interface Opening {
  readonly work: Work
  readonly ledger: Ledger
  /** Filled with what has to be closed. */
  readonly channels: Channel[]
}

async function openLanes(
  { destination, connections }: LoadRun,
  { work, ledger, channels }: Opening,
): Promise<readonly Lane[]> {
  const http2 = new Http2Connections(destination)
  const ids = new Ids()
  const lanes: Lane[] = []
  for (let count = 0; count < connections; count++) {
    const lane = new Lane(work.judge(), ids, ledger)
    const channel =
      destination.protocol === 'http2'
        ? http2.open(work.script(), lane)
        : await openSocketChannel(destination, work.script(), lane)
    channels.push(channel)
    lane.channel = channel
    lanes.push(lane)
  }
  return lanes
}

/** Ids that no other call of this load has. */
class Ids {
  #next = FIRST_ID

  take(): number {
    return this.#next++
  }
}

/** One call after the other on one channel. */
class Lane implements ChannelListener {
  channel: Channel | undefined
  readonly #judge: Judge
  readonly #ids: Ids
  readonly #ledger: Ledger
  #id = 0
  #sentMs = 0

  constructor(judge: Judge, ids: Ids, ledger: Ledger) {
    this.#judge = judge
    this.#ids = ids
    this.#ledger = ledger
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
    this.#id = this.#ids.take()
    this.#sentMs = performance.now()
    this.channel?.send(this.#id)
  }

  #faultOf({ status, body }: HttpAnswer): string | undefined {
    if (status !== 200) return `answered with status ${status}: ${body.toString('latin1', 0, 200)}`
    return this.#judge.faultOf(this.#id, body)
  }
}

/** Byte by byte: what the backend says is known beforehand, but for the id. */
class ExactJudge implements Judge {
  readonly #expected: Buffer
  readonly #idOffset: number

  constructor({ bodyBytes, answer }: CallShape) {
    this.#expected = answerBody(FIRST_ID, bodyBytes, answer)
    this.#idOffset = answerIdOffset(answer)
  }

  faultOf(id: number, body: Buffer): string | undefined {
    writeId(this.#expected, this.#idOffset, id)
    if (body.equals(this.#expected)) return undefined
    const answered = readId(body, this.#idOffset)
    if (answered !== id) return `answered with the id ${answered}`
    return `answered with ${body.length} bytes that are not the ${this.#expected.length} expected`
  }
}
