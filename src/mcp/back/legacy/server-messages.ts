// Where a message goes that a legacy server sends of its own accord: to the call it belongs to, to those who listen for
// changes, or, a question that no call can carry, back to the server.
import type { Clock, Timer } from '../../../core/index.ts'
import { isObject, isRpcId, type JsonObject, type RpcId } from '../../../wire/index.ts'
import { RPC_CODE } from '../../translate/errors.ts'
import { canAnswer, INPUT_METHODS, type InputRequest } from '../../translate/input-requests.ts'
import type { RpcError, RpcNotification } from '../../view/server-view.ts'
import { questionOf, type Question } from './questions.ts'
import type { ServerCall } from './server-call.ts'

/** Questions for roots that wait for a call to carry them: servers ask once, when the session begins, and when roots change. */
const MAX_HELD = 4
const HOLD_MS = 60_000
const CHANGE = /^notifications\/(?:(?:tools|prompts|resources)\/list_changed|resources\/updated)$/

export interface ServerMessagesContext {
  readonly clock: Clock
  /** What the client can do, in the words of the modern era. */
  readonly capabilities: JsonObject
  calls(): readonly ServerCall[]
  /** Sends a response; nobody waits. */
  respond(id: RpcId, response: JsonObject, from: string | undefined): void
  onChange(change: RpcNotification): void
}

interface Held {
  readonly question: Question
  readonly timer: Timer
}

export class ServerMessages {
  readonly #context: ServerMessagesContext
  #held: Held[] = []

  constructor(context: ServerMessagesContext) {
    this.#context = context
  }

  /** `call`: on whose stream it came; undefined on the stream of the session. */
  receive(message: JsonObject, call: ServerCall | undefined): void {
    const { id, method } = message
    if (typeof method !== 'string') return
    const params = isObject(message['params']) ? message['params'] : undefined
    const asked: InputRequest = { method, ...(params !== undefined && { params }) }
    if (isRpcId(id)) this.#onRequest(asked, id, call)
    else this.#onNotification(asked, call)
  }

  /** Whether the next call has to carry questions. */
  get hasHeld(): boolean {
    return this.#held.length > 0
  }

  /** The questions for which the next call is to be the carrier. */
  takeHeld(): readonly Question[] {
    return this.#held.splice(0).map(({ question, timer }) => {
      timer.cancel()
      return question
    })
  }

  stop(): void {
    this.takeHeld()
  }

  /** Puts a question to the client, in this call if it can ask; or keeps it for a later call, or refuses it. */
  ask(asked: InputRequest, id: RpcId, call: ServerCall | undefined): void {
    const carrier = this.#carrierFor(call)
    if (carrier?.ask(asked, id) === true) return
    const isHeld = carrier === undefined && this.#hold(asked, id)
    if (!isHeld) this.#refuse(id, `the client cannot be asked for ${asked.method} now`, call?.from)
  }

  #onRequest(asked: InputRequest, id: RpcId, call: ServerCall | undefined): void {
    const from = call?.from
    if (asked.method === 'ping') {
      this.#context.respond(id, { result: {} }, from)
      return
    }
    const isAnswerable =
      INPUT_METHODS.has(asked.method) && canAnswer(this.#context.capabilities, asked)
    if (isAnswerable) this.ask(asked, id, call)
    else this.#refuse(id, `the client does not support ${asked.method}`, from)
  }

  /**
   * The call in which a question is put to the client. One that came on no call's stream, or on that of a call that cannot
   * ask, goes with the newest that can: the answer finds its way back by its id, whichever call it was.
   */
  #carrierFor(call: ServerCall | undefined): ServerCall | undefined {
    if (call?.canCarry === true) return call
    const able = this.#context.calls().filter((other) => other.canCarry && !other.isParked)
    return able.toSorted((a, b) => a.id - b.id).at(-1)
  }

  #hold(asked: InputRequest, id: RpcId): boolean {
    if (asked.method !== 'roots/list' || this.#held.length >= MAX_HELD) return false
    const question = questionOf(asked, id, this.#held.length + 1)
    const timer = this.#context.clock.after(HOLD_MS, () => {
      this.#held = this.#held.filter((held) => held.question !== question)
      this.#refuse(id, 'the client has made no call in which it could be asked', undefined)
    })
    this.#held.push({ question, timer })
    return true
  }

  #onNotification({ method, params = {} }: InputRequest, call: ServerCall | undefined): void {
    if (method === 'notifications/progress') this.#onProgress(params, call)
    // On the stream of the session nothing tells whose it is.
    else if (method === 'notifications/message') call?.onLog(params)
    else if (method === 'notifications/cancelled') this.#onWithdrawn(params['requestId'])
    else if (CHANGE.test(method)) this.#context.onChange({ method, params })
  }

  #onProgress(params: JsonObject, call: ServerCall | undefined): void {
    const token = params['progressToken']
    const isOwn = call?.id === token
    const owner = isOwn ? call : this.#context.calls().find((other) => other.id === token)
    owner?.onProgress(params)
  }

  #onWithdrawn(requestId: unknown): void {
    if (this.#context.calls().some((call) => call.withdraw(requestId))) return
    const held = this.#held.find(({ question }) => question.rpcId === requestId)
    held?.timer.cancel()
    this.#held = this.#held.filter((other) => other !== held)
  }

  #refuse(id: RpcId, message: string, from: string | undefined): void {
    const error: RpcError = { code: RPC_CODE.methodNotFound, message }
    this.#context.respond(id, { error }, from)
  }
}
