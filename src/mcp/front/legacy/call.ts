// One request of a legacy client on its way through the view: as many rounds as the server needs to ask the client
// something, then one response in the words of the legacy era.
import type { Clock, GatewayError, RawHeaders, Timer } from '../../../core/index.ts'
import { encodeJson, holdRaw, isObject, type JsonObject } from '../../../wire/index.ts'
import { RPC_CODE, toLegacyError } from '../../translate/errors.ts'
import { toLegacyResult } from '../../translate/results.ts'
import type {
  Caller,
  RpcError,
  RpcNotification,
  ServerView,
  ViewCall,
  ViewRequest,
  ViewSink,
} from '../../view/server-view.ts'
import { InputRound } from './input-round.ts'
import type { LegacyRequest } from './messages.ts'
import type { PostAnswer } from './post-answer.ts'
import type { Questions } from './questions.ts'

/** Rounds of questions in one call, as in the reference implementation: a server that asks for ever has gone wrong. */
export const MAX_ROUNDS = 8
/** Wait before the next round when the server asked nothing and only wants to be called again. */
export const PACE_MS = 250

export interface LegacyCallContext {
  readonly view: ServerView
  readonly caller: Caller
  readonly headers: RawHeaders
  readonly logLevel: string | undefined
  readonly clock: Clock
  readonly answerTimeoutMs: number
  readonly questions: Questions
  readonly post: PostAnswer
  /** Called once. */
  readonly onOver: () => void
}

export class LegacyCall implements ViewSink {
  readonly #context: LegacyCallContext
  readonly #request: LegacyRequest
  #viewCall: ViewCall | undefined
  #round: InputRound | undefined
  #rounds = 0
  /** What the server wants to see with the next round, while it waits for that. */
  #awaited: unknown
  #pacing: Timer | undefined
  /** Of what the request came in, which every round sends. */
  readonly #letGo: () => void
  #isOver = false

  constructor(request: LegacyRequest, context: LegacyCallContext) {
    this.#request = request
    this.#context = context
    this.#letGo = holdRaw(request.params)
  }

  get post(): PostAnswer {
    return this.#context.post
  }

  go(): void {
    this.#call(this.#request.params)
  }

  /** Goes on with a request that was sent already. */
  goOn(takeOver: (request: ViewRequest, sink: ViewSink) => ViewCall): void {
    this.#viewCall = takeOver(this.#requestWith(this.#request.params), this)
  }

  /** Nobody wants the response any more. */
  cancel(reason: string): void {
    if (this.#isOver) return
    this.#stop(reason)
    this.post.drop()
  }

  /** The session ends, and the call with it. */
  end(error: GatewayError): void {
    if (this.#isOver) return
    this.#stop(error.message)
    this.post.fail(this.#request.id, error)
  }

  onNotification({ method, params }: RpcNotification): void {
    this.post.message(JSON.stringify({ jsonrpc: '2.0', method, params }))
  }

  onResult(result: JsonObject): void {
    const { method } = this.#request
    switch (result['resultType']) {
      case 'complete':
        this.#succeed(toLegacyResult(method, result))
        break
      case 'input_required':
        this.#ask(result)
        break
      default:
        this.#giveUp('the server answered with a kind of result that this client cannot take')
    }
  }

  onError(error: RpcError): void {
    this.#fail(toLegacyError(this.#request.method, error))
  }

  onFailure(error: GatewayError): void {
    this.#over()
    this.post.fail(this.#request.id, error)
  }

  #call(params: JsonObject): void {
    this.#viewCall = this.#context.view.call(this.#requestWith(params), this)
  }

  #requestWith(params: JsonObject): ViewRequest {
    const { caller, headers, logLevel } = this.#context
    const { method } = this.#request
    return { method, params, caller, headers, logLevel }
  }

  #ask({ inputRequests, requestState }: JsonObject): void {
    this.#rounds++
    this.#awaited = requestState
    if (this.#rounds > MAX_ROUNDS) {
      this.#giveUp(`the server asked for input more than ${MAX_ROUNDS} times`)
      return
    }
    const { clock, questions, answerTimeoutMs, caller } = this.#context
    if (!isObject(inputRequests) || Object.keys(inputRequests).length === 0) {
      this.#pacing = clock.after(PACE_MS, () => this.#answer(undefined, requestState))
      return
    }
    this.#round = new InputRound({
      questions,
      clock,
      answerTimeoutMs,
      capabilities: caller.capabilities,
      send: (json) => this.post.message(json),
      onAnswered: (responses) => this.#answer(responses, requestState),
      onRefused: (reason) => this.#giveUp(reason),
    })
    this.#round.ask(inputRequests)
  }

  /** The same request again, with what the client said and what the server wants to see again. */
  #answer(inputResponses: JsonObject | undefined, requestState: unknown): void {
    this.#round = undefined
    this.#awaited = undefined
    this.#call({
      ...this.#request.params,
      ...(inputResponses !== undefined && { inputResponses }),
      ...(requestState !== undefined && { requestState }),
    })
  }

  /** A question has no answer, which a server of the modern era cannot be told: the call ends here. */
  #giveUp(reason: string): void {
    this.#abandonRound()
    if (this.#request.method !== 'tools/call') {
      this.#fail({ code: RPC_CODE.internal, message: reason })
      return
    }
    this.#succeed({ content: [{ type: 'text', text: reason }], isError: true })
  }

  #succeed(result: JsonObject): void {
    const { id } = this.#request
    this.#over()
    this.post.respond(
      id,
      encodeJson(() => JSON.stringify({ jsonrpc: '2.0', id, result })),
    )
  }

  #fail(error: RpcError): void {
    const { id } = this.#request
    this.#over()
    this.post.respond(id, JSON.stringify({ jsonrpc: '2.0', id, error }))
  }

  #stop(reason: string): void {
    this.#viewCall?.cancel()
    this.#pacing?.cancel()
    this.#round?.cancel(reason)
    this.#abandonRound()
    this.#over()
  }

  /** Where the call waits at its server for the answers, it waits in vain. */
  #abandonRound(): void {
    const { view, caller } = this.#context
    if (typeof this.#awaited === 'string') view.abandon?.(caller.key, this.#awaited)
    this.#awaited = undefined
  }

  #over(): void {
    this.#isOver = true
    this.#letGo()
    this.#context.onOver()
  }
}
