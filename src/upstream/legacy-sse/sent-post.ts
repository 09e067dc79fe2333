// One message on its way to an HTTP+SSE endpoint. Only whether it was taken counts: its answer comes on the event stream.
import type { GatewayError } from '../../core/index.ts'
import type { Posting } from '../session/link.ts'
import type { AnswerSink, UpstreamCall } from '../upstream.ts'
import { refusalOf } from './refusals.ts'

/** Bodies of such answers are a word or two; one that goes on is cut off, and its connection with it. */
const MAX_BODY_BYTES = 65_536

export class SentPost implements AnswerSink {
  #onTaken: Posting['onTaken'] | undefined
  #call: UpstreamCall | undefined
  #bytes = 0

  /** Without `onTaken` nobody waits to hear what became of it. */
  constructor(onTaken: Posting['onTaken'] | undefined) {
    this.#onTaken = onTaken
  }

  attach(call: UpstreamCall): void {
    this.#call = call
  }

  onHead(status: number): void {
    if (status >= 200 && status < 300) this.#tell()
    else this.#tell({ error: refusalOf(status, 'message'), sent: true })
  }

  onData(chunk: Uint8Array): boolean {
    this.#bytes += chunk.length
    if (this.#bytes > MAX_BODY_BYTES) this.#call?.abort()
    return true
  }

  onEnd(): void {}

  onFailure(error: GatewayError, sent: boolean): void {
    this.#tell({ error, sent })
  }

  #tell(...outcome: Parameters<Posting['onTaken']>): void {
    const onTaken = this.#onTaken
    this.#onTaken = undefined
    onTaken?.(...outcome)
  }
}
