// Requests of the gateway to a legacy client, in a session: their ids, and who waits for which answer. Ids of this
// direction have nothing to do with those of the client's own requests.
import type { JsonObject } from '../../../wire/index.ts'

/** Requests that a client may leave unanswered in one session. */
export const MAX_QUESTIONS = 256

export class Questions {
  readonly #open = new Map<unknown, (response: JsonObject) => void>()
  #lastId = 0

  /** The id under which to ask; undefined: too many are open. */
  ask(onAnswer: (response: JsonObject) => void): number | undefined {
    if (this.#open.size >= MAX_QUESTIONS) return undefined
    this.#lastId++
    this.#open.set(this.#lastId, onAnswer)
    return this.#lastId
  }

  /** Hands on a response of the client. One that nobody waits for, or not any more, is ignored. */
  settle(response: JsonObject): void {
    const { id } = response
    const onAnswer = this.#open.get(id)
    this.#open.delete(id)
    onAnswer?.(response)
  }

  /** The answer is not wanted any more. */
  withdraw(id: number): void {
    this.#open.delete(id)
  }
}
