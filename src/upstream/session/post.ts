// One POST of a client on its way to the server, as one message or, for a batch, several: what became of it is told once.
import type { GatewayError } from '../../core/index.ts'

export interface Refused {
  readonly error: GatewayError
  /** As in AnswerSink.onFailure. */
  readonly sent: boolean
}

export class Post {
  #left: number
  readonly #onTaken: (refused: Refused | undefined) => void

  /** `onTaken` is called when the server has taken all messages, or with the first that it did not. */
  constructor(messages: number, onTaken: (refused: Refused | undefined) => void) {
    this.#left = messages
    this.#onTaken = onTaken
  }

  onTaken(refused?: Refused): void {
    if (this.#left === 0) return
    this.#left = refused === undefined ? this.#left - 1 : 0
    if (this.#left === 0) this.#onTaken(refused)
  }
}
