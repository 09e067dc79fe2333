// One legacy session that the gateway holds, and the link to its server: what the client posts goes out, answers go back
// to the POST they belong to. Ids are the client's own on both sides, since nobody else uses this link.
import { GatewayError, type Clock } from '../../core/index.ts'
import type { Log } from '../../observability/index.ts'
import { jsonItems, type JsonObject, type RpcId, singleLine } from '../../wire/index.ts'
import { DEFAULT_REPLAY, type SessionLimits } from '../options.ts'
import type { UpstreamRequest } from '../upstream.ts'
import type { AnswerStream } from './answer-stream.ts'
import { idKeyOf, paramsOf, type ServerMessage } from './server-message.ts'
import { SessionCalls, sessionCall, type SessionCall } from './session-calls.ts'
import { Delivery } from './delivery.ts'
import type { Link, LinkEnd, LinkListener, Posting, StopReason } from './link.ts'
import { Post, type Refused } from './post.ts'
import { Reading } from './reading.ts'
import { busy, tooLong, unknownSession } from './refusals.ts'
import { SessionStreams } from './session-streams.ts'
import type { SessionStream } from './session-stream.ts'
import { Unanswered } from './unanswered.ts'

/** Calls under way in one session. */
export const MAX_SESSION_CALLS = 256
/** A call that takes longer than this is worth a stream that can be resumed, for clients that know how. */
export const RESUMABLE_AFTER_MS = 2_000

export interface SessionContext {
  readonly id: string
  readonly limits: SessionLimits
  readonly clock: Clock
  readonly log: Log
  /** The server answered `initialize` with an error: `deliver` passes it on as it is. */
  readonly onRefused: (refusal: Refusal) => void
  /** Called once: the session takes nothing more. */
  readonly onOver: (session: Session) => void
}

export interface Refusal {
  readonly message: JsonObject
  readonly answer: AnswerStream
  readonly deliver: () => void
}

export class Session implements LinkListener {
  readonly id: string
  readonly #context: SessionContext
  readonly #calls = new SessionCalls()
  readonly #streams: SessionStreams
  readonly #delivery: Delivery
  readonly #reading: Reading
  readonly #unanswered: Unanswered
  #link: Link | undefined
  #established = false
  #ended = false
  #lastMessageAtMs: number

