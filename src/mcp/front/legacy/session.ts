// One session of a legacy client that the gateway holds itself: what the client said once and the modern era says with
// every request, its requests under way, its streams and its subscriptions.
import { GatewayError, type Clock, type RawHeaders } from '../../../core/index.ts'
import {
  BATCH_VERSION,
  type JsonObject,
  type ReplayLimits,
  ReplayLog,
} from '../../../wire/index.ts'
import type { Caller, ServerView } from '../../view/server-view.ts'
import { EventAnswer, type EventAnswerContext } from '../event-answer.ts'
import type { FrontVisit } from '../visit.ts'
import { type LegacyRequest, readRequest } from './messages.ts'
import { offersOf } from './offers.ts'
import { PostAnswer } from './post-answer.ts'
import { Requests } from './requests.ts'
import { leaveView } from './session-caller.ts'
import { SessionStreams } from './session-streams.ts'
import { SessionSubscription } from './subscription.ts'
import { verbatimPost } from './verbatim-request.ts'

/**
 * What a client hears before it has set a level, which the legacy era leaves to the server. Modern servers are silent
 * unless asked; at this level clients that never set one get what they would have got, without the noise of debugging.
 */
export const DEFAULT_LOG_LEVEL = 'info'

/** The first version whose clients take an event without data for what it is. */
const PRIMING_VERSION = '2025-11-25'

export interface SessionContext {
  readonly clock: Clock
  readonly answers: EventAnswerContext
  readonly replay: ReplayLimits
  readonly answerTimeoutMs: number
  readonly abandonedCallTimeoutMs: number
}

/** How a session begins. */
export interface SessionStart {
  readonly id: string
  /** The route and the caller it belongs to. */
  readonly bound: string
  readonly version: string
  readonly caller: Caller
  /** What the server offers, in the words of the legacy era. */
  readonly capabilities: JsonObject
  readonly visit: FrontVisit
}

export class LegacySession {
  readonly id: string
  readonly bound: string
  readonly version: string
  /** Monotonic time of the latest sign of life. */
  lastUsedMs: number
  readonly #context: SessionContext
  readonly #caller: Caller
  readonly #identity: string | undefined
  readonly #requests: Requests
  readonly #streams: SessionStreams
  readonly #subscription: SessionSubscription
  #view: ServerView
  #headers: RawHeaders

