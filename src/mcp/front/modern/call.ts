// One request of a modern client: handed to the view, its answer given as one JSON object or as an event stream.
import { GatewayError, type LiveMember } from '../../../core/index.ts'
import {
  encodeEvent,
  encodeJson,
  holdRaw,
  type JsonObject,
  type RpcId,
} from '../../../wire/index.ts'
import { stringifyResult } from '../../catalog/serialised.ts'
import { httpStatusOf } from '../../translate/errors.ts'
import type {
  RpcError,
  RpcNotification,
  ServerView,
  ViewCall,
  ViewRequest,
  ViewSink,
} from '../../view/server-view.ts'
import { EventAnswer, type EventAnswerContext } from '../event-answer.ts'
import type { FrontVisit } from '../visit.ts'

export interface ModernCallContext {
  readonly answers: EventAnswerContext
  /** Called once. */
  readonly onOver: (call: ModernCall) => void
}

export class ModernCall implements ViewSink, LiveMember {
  place = -1
  readonly #id: RpcId
  readonly #context: ModernCallContext
  readonly #answer: EventAnswer
  #viewCall: ViewCall | undefined
  /** Of what the request came in. */
  #letGo: (() => void) | undefined

  constructor(visit: FrontVisit, id: RpcId, context: ModernCallContext) {
    this.#id = id
    this.#context = context
    this.#answer = new EventAnswer(visit, context.answers, { onGone: () => this.#leave() })
  }

  go(view: ServerView, request: ViewRequest): void {
    // It may be sent more than once.
    this.#letGo = holdRaw(request.params)
    this.#viewCall = view.call(request, this)
    this.#answer.begin()
  }

  /** Ends it because the gateway stops. */
  close(): void {
    this.#leave()
    this.#answer.fail(new GatewayError('GW_DRAINING', 'the gateway is stopping'), this.#id)
  }

  onNotification({ method, params }: RpcNotification): void {
    this.#answer.send(encodeEvent(JSON.stringify({ jsonrpc: '2.0', method, params })))
  }

  onResult(result: JsonObject): void {
    const id = JSON.stringify(this.#id)
    // Lists that many answers share have their text already.
    this.#answer.finish(
      encodeJson(() => `{"jsonrpc":"2.0","id":${id},"result":${stringifyResult(result)}}`),
    )
    this.#over()
  }

  onError(error: RpcError): void {
    const json = JSON.stringify({ jsonrpc: '2.0', id: this.#id, error })
    this.#answer.finish(json, httpStatusOf(error))
    this.#over()
  }

  onFailure(error: GatewayError): void {
    this.#answer.fail(error, this.#id)
    this.#over()
  }

  /** Closing the stream is the cancellation (MCP 2026-07-28 transports §Cancellation). */
  #leave(): void {
    this.#viewCall?.cancel()
    this.#over()
  }

  #over(): void {
    this.#letGo?.()
    this.#context.onOver(this)
  }
}