  constructor(context: SessionContext) {
    this.id = context.id
    this.#context = context
    this.#streams = new SessionStreams(context.clock, context.limits.replay ?? DEFAULT_REPLAY)
    this.#delivery = new Delivery({
      calls: this.#calls,
      standalone: this.#streams.standalone,
      log: context.log,
      reply: (line) => this.#link?.send(line),
    })
    this.#reading = new Reading({
      streams: this.#streams,
      delivery: this.#delivery,
      log: context.log,
      onLost: () => this.#touch(),
    })
    this.#unanswered = new Unanswered({
      ...context,
      calls: this.#calls,
      tell: (line) => this.#link?.send(line),
      onNoSession: (failure) => void this.end('refused', failure),
    })
    this.#lastMessageAtMs = context.clock.monotonicMs()
  }

  attach(link: Link): void {
    this.#link = link
  }

  get startedAtMs(): number {
    return this.#link?.startedAtMs ?? 0
  }

  /** True once `initialize` was answered with a result. */
  get isEstablished(): boolean {
    return this.#established
  }

  /** True while a call is under way. */
  get isBusy(): boolean {
    return this.#calls.size > 0
  }

  /** Time without a message in either direction; 0 while something is open. */
  get idleForMs(): number {
    if (this.isBusy || this.#streams.standalone.isRead) return 0
    return this.#context.clock.monotonicMs() - this.#lastMessageAtMs
  }

  /** Takes a POST. */
  take(request: UpstreamRequest, answer: AnswerStream): void {
    const { body, inbound } = request
    if (body === undefined || inbound === undefined) return
    this.#touch()
    const isBatch = inbound.kind === 'batch'
    const messages = (isBatch ? inbound.message : [inbound.message]) as readonly JsonObject[]
    const requests = messages.filter((it) => 'method' in it && 'id' in it)
    const begins = !this.#established && inbound.method === 'initialize'
    const ids = requests.map((it) => it['id'] as RpcId)
    const call = ids.length > 0 ? sessionCall(requests, this.#streams.open(ids), begins) : undefined
    const lines = (isBatch ? jsonItems(body) : [body]).map(singleLine)
    const refusal = this.#refuse(call, requests.length, lines)
    if (refusal !== undefined) {
      answer.fail(refusal, false)
      return
    }
    // Before the server has the request, so that its answer finds the call whenever it comes.
    if (call !== undefined) this.#enter(call, answer)
    const post = new Post(lines.length, (refused) => this.#onTaken(call, answer, refused))
    if (!this.#write(lines, { headers: request.headers, onTaken: (it) => post.onTaken(it) })) return
    for (const message of messages) this.#onPosted(message)
  }

  /** Takes a GET. */
  open({ headers }: Pick<UpstreamRequest, 'headers'>, answer: AnswerStream): void {
    this.#touch()
    this.#reading.open(headers, answer)
  }

  /**
   * Ends the session and its link; what is still open hears `failure`, its GET stream just ends. Resolves when the link is
   * gone, and with it what it took up: a child that is ending still counts among max_children.
   */
  end(reason: StopReason, failure: GatewayError): Promise<void> {
    this.#settleAll(failure)
    return this.#link?.stop(reason) ?? Promise.resolve()
  }

  /** Ends the GET stream in good order: it has no end of its own. */
  closeStream(): void {
    this.#streams.standalone.end()
  }

  /** Lets go of what nobody came back for in time. Called about once a second. */
  tick(): void {
    this.#streams.expire()
  }

  onMessage(message: ServerMessage): void {
    if (this.#ended) return
    this.#touch()
    if (message.kind === 'response') {
      this.#onResponse(message)
      return
    }
    const call = this.#delivery.deliver(message)
    if (call !== undefined) this.#unanswered.await(call)
  }

  onEnd({ failure, sent }: LinkEnd): void {
    this.#settleAll(failure, sent)
  }

  #refuse(
    call: SessionCall | undefined,
    requests: number,
    lines: readonly Buffer[],
  ): GatewayError | undefined {
    const { limits } = this.#context
    if (lines.some(({ length }) => length > limits.maxMessageBytes)) return tooLong(limits)
    if (call === undefined) return undefined
    if (call.open.size < requests || this.#calls.collides(call)) {
      return new GatewayError('GW_INVALID_MESSAGE', 'id: expected one that is not in use')
    }
    if (this.#calls.size < MAX_SESSION_CALLS) return undefined
    return busy(`the session has ${MAX_SESSION_CALLS} calls under way`)
  }

  #write(lines: readonly Buffer[], posting: Posting): boolean {
    for (const [at, line] of lines.entries()) {
      const outcome = this.#link?.send(line, posting) ?? 'closed'
      if (outcome === 'written') continue
      const error = outcome === 'full' ? busy('it does not read') : unknownSession()
      posting.onTaken({ error, sent: at > 0 })
      return false
    }
    return true
  }

  /** The server has all messages of a POST, or refused one. */
  #onTaken(
    call: SessionCall | undefined,
    answer: AnswerStream,
    refused: Refused | undefined,
  ): void {
    if (call === undefined) {
      if (refused === undefined) answer.finishEmpty(202)
      else answer.fail(refused.error, refused.sent)
      return
    }
    // A call that has ended meanwhile has its answer.
    if (refused === undefined || call.open.size === 0) return
    this.#unanswered.fail(call, refused)
    if (call.isInitialize) void this.end('refused', unknownSession())
  }

  /** What the client's own notifications and responses mean for calls under way. */
  #onPosted(message: JsonObject): void {
    if (message['method'] === 'notifications/cancelled') {
      this.#unanswered.onCancelled(idKeyOf(paramsOf(message)['requestId']))
    }
    if ('method' in message) return
    const call = this.#delivery.answered(message['id'])
    if (call !== undefined) this.#unanswered.await(call)
  }

  #enter(call: SessionCall, answer: AnswerStream): void {
    this.#calls.enter(call)
    if (call.isInitialize) answer.sessionId = this.id
    call.stream.attach(answer, () => {
      // A session whose id reached nobody is of use to nobody.
      if (call.isInitialize) void this.end('abandoned', unknownSession())
    })
    if (this.#streams.primes) answer.expectMessage(RESUMABLE_AFTER_MS)
    else answer.expectMessage()
    this.#unanswered.await(call)
  }

  #onResponse({ message, line }: ServerMessage): void {
    const key = idKeyOf(message['id'])
    const call = this.#calls.byId(key)
    if (call === undefined || key === undefined) {
      this.#delivery.countDrop()
      return
    }
    const isLast = this.#calls.settle(call, key)
    const { stream } = call
    if (call.isInitialize && 'error' in message) {
      this.#onInitializeRefused(message, line, stream)
      return
    }
    if (call.isInitialize) {
      this.#established = true
      this.#reading.agree(message['result'])
    }
    if (isLast) stream.finish(line)
    else stream.message(line)
  }

  #onInitializeRefused(message: JsonObject, line: Buffer, stream: SessionStream): void {
    const answer = stream.release()
    void this.end('refused', unknownSession())
    if (answer === undefined) return
    answer.sessionId = undefined
    const body = Buffer.from(line)
    const deliver = (): void => answer.finish(body)
    if (answer.isWaiting) this.#context.onRefused({ message, answer, deliver })
    else deliver()
  }

  #settleAll(failure: GatewayError, sent = true): void {
    if (this.#ended) return
    this.#ended = true
    for (const call of this.#calls.all()) this.#unanswered.fail(call, { error: failure, sent })
    this.closeStream()
    this.#delivery.reportDrops()
    this.#context.onOver(this)
  }

  #touch(): void {
    this.#lastMessageAtMs = this.#context.clock.monotonicMs()
  }
}
