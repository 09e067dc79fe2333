// Answers whose stream ended before they were whole and that the server keeps (MCP 2025-11-25 transports §Resumability and
// Redelivery): a client of Streamable HTTP would come back for the rest; on a channel that is done for it.
import type { PostedCall } from './posted-call.ts'
import { DEFAULT_RETRY_MS, PulledStream, type PulledStreamOwner } from './pulled-stream.ts'
import type { AnswerOver } from './virtual-answer.ts'

export interface ResumptionOwner extends PulledStreamOwner {
  /** Nothing more will come of it. */
  onCallOver(call: PostedCall): void
}

/** Tries to go on, without hearing anything, before the request fails. */
const MAX_FUTILE = 5

export class Resumptions {
  readonly #owner: ResumptionOwner
  readonly #streams = new Map<PostedCall, PulledStream>()

  constructor(owner: ResumptionOwner) {
    this.#owner = owner
  }

  /** False: the stream has said no event id to go on from. */
  start(call: PostedCall, { lastEventId, retryMs = DEFAULT_RETRY_MS }: AnswerOver): boolean {
    if (lastEventId === undefined) return false
    const stream = new PulledStream(this.#owner, {
      lastEventId,
      firstDelayMs: retryMs,
      maxFutile: MAX_FUTILE,
      onMessage: (json, message) => {
        call.onMessage(json, message)
        if (!call.isAwaited) this.stop(call)
      },
      onGivenUp: (over) => {
        this.#streams.delete(call)
        call.giveUp(over)
      },
    })
    this.#streams.set(call, stream)
    stream.start()
    return true
  }

  /** The call is answered, or nobody wants the answer any more. Does nothing for others. */
  stop(call: PostedCall): void {
    const stream = this.#streams.get(call)
    if (stream === undefined) return
    this.#streams.delete(call)
    stream.stop()
    this.#owner.onCallOver(call)
  }

  /** The channel is over, and all calls with it. */
  stopAll(): void {
    for (const stream of this.#streams.values()) stream.stop()
    this.#streams.clear()
  }
}
