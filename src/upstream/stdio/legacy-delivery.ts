// Which of a legacy client's streams a message of its child goes to. On stdio few messages say where they belong, over
// HTTP each must go to exactly one stream (MCP 2025-11-25 transports §Multiple connections).
import { GatewayError } from '../../core/index.ts'
import type { Log } from '../../observability/index.ts'
import type { JsonObject } from '../../wire/index.ts'
import type { AnswerStream } from './answer-stream.ts'
import { idKeyOf, paramsOf, unreachableClient, type ChildMessage } from './child-message.ts'
import type { LegacyCall, LegacyCalls } from './legacy-calls.ts'
import { Undelivered } from './undelivered.ts'

/** Requests of the server that the client may leave unanswered. */
export const MAX_QUESTIONS = 256

export interface LegacyDeliveryContext {
  readonly calls: LegacyCalls
  readonly log: Log
  /** Sends to the child. */
  readonly reply: (line: Buffer) => void
}

export class LegacyDelivery {
  readonly #context: LegacyDeliveryContext
  readonly #undelivered = new Undelivered()
  // Requests of the server that wait for the client, with the call on whose stream they went.
  readonly #questions = new Map<string, LegacyCall | undefined>()
  #stream: AnswerStream | undefined
  #dropped = 0

  constructor(context: LegacyDeliveryContext) {
    this.#context = context
  }

  get hasStream(): boolean {
    return this.#stream !== undefined
  }

  /** Makes this the session's GET stream and hands it what waited for one. */
  open(answer: AnswerStream, onClose: () => void): void {
    if (this.#stream !== undefined) {
      const message = 'the session already has an open GET stream'
      answer.fail(new GatewayError('GW_STREAM_CONFLICT', message), false)
      return
    }
    this.#stream = answer
    answer.onAbandoned = () => {
      this.#stream = undefined
      onClose()
    }
    answer.openStream()
    if (answer.isOver) return
    for (const { line } of this.#undelivered.take()) answer.message(line)
  }

  /** Ends the GET stream in good order. */
  closeStream(): void {
    const stream = this.#stream
    this.#stream = undefined
    stream?.end()
  }

  /** Passes a request or notification on; returns the call it belongs to, if it belongs to one. */
  deliver(message: ChildMessage): LegacyCall | undefined {
    const owner = this.#progressOf(message.message)
    if (owner !== undefined && owner.answer?.isOver !== false) {
      this.countDrop()
      return owner
    }
    const call = owner ?? this.#callFor(message.message)
    if (message.kind === 'request' && !this.#noteQuestion(message, call)) return undefined
    const answer = call?.answer ?? this.#stream
    if (answer !== undefined) answer.message(message.line)
    else for (const dropped of this.#undelivered.keep(message)) this.#drop(dropped)
    return call
  }

  /** Notes that the client answered a request of the server; returns the call it was asked on. */
  answered(id: unknown): LegacyCall | undefined {
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
    if (this.#dropped === 1) this.#context.log.info({}, 'a message of a stdio server has no reader')
  }

  reportDrops(): void {
    if (this.#dropped < 2) return
    this.#context.log.info({ count: this.#dropped }, 'messages of a stdio server had no reader')
  }

  /** The call whose progress this is. */
  #progressOf(message: JsonObject): LegacyCall | undefined {
    if (message['method'] !== 'notifications/progress') return undefined
    return this.#context.calls.byToken(idKeyOf(paramsOf(message)['progressToken']))
  }

  /** The call on whose stream any other message goes; undefined: on the GET stream, or nowhere yet. */
  #callFor(message: JsonObject): LegacyCall | undefined {
    const read = this.#context.calls.read()
    const isWithdrawal = message['method'] === 'notifications/cancelled'
    const asked = isWithdrawal ? this.answered(paramsOf(message)['requestId']) : undefined
    if (asked !== undefined && read.includes(asked)) return asked
    // With one call under way the message is most likely that call's; with several the GET stream is right for what
    // belongs to none of them, and any is right if there is no GET stream.
    if (read.length === 1) return read[0]
    return this.#stream === undefined ? read.at(-1) : undefined
  }

  /** False when the client leaves too many requests of the server unanswered: this one is refused. */
  #noteQuestion(message: ChildMessage, call: LegacyCall | undefined): boolean {
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

  #drop({ kind, message }: ChildMessage): void {
    this.countDrop()
    if (kind !== 'request') return
    this.answered(message['id'])
    this.#context.reply(unreachableClient(message['id']))
  }
}
