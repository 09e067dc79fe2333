// The virtual exchanges of one channel: makes them, hands them to the endpoint, and keeps their answers until they are over.
import type { Exchange, RawHeaders } from '../../../core/index.ts'
import { withoutChannel } from './channel-query.ts'
import { HeldBytes } from './held-bytes.ts'
import { VirtualAnswer, type AnswerEars } from './virtual-answer.ts'
import { VirtualExchange, type VirtualRequest } from './virtual-exchange.ts'

export interface TrafficOptions {
  /** What opened the channel. */
  readonly opening: Exchange
  readonly maxMessageBytes: number
  /** The endpoint of the route that the channel is on. */
  readonly handle: (exchange: Exchange) => void
}

/** One exchange to be, on behalf of the client. */
export interface Sent {
  readonly method: VirtualRequest['method']
  readonly headers: RawHeaders
  /** Undefined for GET and DELETE. */
  readonly body?: Buffer | undefined
  /** What the message arrived on. Undefined: the channel itself. */
  readonly origin?: Exchange | undefined
}

/** Unfinished messages of a server that one channel holds at most, as a multiple of the longest one. */
const MAX_HELD_MESSAGES = 4

/** Upstream answers are read, so nobody may compress them. */
const PLAIN: RawHeaders = ['accept-encoding', 'identity']

export class VirtualTraffic {
  readonly #options: TrafficOptions
  readonly #held: HeldBytes
  readonly #answers = new Set<VirtualAnswer>()
  #count = 0

  constructor(options: TrafficOptions) {
    this.#options = options
    this.#held = new HeldBytes(MAX_HELD_MESSAGES * options.maxMessageBytes)
  }

  /** The id of the next exchange: that of what the message arrived on, if it arrived alone. */
  nextId(origin?: Exchange): string {
    const { opening } = this.#options
    if (origin !== undefined && origin !== opening) return origin.id
    this.#count += 1
    return `${opening.id}.${this.#count}`
  }

  /** The answer may be over by the time it is returned. */
  send(id: string, ears: AnswerEars, { method, headers, body, origin }: Sent): VirtualAnswer {
    const { opening, maxMessageBytes, handle } = this.#options
    const answer = new VirtualAnswer(ears, { maxMessageBytes, held: this.#held })
    this.#answers.add(answer)
    answer.onClose(() => this.#answers.delete(answer))
    const source = origin ?? opening
    const query = withoutChannel(source.query)
    const request = { id, method, query, headers: [...headers, ...PLAIN], body, answer }
    handle(new VirtualExchange(source, request))
    return answer
  }

  /** The client has caught up. Stops when it is behind again. */
  drained(isBehind: () => boolean): void {
    for (const answer of this.#answers) {
      if (isBehind()) return
      answer.drained()
    }
  }
}
