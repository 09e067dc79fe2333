// Messages of one client that cannot be passed on yet, in the order in which they came, within bounds.
import type { Exchange } from '../../../core/index.ts'
import type { PostedMessage } from './posted-message.ts'

export interface WaitingMessage {
  readonly posted: PostedMessage
  /** What it arrived on. */
  readonly origin: Exchange
}

/** What one chunk of a WebSocket may bring is taken before the connection can be told to stop. */
const MAX_MESSAGES = 4_096
const MAX_BYTES = 8_388_608

export class WaitingMessages {
  #messages: WaitingMessage[] = []
  #bytes = 0

  get isEmpty(): boolean {
    return this.#messages.length === 0
  }

  /** Time to ask the client to stop, where that can be. */
  get isHalfFull(): boolean {
    return this.#messages.length > MAX_MESSAGES / 2 || this.#bytes > MAX_BYTES / 2
  }

  /** False: too many, or too long together. One alone is always taken: its length has been checked. */
  add(message: WaitingMessage): boolean {
    const bytes = this.#bytes + message.posted.bytes.length
    const isTooMuch = this.#messages.length >= MAX_MESSAGES || bytes > MAX_BYTES
    if (isTooMuch && !this.isEmpty) return false
    this.#messages.push(message)
    this.#bytes = bytes
    return true
  }

  next(): WaitingMessage | undefined {
    const message = this.#messages.shift()
    this.#bytes -= message?.posted.bytes.length ?? 0
    return message
  }

  clear(): void {
    this.#messages = []
    this.#bytes = 0
  }
}
