// One request at a legacy server, from its POST to its answer: progress and logs on the way, and questions of the server,
// for which the call is parked, upstream still open, until the client's retry brings the answers.
import { GatewayError, type LiveMember } from '../../../core/index.ts'
import type { RoutedSink } from '../../../routing/index.ts'
import type { UpstreamCall } from '../../../upstream/index.ts'
import { isObject, isRpcId, type JsonObject, type RpcId } from '../../../wire/index.ts'
import { toRpcError } from '../../translate/errors.ts'
import { ASKING_METHODS, type InputRequest } from '../../translate/input-requests.ts'
import { isAtLeast } from '../../translate/log-levels.ts'
import type { RpcError, ViewRequest } from '../../view/server-view.ts'
import type { AnswerHeadSeen } from '../answer-reader.ts'
import { CallAnswer, type CallAnswerListener } from './call-answer.ts'
import { CallQuestions } from './call-questions.ts'
import type { CallReader, RetryReader } from './call-reader.ts'
import type { CallSession } from './call-session.ts'
import {
  endsSession,
  fateOf,
  GIVEN_UP,
  noAnswer,
  refusedWith,
  sessionLost,
  tooLargeToHold,
} from './failures.ts'
import { legacyParams } from './legacy-params.ts'
import { type HeldOutcome, type Outcome, tell } from './outcome.ts'
import type { Parkable } from './parked-calls.ts'
import type { Answered, Question } from './questions.ts'
import { digestOf } from './request-state.ts'

const BAD_REQUEST = 400
const NOT_FOUND = 404

export class ServerCall implements LiveMember, Parkable, CallAnswerListener {
  place = -1
  /** Of the request, and also its progress token: unique in the session. */
  readonly id: number
  readonly callerKey: string
  readonly #session: CallSession
  readonly #method: string
  readonly #questions: CallQuestions
  #reader: CallReader | undefined
  /** The request or its latest retry; undefined while it is parked. */
  #request: ViewRequest | undefined
  #digest = ''
  #answer: CallAnswer | undefined
  #from: string | undefined
  #refusal: RpcError | undefined
  #held: HeldOutcome | undefined
  #isOver = false

  /** `id`: of a request that was sent already. */
  constructor(
    session: CallSession,
    request: ViewRequest,
    reader: CallReader,
    id = session.nextId(),
  ) {
    this.#session = session
    this.id = id
    this.callerKey = request.caller.key
    this.#method = request.method
    this.#request = request
    this.#reader = reader
    this.#questions = new CallQuestions(session.clock, () => this.#park())
  }

  get questions(): readonly Question[] {
    return this.#questions.open
  }

  get digest(): string {
    return this.#digest
  }

  get serverInfo(): JsonObject | undefined {
    return this.#session.serverInfo
  }

  /** Key of the endpoint that has the call, once it has answered at all. */
  get from(): string | undefined {
    return this.#from
  }

  /** True when a question can be put to the client in this call: somebody reads, or is expected to come back. */
  get canCarry(): boolean {
    return !this.#isOver && ASKING_METHODS.has(this.#method)
  }

  /** True while it waits for its client's input. */
  get isParked(): boolean {
    return !this.#isOver && this.#reader === undefined
  }

