// Keeps a number of calls in flight against one target and measures them for a while. Every answer is compared whole; the
// first wrong one ends the run with an error, so that nothing but good answers is ever counted.
import { answerBody, answerIdOffset, FIRST_ID, readId, writeId, type CallShape } from '../call.ts'
import type { HttpAnswer } from './answer-reader.ts'
import {
  openSocketChannel,
  type Channel,
  type ChannelListener,
  type Destination,
} from './channel.ts'
import { Http2Connections } from './http2-channel.ts'
import { Ledger, measure, type LoadResult, type Period } from './measure.ts'

export interface LoadOrder extends Period {
  readonly destination: Destination
  readonly shape: CallShape
  /** Calls in flight, each on a connection of its own (HTTP/2: on a stream of its own). */
  readonly connections: number
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
  const ids = new Ids()
  const lanes: Lane[] = []
  for (let count = 0; count < connections; count++) {
    const lane = new Lane(shape, ids, ledger)
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
  readonly #ids: Ids
  readonly #ledger: Ledger
  readonly #expected: Buffer
  readonly #idOffset: number
  #id = 0
  #sentMs = 0

  constructor({ bodyBytes, answer }: CallShape, ids: Ids, ledger: Ledger) {
    this.#ids = ids
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
    this.#id = this.#ids.take()
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
