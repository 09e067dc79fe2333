// One request to a legacy server on behalf of a client of the modern era: finds its session, sends it there, once more on
// a new session where that is safe, and says the answer in the words of the modern era.
import { GatewayError, toGatewayError } from '../../../core/index.ts'
import type { JsonObject } from '../../../wire/index.ts'
import { discoverResult } from '../../translate/discovery.ts'
import { RPC_CODE, toModernError } from '../../translate/errors.ts'
import { ASKING_METHODS, canAnswer, inputRequestsOfError } from '../../translate/input-requests.ts'
import { toModernResult, type CachePolicy } from '../../translate/results.ts'
import type {
  RpcError,
  RpcNotification,
  ViewCall,
  ViewRequest,
  ViewSink,
} from '../../view/server-view.ts'
import type { AskingSession } from './asking-session.ts'
import type { Fate, RetryReader } from './call-reader.ts'
import type { Parking } from './parking.ts'
import { questionOf, type Question } from './questions.ts'
import type { SessionPool } from './session-pool.ts'
import { UnsentCall } from './unsent-call.ts'
import type { UpstreamSession } from './upstream-session.ts'
import type { VerbatimServerCall } from './verbatim-call.ts'

/** A legacy server says nothing of it, so nothing may be kept, and nothing shared. */
const CACHE: CachePolicy = { ttlMs: 0, cacheScope: 'private' }

/** Requests that change nothing: they may be sent again when a session is lost. */
const READS: ReadonlySet<string> = new Set([
  'completion/complete',
  'prompts/list',
  'resources/list',
  'resources/read',
  'resources/templates/list',
  'tools/list',
])

/**
 * What a legacy server would understand, or might, but no client of the modern era means (MCP 2026-07-28 basic): the era
 * has no sessions, and its tasks are others.
 */
const NOT_OF_BOTH_ERAS =
  /^(?:initialize|ping|logging\/setLevel|resources\/(?:un)?subscribe|subscriptions\/listen|tasks\/.*|notifications\/.*)$/

export interface BackParts {
  /** It has turned out that the server is not of the legacy era. */
  readonly onWrongEra: () => void
  readonly sessions: SessionPool
  readonly parking: Parking
}

export class BackCall implements ViewCall, RetryReader {
  readonly #parts: BackParts
  readonly #request: ViewRequest
  readonly #sink: ViewSink
  #session: AskingSession | undefined
  #call: ViewCall | undefined
  #wasSentAgain = false
  #isOver = false

  constructor(parts: BackParts, request: ViewRequest, sink: ViewSink) {
    this.#parts = parts
    this.#request = request
    this.#sink = sink
  }

  /** The sink hears nothing before this has returned. */
  begin(): void {
    const { method, params } = this.#request
    if (NOT_OF_BOTH_ERAS.test(method)) {
      const error = { code: RPC_CODE.methodNotFound, message: `method not found: ${method}` }
      queueMicrotask(() => this.onError(error))
      return
    }
    const isRetry = params['requestState'] !== undefined && ASKING_METHODS.has(method)
    if (isRetry) this.#parts.parking.retry(this.#request, this)
    else this.sendAnew()
  }

  /** Goes on with a request that was sent in its client's bytes. The sink hears nothing before this has returned. */
  takeOver(verbatim: VerbatimServerCall, session: UpstreamSession): void {
    this.#session = session
    this.#call = session.takeOver(verbatim, this.#request, this)
  }

  cancel(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#call?.cancel()
  }

  sendAnew(): void {
    if (this.#isOver) return
    const session = this.#parts.sessions.find(this.#request)
    if (session !== undefined) {
      this.#send(session)
      return
    }
    this.#parts.sessions.open(this.#request).then(
      (opened) => this.#send(opened),
      (thrown: unknown) => this.#fail(toGatewayError(thrown)),
    )
  }

  onResumed(call: ViewCall, session: AskingSession): void {
    this.#call = call
    this.#session = session
  }

  onNotification(notification: RpcNotification): void {
    if (!this.#isOver) this.#sink.onNotification(notification)
  }

  onResult(result: JsonObject): void {
    if (!this.#end()) return
    const serverInfo = this.#session?.serverInfo
    this.#sink.onResult(toModernResult(this.#request.method, result, { ...CACHE, serverInfo }))
  }

  onAsked(asked: JsonObject | GatewayError): void {
    if (!this.#end()) return
    if (asked instanceof GatewayError) this.#sink.onFailure(asked)
    else this.#sink.onResult(asked)
  }

  onError(error: RpcError): void {
    if (this.#isOver) return
    if (error.code === RPC_CODE.urlElicitationRequired && this.#askToVisit(error.data)) return
    if (error.code === RPC_CODE.unsupportedVersion) {
      this.#onOtherEra()
      return
    }
    this.#isOver = true
    this.#sink.onError(toModernError(error))
  }

  onFailure(error: GatewayError, fate: Fate): void {
    if (this.#isOver) return
    const isSafe = fate === 'unsent' || (fate === 'refused' && READS.has(this.#request.method))
    if (!isSafe || this.#wasSentAgain) {
      this.#fail(error)
      return
    }
    this.#wasSentAgain = true
    this.#call = undefined
    this.sendAnew()
  }

  #send(session: UpstreamSession): void {
    if (this.#isOver) return
    this.#session = session
    const { method } = this.#request
    if (method === 'server/discover') {
      // The sink of a call on a session that is open already must hear nothing at once.
      queueMicrotask(() => this.#onDiscovered(session))
      return
    }
    const held = ASKING_METHODS.has(method) ? session.takeHeldQuestions() : []
    if (held.length > 0) this.#askBefore(session, held)
    else this.#call = session.call(this.#request, this)
  }

  #onDiscovered(session: UpstreamSession): void {
    if (this.#end()) this.#sink.onResult(discoverResult(session.initialized, CACHE))
  }

  /** What the server wants to know at the beginning of a session, a client of the legacy era has told it before its first call. */
  #askBefore(session: UpstreamSession, held: readonly Question[]): void {
    const unsent = new UnsentCall(session, this.#request, held)
    const asked = unsent.ask()
    if (asked instanceof GatewayError) unsent.abandon()
    queueMicrotask(() => this.onAsked(asked))
  }

  /** The server refused the call until its user has visited some URLs. False: the client cannot be asked to. */
  #askToVisit(data: unknown): boolean {
    const { method, caller } = this.#request
    const visits = inputRequestsOfError(data)
    const canAsk = visits.every((visit) => canAnswer(caller.capabilities, visit))
    const session = this.#session
    if (visits.length === 0 || !canAsk || !ASKING_METHODS.has(method) || session === undefined) {
      return false
    }
    const questions = visits.map((visit, at) => questionOf(visit, undefined, at + 1))
    this.onAsked(new UnsentCall(session, this.#request, questions).ask())
    return true
  }

  /** Only servers of the modern era know this error: another one has taken the server's place, and refused the call. */
  #onOtherEra(): void {
    this.#session?.retire()
    this.#parts.onWrongEra()
    this.#fail(
      new GatewayError('GW_WRONG_ERA', 'the server does not speak the legacy era any more'),
    )
  }

  #fail(error: GatewayError): void {
    if (this.#end()) this.#sink.onFailure(error)
  }

  /** False when it was over before. */
  #end(): boolean {
    const wasOver = this.#isOver
    this.#isOver = true
    return !wasOver
  }
}