  /** Sends the request. The reader hears nothing before this has returned. */
  start(): void {
    const ready = this.#session.logLevel.enter(this.#request?.logLevel)
    if (ready === undefined) this.#send()
    else void ready.then(() => this.#send())
  }

  /** Takes over what was sent in its stead. The reader hears nothing before this has returned. */
  takeOver(passTo: (sink: RoutedSink) => UpstreamCall): void {
    this.#answer = this.#answerTo(passTo)
  }

  /** Nobody wants the answer any more. */
  cancel(): void {
    if (this.#isOver) return
    this.#end()
    this.#refuse(this.#questions.takeAll())
    if (this.#answer === undefined) return
    this.#session.cancelled(this.id, this.#from)
    this.#answer.stop()
  }

  abandon(): void {
    if (this.#held !== undefined) this.#session.parking.calls.release(this.#held.bytes)
    this.#held = undefined
    this.#refuse(this.#questions.takeAll())
    this.cancel()
  }

  /** Fails it because its session ends. */
  cut(error: GatewayError): void {
    const reader = this.#reader
    this.cancel()
    reader?.onFailure(error, 'unknown')
  }

  /** Puts a question of the server to the client, in this call. False: there are too many. */
  ask(asked: InputRequest, rpcId: RpcId): boolean {
    if (this.#isOver || !this.#questions.add(asked, rpcId)) return false
    if (this.#reader !== undefined) this.#questions.askSoon()
    return true
  }

  /** The server does not want to know any more. False: it has not asked in this call. */
  withdraw(rpcId: unknown): boolean {
    return this.#questions.withdraw(rpcId)
  }

  resume(reader: RetryReader, retry: ViewRequest, answers: readonly Answered[]): void {
    this.#questions.settle(answers)
    for (const answer of answers) void this.#reply(answer)
    const held = this.#held
    if (held !== undefined) {
      this.#held = undefined
      this.#session.parking.calls.release(held.bytes)
      this.#refuse(this.#questions.takeAll())
      queueMicrotask(() => tell(reader, held.outcome))
      return
    }
    this.#reader = reader
    this.#request = retry
    this.#answer?.expectSilence(false)
    reader.onResumed(this, this.#session)
    void this.#session.logLevel.enter(retry.logLevel)
    if (this.#questions.open.length > 0) this.#questions.askSoon()
  }

  onProgress(params: JsonObject): void {
    const meta = this.#request?.params['_meta']
    const progressToken = isObject(meta) ? meta['progressToken'] : undefined
    if (!isRpcId(progressToken)) return
    const method = 'notifications/progress'
    this.#reader?.onNotification({ method, params: { ...params, progressToken } })
  }

  onLog(params: JsonObject): void {
    const threshold = this.#request?.logLevel
    if (threshold === undefined || !isAtLeast(params['level'], threshold)) return
    this.#reader?.onNotification({ method: 'notifications/message', params })
  }

  onHead({ status, from }: AnswerHeadSeen): void {
    this.#from = from.key
    if (status !== NOT_FOUND || !this.#session.hasId) return
    this.#session.retire()
    this.#settle({ kind: 'failure', error: sessionLost(), fate: 'refused' })
  }

  onMessage(message: JsonObject): void {
    if ('method' in message) this.#session.onServerMessage(message, this)
    else if (message['id'] === this.id) this.#onResponse(message)
    else if (!isRpcId(message['id'])) this.#refusal = toRpcError(message['error'])
    else this.#session.countStray()
  }

  onOver(status: number, failure: GatewayError | undefined): void {
    if (failure === undefined) {
      this.#onUnanswered(status)
      return
    }
    const isLost = failure.code === 'GW_SESSION_NOT_FOUND'
    if (endsSession(failure)) this.#session.retire()
    const error = isLost ? sessionLost(failure) : failure
    this.#settle({ kind: 'failure', error, fate: isLost ? 'refused' : fateOf(failure) })
  }

  #send(): void {
    if (this.#isOver || this.#request === undefined) return
    const { method, params, headers } = this.#request
    const session = this.#session
    const message = {
      jsonrpc: '2.0',
      id: this.id,
      method,
      params: legacyParams(method, params, this.id),
    }
    this.#answer = this.#answerTo((sink) => session.send(message, headers, sink))
  }

  #answerTo(send: (sink: RoutedSink) => UpstreamCall): CallAnswer {
    const { clock, drains } = this.#session
    return new CallAnswer(this, {
      clock,
      drains,
      send,
      resume: (lastEventId, sink) => this.#session.resume(lastEventId, this.#from, sink),
    })
  }

  #onResponse(message: JsonObject): void {
    const { result, error } = message
    if (isObject(result)) this.#settle({ kind: 'result', result })
    else this.#settle({ kind: 'error', error: toRpcError(error) })
  }

  #onUnanswered(status: number): void {
    // Servers on which a session is unknown should say 404, but many say 400.
    const isRefused = status === BAD_REQUEST && this.#session.hasId
    if (isRefused) this.#session.retire()
    const error = status >= BAD_REQUEST ? refusedWith(status, this.#refusal) : noAnswer()
    this.#settle({ kind: 'failure', error, fate: isRefused ? 'refused' : 'unknown' })
  }

  #park(): void {
    const reader = this.#reader
    const request = this.#request
    if (reader === undefined || request === undefined) return
    this.#refuse(this.#questions.takeUnanswerable(request.caller.capabilities))
    if (this.#questions.open.length === 0) return
    if (this.#digest === '') this.#digest = digestOf(request.method, request.params)
    const question = this.#session.parking.ask(this)
    if (question instanceof GatewayError) {
      this.cut(question)
      return
    }
    this.#session.logLevel.leave(request.logLevel)
    this.#reader = undefined
    this.#request = undefined
    this.#answer?.expectSilence(true)
    reader.onAsked(question)
  }

  async #reply({ question: { rpcId }, result }: Answered): Promise<void> {
    if (rpcId === undefined) return
    const failure = await this.#session.reply(rpcId, result, this.#from)
    // Without the answer the server would wait for ever, and the caller with it.
    if (failure !== undefined && !this.#isOver) this.cut(failure)
  }

  #settle(outcome: Outcome): void {
    if (this.#isOver) return
    const reader = this.#reader
    this.#end()
    this.#answer?.finish()
    if (reader === undefined) {
      this.#hold(outcome)
      return
    }
    // The call is over and the server has not taken them back, so they may be about another call of the session: not every
    // transport tells.
    for (const question of this.#questions.takeAll()) this.#session.readdress(question)
    tell(reader, outcome)
  }

  /** For the retry that will come, and bring the answers to what is still asked. */
  #hold(outcome: Outcome): void {
    const bytes = outcome.kind === 'failure' ? 0 : JSON.stringify(outcome).length
    const canHold = this.#session.parking.calls.hold(bytes)
    const failure: Outcome = { kind: 'failure', error: tooLargeToHold(), fate: 'unknown' }
    this.#held = canHold ? { outcome, bytes } : { outcome: failure, bytes: 0 }
  }

  #end(): void {
    this.#isOver = true
    this.#session.logLevel.leave(this.#request?.logLevel)
    this.#session.leave(this)
    this.#reader = undefined
    this.#request = undefined
  }

  #refuse(questions: readonly Question[]): void {
    for (const { rpcId } of questions) {
      if (rpcId !== undefined) this.#session.refuse(rpcId, GIVEN_UP, this.#from)
    }
  }
}
