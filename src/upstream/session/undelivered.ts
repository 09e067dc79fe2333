// Messages of a server that no stream can take right now, until the session's GET stream opens. Bounded: the oldest go.
import type { ServerMessage } from './server-message.ts'

export const MAX_UNDELIVERED = 256
export const MAX_UNDELIVERED_BYTES = 1_048_576

export class Undelivered {
  readonly #messages: ServerMessage[] = []
  #bytes = 0

  /** Keeps a message; returns those that had to go for it. */
  keep(message: ServerMessage): readonly ServerMessage[] {
    // A copy: the line is a part of a chunk, and would hold all of it in memory.
    this.#messages.push({ ...message, line: Buffer.from(message.line) })
    this.#bytes += message.line.length
    const dropped: ServerMessage[] = []
    while (this.#messages.length > MAX_UNDELIVERED || this.#bytes > MAX_UNDELIVERED_BYTES) {
      const oldest = this.#messages.shift() as ServerMessage
      this.#bytes -= oldest.line.length
      dropped.push(oldest)
    }
    return dropped
  }

  /** Hands out all of them, oldest first. */
  take(): readonly ServerMessage[] {
    this.#bytes = 0
    return this.#messages.splice(0)
  }
}