  constructor(start: SessionStart, context: SessionContext) {
    this.id = start.id
    this.bound = start.bound
    this.version = start.version
    this.#context = context
    this.#caller = start.caller
    this.#identity = start.visit.identity
    this.#view = start.visit.view
    this.#headers = start.visit.headers
    const { clock, replay, answerTimeoutMs } = context
    const { caller } = start
    const { lists, logging, resourceSubscriptions } = offersOf(start.capabilities)
    this.lastUsedMs = clock.monotonicMs()
    this.#streams = new SessionStreams({
      clock,
      log: new ReplayLog(replay, (stream) => this.#streams.forget(stream)),
      takesPriming: start.version >= PRIMING_VERSION,
    })
    this.#subscription = new SessionSubscription({
      clock,
      offered: lists,
      offersResources: resourceSubscriptions,
      source: () => ({ view: this.#view, origin: { caller, headers: this.#headers } }),
      deliver: (change) => this.#streams.announce(change),
    })
    this.#requests = new Requests({
      clock,
      caller,
      answerTimeoutMs,
      subscription: this.#subscription,
      logLevel: logging ? DEFAULT_LOG_LEVEL : undefined,
      onOver: () => this.#touch(),
    })
  }

  /** True while something is under way or open. */
  get isBusy(): boolean {
    return this.#requests.size > 0 || this.#streams.standing.reader !== undefined
  }

  /** Takes the message of a POST, or several. @throws GatewayError before anything was done */
  post(visit: FrontVisit, body: JsonObject | readonly JsonObject[]): void {
    this.#note(visit)
    const isBatch = isList(body)
    const messages = isBatch ? body : [body]
    if (isBatch) this.#checkBatch(body)
    const requests = messages.filter(isRequest).map(readRequest)
    this.#requests.check(requests)
    for (const message of messages) if (!isRequest(message)) this.#requests.take(message)
    if (requests.length === 0) new EventAnswer(visit, this.#context.answers).whole(202)
    else this.#run(visit, requests, isBatch)
  }

  /** Takes the message of a POST that can go to its server as it is. False: it cannot. @throws GatewayError as `post` */
  postVerbatim(visit: FrontVisit): boolean {
    const call = verbatimPost(visit)
    if (call === undefined) return false
    this.#note(visit)
    this.#requests.check([call])
    const { view, headers } = visit
    const post = this.#answerTo(visit, 1, false)
    if (!this.#requests.runVerbatim({ view, headers, post }, call)) return false
    post.begin()
    return true
  }

  /** The session's event stream, or one that the client lost. @throws GatewayError GW_EVENT_NOT_FOUND */
  get(visit: FrontVisit): void {
    this.#note(visit)
    const found = this.#streams.find(visit.exchange.header('last-event-id'))
    const { post, replay } = found
    const { answers } = this.#context
    if (post?.stream.isClosed === true && replay.events.length === 0 && replay.missed === 0) {
      // Nothing has come or will come: the one status that tells a reader of event streams not to come back (HTML
      // Living Standard §9.2.3). An empty stream would be resumed again and again.
      new EventAnswer(visit, answers).whole(204)
      return
    }
    const onGone = (): void => this.#onReaderGone(answer, post)
    const answer = new EventAnswer(visit, answers, { onGone })
    this.#streams.resume(found, answer, this.#requests.logLevel)
    if (post === undefined) this.#subscription.readerCame()
    answer.begin()
  }

  /** Ends the session's event stream in good order; the client may come back for another. */
  releaseStream(): void {
    this.#streams.standing.release()
  }

  /** Lets go of what is too old to be replayed. */
  expire(): void {
    this.#streams.expire()
  }

  /** Ends everything. */
  close(error: GatewayError): void {
    this.#subscription.close()
    this.#requests.close(error)
    this.#streams.close()
    leaveView({ view: this.#view, identity: this.#identity }, this.#caller)
  }

  #checkBatch(messages: readonly JsonObject[]): void {
    if (this.version !== BATCH_VERSION) {
      const problem = `expected one message: batches exist only in protocol version ${BATCH_VERSION}`
      throw new GatewayError('GW_INVALID_MESSAGE', problem)
    }
    if (messages.some(({ method }) => method === 'initialize')) {
      const problem = 'expected initialize in a message of its own (MCP 2025-03-26 lifecycle)'
      throw new GatewayError('GW_INVALID_MESSAGE', problem)
    }
  }

  #run(visit: FrontVisit, requests: readonly LegacyRequest[], isBatch: boolean): void {
    const post = this.#answerTo(visit, requests.length, isBatch)
    const { view, headers } = visit
    for (const request of requests) this.#requests.run({ view, headers, post }, request)
    post.begin()
  }

  #answerTo(visit: FrontVisit, count: number, isBatch: boolean): PostAnswer {
    const { answers, clock, abandonedCallTimeoutMs } = this.#context
    return new PostAnswer(
      this.#streams.create(),
      { visit, count, isBatch },
      {
        answers,
        clock,
        abandonedCallTimeoutMs,
        onAbandoned: (abandoned) => this.#requests.abandon(abandoned),
        onStreams: (streaming) => this.#streams.add(streaming),
      },
    )
  }

  #onReaderGone(answer: EventAnswer, post: PostAnswer | undefined): void {
    this.#touch()
    if (post !== undefined) {
      post.onGone(answer)
      return
    }
    const { standing } = this.#streams
    standing.leftBy(answer)
    if (standing.reader === undefined) this.#subscription.readerLeft()
  }

  #note(visit: FrontVisit): void {
    this.#view = visit.view
    this.#headers = visit.headers
    this.#touch()
  }

  #touch(): void {
    this.lastUsedMs = this.#context.clock.monotonicMs()
  }
}

function isList(body: JsonObject | readonly JsonObject[]): body is readonly JsonObject[] {
  return Array.isArray(body)
}

function isRequest(message: JsonObject): boolean {
  return typeof message['method'] === 'string' && message['id'] !== undefined
}
