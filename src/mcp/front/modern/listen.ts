// One `subscriptions/listen` of a modern client: the acknowledgement first, then changes under the subscription's id, and
// the result when it ends in good order (MCP 2026-07-28 subscriptions).
import { GatewayError, type LiveMember } from '../../../core/index.ts'
import { encodeEvent, META, type RpcId } from '../../../wire/index.ts'
import { httpStatusOf } from '../../translate/errors.ts'
import type {
  ListenFilter,
  ListenRequest,
  ListenSink,
  RpcError,
  RpcNotification,
  ServerView,
  ViewCall,
} from '../../view/server-view.ts'
import { EventAnswer, type EventAnswerContext } from '../event-answer.ts'
import type { FrontVisit } from '../visit.ts'

export interface ModernListenContext {
  readonly answers: EventAnswerContext
  /** Called once. */
  readonly onOver: (listen: ModernListen) => void
}

export class ModernListen implements ListenSink, LiveMember {
  place = -1
  /** Whose it is. */
  readonly callerKey: string
  readonly #id: RpcId
  readonly #context: ModernListenContext
  readonly #answer: EventAnswer
  #viewCall: ViewCall | undefined
  #isAcknowledged = false
  #isOver = false

  constructor(visit: FrontVisit, id: RpcId, context: ModernListenContext) {
    this.callerKey = visit.callerKey
    this.#id = id
    this.#context = context
    this.#answer = new EventAnswer(visit, context.answers, { onGone: () => this.#leave() })
  }

  go(view: ServerView, request: ListenRequest): void {
    this.#viewCall = view.listen(request, this)
    this.#answer.begin()
  }

  /** Ends it in good order because the gateway stops: the client may come back elsewhere. */
  close(): void {
    if (this.#isAcknowledged) this.#end()
    else this.#answer.fail(new GatewayError('GW_DRAINING', 'the gateway is stopping'), this.#id)
    this.#leave()
  }

  onAcknowledged(honoured: ListenFilter): void {
    if (this.#isAcknowledged) return
    this.#isAcknowledged = true
    const method = 'notifications/subscriptions/acknowledged'
    this.#notify({ method, params: { notifications: honoured } })
  }

  onNotification(change: RpcNotification): void {
    this.#notify(change)
  }

  onEnd(): void {
    this.#end()
    this.#over()
  }

  /**
   * Before the acknowledgement it is a refusal, and says why. Afterwards the stream ends without a result, which is how
   * a client learns that changes may have been missed and that it may listen again.
   */
  onFailure(error: GatewayError | RpcError): void {
    if (this.#isAcknowledged) this.#answer.end()
    else if (error instanceof GatewayError) this.#answer.fail(error, this.#id)
    else {
      const json = JSON.stringify({ jsonrpc: '2.0', id: this.#id, error })
      this.#answer.finish(json, httpStatusOf(error))
    }
    this.#over()
  }

  #notify({ method, params }: RpcNotification): void {
    const _meta = { ...(params?.['_meta'] as object | undefined), [META.subscriptionId]: this.#id }
    const message = { jsonrpc: '2.0', method, params: { ...params, _meta } }
    this.#answer.send(encodeEvent(JSON.stringify(message)))
  }

  #end(): void {
    const result = { resultType: 'complete', _meta: { [META.subscriptionId]: this.#id } }
    this.#answer.finish(JSON.stringify({ jsonrpc: '2.0', id: this.#id, result }))
  }

  #leave(): void {
    this.#viewCall?.cancel()
    this.#over()
  }

  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#context.onOver(this)
  }
}
