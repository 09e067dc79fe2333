// One message of a client on its way through the endpoint: notes which of its requests have been answered, and sees to it
// that the others are too, whatever became of the answer.
import { GatewayError, type LiveMember, renderErrorJson } from '../../../core/index.ts'
import {
  isObject,
  isRpcId,
  type JsonObject,
  parseLossless,
  type RpcId,
} from '../../../wire/index.ts'
import type { PostedMessage } from './posted-message.ts'
import type { AnswerEars, AnswerHead, AnswerOver, VirtualAnswer } from './virtual-answer.ts'

/** What a call asks of its channel. */
export interface CallOwner {
  readonly isBehind: boolean
  /** Hands a message to the client. */
  deliver(json: string): void
  onCallHead(call: PostedCall, head: AnswerHead): void
  /** The answer to `initialize`. */
  onInitialized(call: PostedCall, result: JsonObject): void
  /** The stream of the answer ended early, and can be gone on with. False: it cannot. */
  resume(call: PostedCall, over: AnswerOver): boolean
  /** Nothing more will come of it. */
  onCallOver(call: PostedCall, over: AnswerOver): void
}

const ERROR_FLOOR = 400
const NOT_FOUND = 404

export class PostedCall implements AnswerEars, LiveMember {
  place = -1
  readonly posted: PostedMessage
  /** Of the virtual exchange, for error bodies. */
  readonly exchangeId: string
  /** The session it was sent in. */
  readonly session: string | undefined
  /** What it is answered with; set once it was sent. */
  answer: VirtualAnswer | undefined
  readonly #owner: CallOwner
  readonly #unanswered: Set<RpcId>
  #status = 0

  constructor(
    owner: CallOwner,
    posted: PostedMessage,
    { exchangeId, session }: { readonly exchangeId: string; readonly session: string | undefined },
  ) {
    this.#owner = owner
    this.posted = posted
    this.exchangeId = exchangeId
    this.session = session
    this.#unanswered = new Set(posted.ids)
  }

  get isBehind(): boolean {
    return this.#owner.isBehind
  }

  /** True while the client waits for an answer. */
  get isAwaited(): boolean {
    return this.#unanswered.size > 0
  }

  /** The client no longer wants the answer to this one. False: it is not one of these requests. */
  forgo(id: RpcId): boolean {
    return this.#unanswered.delete(id)
  }

  /** Nobody waits for it any more. */
  leave(): void {
    this.#unanswered.clear()
    this.answer?.leave()
  }

  onHead(head: AnswerHead): void {
    this.#status = head.status
    this.#owner.onCallHead(this, head)
  }

  onMessage(json: string, message: unknown): void {
    if (!isObject(message) || typeof message['method'] === 'string') {
      if (Array.isArray(message)) for (const item of message as unknown[]) this.#noteAnswer(item)
      this.#owner.deliver(json)
      return
    }
    this.#owner.deliver(this.#attributed(json, message))
    this.#noteAnswer(message)
  }

  onOver(over: AnswerOver): void {
    if (this.isAwaited && this.#owner.resume(this, over)) return
    this.giveUp(over)
  }

  /** Answers what has no answer. */
  giveUp(over: AnswerOver): void {
    if (this.isAwaited) this.fail(this.#reason(over))
    this.#owner.onCallOver(this, over)
  }

  fail(error: GatewayError): void {
    for (const rpcId of this.#unanswered) {
      this.#owner.deliver(renderErrorJson(error, { requestId: this.exchangeId, rpcId }))
    }
    this.#unanswered.clear()
  }

  /**
   * An error whose sender could not tell the request's id, or leaves it out: over HTTP it is clear what it answers, on a
   * channel the client would wait for ever.
   */
  #attributed(json: string, message: JsonObject): string {
    const isNameless = isObject(message['error']) && (message['id'] ?? null) === null
    if (!isNameless || this.#status < ERROR_FLOOR || this.#unanswered.size !== 1) return json
    const [id] = this.#unanswered
    if (id !== undefined) this.#unanswered.delete(id)
    return JSON.stringify({ ...(parseLossless(json) as JsonObject), id })
  }

  #noteAnswer(message: unknown): void {
    if (!isObject(message) || !isRpcId(message['id'])) return
    if (!this.#unanswered.delete(message['id'])) return
    const { method, modernVersion } = this.posted
    const isInitialize = method === 'initialize' && modernVersion === undefined
    if (isInitialize && isObject(message['result']))
      this.#owner.onInitialized(this, message['result'])
  }

  #reason({ status, isWhole, isTooLarge }: AnswerOver): GatewayError {
    if (isTooLarge) {
      return new GatewayError('GW_ANSWER_TOO_LARGE', 'a message of the answer is too long')
    }
    if (status === NOT_FOUND && this.session !== undefined) {
      return new GatewayError('GW_SESSION_NOT_FOUND', 'the session is unknown; initialize again')
    }
    if (!isWhole || status < ERROR_FLOOR) {
      return new GatewayError('GW_UPSTREAM_BROKEN', 'the answer ended without a message')
    }
    return new GatewayError('GW_UPSTREAM_PROTOCOL', `status ${status} without a message`)
  }
}
