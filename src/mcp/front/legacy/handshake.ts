// `initialize` of a legacy client: what the view says of itself to whoever asks in the modern way, as the answer that the
// legacy era expects. The session begins with it.
import { toGatewayError, type GatewayError } from '../../../core/index.ts'
import { HEADER, type JsonObject, type RpcId } from '../../../wire/index.ts'
import { initializeResult } from '../../translate/discovery.ts'
import { toLegacyError } from '../../translate/errors.ts'
import type { Caller, RpcError, ViewCall, ViewSink } from '../../view/server-view.ts'
import { EventAnswer, type EventAnswerContext } from '../event-answer.ts'
import type { FrontVisit } from '../visit.ts'
import { invalid, paramsOf } from './messages.ts'
import { callerOfSession, leaveView } from './session-caller.ts'
import type { SessionStart } from './session.ts'

export interface HandshakeContext {
  readonly answers: EventAnswerContext
  /** Begins the session; returns its id. @throws GatewayError */
  readonly begin: (start: Omit<SessionStart, 'id' | 'bound'>) => string
}

const DISCOVER = 'server/discover'

export class Handshake implements ViewSink {
  readonly #visit: FrontVisit
  readonly #context: HandshakeContext
  readonly #id: RpcId
  readonly #params: JsonObject
  readonly #caller: Caller
  readonly #answer: EventAnswer
  #viewCall: ViewCall | undefined

  constructor(visit: FrontVisit, message: JsonObject, context: HandshakeContext) {
    this.#visit = visit
    this.#context = context
    this.#id = message['id'] as RpcId
    this.#params = paramsOf(message)
    this.#caller = callerOfSession(visit, this.#params)
    this.#answer = new EventAnswer(visit, context.answers, { onGone: () => this.#onGone() })
  }

  go(): void {
    if (typeof this.#params['protocolVersion'] !== 'string') {
      this.onError(invalid('params.protocolVersion: expected a protocol version'))
      return
    }
    const { view, headers } = this.#visit
    const caller = this.#caller
    const request = { method: DISCOVER, params: {}, caller, headers, logLevel: undefined }
    this.#viewCall = view.call(request, this)
    // The session id is a part of the head, which therefore waits for the answer.
    this.#answer.begin(false)
  }

  onNotification(): void {
    // Nothing can be said to a client before it is initialized (MCP 2025-11-25 lifecycle §Initialization).
  }

  onResult(discovered: JsonObject): void {
    if (this.#answer.isOver) return
    try {
      this.#begin(discovered)
    } catch (thrown) {
      this.onFailure(toGatewayError(thrown))
    }
  }

  onError(error: RpcError): void {
    leaveView(this.#visit, this.#caller)
    const body = { jsonrpc: '2.0', id: this.#id, error: toLegacyError(DISCOVER, error) }
    this.#answer.whole(200, JSON.stringify(body))
  }

  onFailure(error: GatewayError): void {
    leaveView(this.#visit, this.#caller)
    this.#answer.fail(error, this.#id)
  }

  #onGone(): void {
    this.#viewCall?.cancel()
    leaveView(this.#visit, this.#caller)
  }

  #begin(discovered: JsonObject): void {
    const { protocolVersion } = this.#params
    const { view } = this.#visit
    const result = initializeResult(discovered, protocolVersion, view.name)
    const sessionId = this.#context.begin({
      version: result['protocolVersion'] as string,
      caller: this.#caller,
      capabilities: result['capabilities'] as JsonObject,
      visit: this.#visit,
    })
    const json = JSON.stringify({ jsonrpc: '2.0', id: this.#id, result })
    this.#answer.whole(200, json, [HEADER.sessionId, sessionId])
  }
}
