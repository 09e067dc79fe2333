// Which of a legacy client's streams a message of its server goes to. On a link few messages say where they belong, over
// HTTP each must go to exactly one stream (MCP 2025-11-25 transports §Multiple connections).
import type { Log } from '../../observability/index.ts'
import type { JsonObject } from '../../wire/index.ts'
import { idKeyOf, paramsOf, unreachableClient, type ServerMessage } from './server-message.ts'
import type { SessionCall, SessionCalls } from './session-calls.ts'
import type { SessionStream } from './session-stream.ts'
import { Undelivered } from './undelivered.ts'

/** Requests of the server that the client may leave unanswered. */
export const MAX_QUESTIONS = 256

export interface DeliveryContext {
  readonly calls: SessionCalls
  /** The session's own stream. */
  readonly standalone: SessionStream
  readonly log: Log
  /** Sends to the server. */
  readonly reply: (line: Buffer) => void
}

export class Delivery {
  readonly #context: DeliveryContext
  readonly #undelivered = new Undelivered()
  // Requests of the server that wait for the client, with the call on whose stream they went.
  readonly #questions = new Map<string, SessionCall | undefined>()
  #dropped = 0

  constructor(context: DeliveryContext) {
    this.#context = context
  }

  /** Hands the session's own stream what waited for a reader. */
  flush(): void {
    const { standalone } = this.#context
    for (const { line } of this.#undelivered.take()) standalone.message(line)
  }

  /** Passes a request or notification on; returns the call it belongs to, if it belongs to one. */
  deliver(message: ServerMessage): SessionCall | undefined {
    const owner = this.#progressOf(message.message)
    if (owner !== undefined && !owner.stream.isRead && !owner.stream.isResumable) {
      this.countDrop()
      return owner
    }
    const call = owner ?? this.#callFor(message.message)
    if (message.kind === 'request' && !this.#noteQuestion(message, call)) return undefined
    const { standalone } = this.#context
    if (call !== undefined) call.stream.message(message.line)
    else if (standalone.isRead) standalone.message(message.line)
    else for (const dropped of this.#undelivered.keep(message)) this.#drop(dropped)
    return call
  }

  /** Notes that the client answered a request of the server; returns the call it was asked on. */
  answered(id: unknown): SessionCall | undefined {
    const key = idKeyOf(id)
    if (key === undefined) return undefined
    const call = this.#questions.get(key)
    this.#questions.delete(key)
    if (call !== undefined) call.questions--
    return call
  }

  /** Counts a message that nobody will read. The first is logged when it comes, the number of all when the session ends. */
  countDrop(): void {
    this.#dropped++
    if (this.#dropped === 1) this.#context.log.info({}, 'a message of a server has no reader')
  }

  reportDrops(): void {
    if (this.#dropped < 2) return
    this.#context.log.info({ count: this.#dropped }, 'messages of a server had no reader')
  }

  /** The call whose progress this is. */
  #progressOf(message: JsonObject): SessionCall | undefined {
    if (message['method'] !== 'notifications/progress') return undefined
    return this.#context.calls.byToken(idKeyOf(paramsOf(message)['progressToken']))
  }

  /** The call on whose stream any other message goes; undefined: on the session's own, or nowhere yet. */
  #callFor(message: JsonObject): SessionCall | undefined {
    const { calls, standalone } = this.#context
    const read = calls.read()
    const isWithdrawal = message['method'] === 'notifications/cancelled'
    const asked = isWithdrawal ? this.answered(paramsOf(message)['requestId']) : undefined
    if (asked !== undefined && read.includes(asked)) return asked
    // With one call under way the message is most likely that call's; with several the GET stream is right for what
    // belongs to none of them, and any is right if there is no GET stream.
    if (read.length === 1) return read[0]
    if (standalone.isRead) return undefined
    return read.at(-1) ?? calls.resumable().at(-1)
  }

  /** False when the client leaves too many requests of the server unanswered: this one is refused. */
  #noteQuestion(message: ServerMessage, call: SessionCall | undefined): boolean {
    const key = idKeyOf(message.message['id'])
    if (key === undefined) return false
    if (this.#questions.size >= MAX_QUESTIONS) {
      this.#drop(message)
      return false
    }
    this.#questions.set(key, call)
    if (call !== undefined) call.questions++
    return true
  }

  #drop({ kind, message }: ServerMessage): void {
    this.countDrop()
    if (kind !== 'request') return
    this.answered(message['id'])
    this.#context.reply(unreachableClient(message['id']))
  }
}
