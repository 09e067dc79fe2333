// One legacy session and the child that is its server: what the client posts goes in, answers go back to the POST they
// belong to. Ids are the client's own on both sides, since nobody else talks to this child.
import { GatewayError, type Clock } from '../../core/index.ts'
import type { Log } from '../../observability/index.ts'
import { jsonItems, type JsonObject, singleLine } from '../../wire/index.ts'
import type { ChildEnd } from '../child-process.ts'
import type { StdioEndpointOptions } from '../options.ts'
import type { UpstreamRequest } from '../upstream.ts'
import type { AnswerStream } from './answer-stream.ts'
import { endFailure } from './child-end.ts'
import { cancellation, idKeyOf, paramsOf, type ChildMessage } from './child-message.ts'
import type { ChildListener, ServerChild, StopReason } from './server-child.ts'
import { LegacyCalls, legacyCall, type LegacyCall } from './legacy-calls.ts'
import { LegacyDelivery } from './legacy-delivery.ts'
import { busy, timedOut, tooLong, unknownSession } from './refusals.ts'

/** Calls under way in one session. */
export const MAX_SESSION_CALLS = 256
/** After the client cancelled a request, how long its stream stays open for an answer that usually does not come. */
export const CANCEL_GRACE_MS = 5_000

export interface LegacySessionContext {
  readonly id: string
  readonly options: StdioEndpointOptions
  readonly clock: Clock
  readonly log: Log
  /** The child answered `initialize` with an error: `deliver` passes it on as it is. */
  readonly onRefused: (session: LegacySession, refusal: Refusal) => void
  /** The child ended by itself. */
  readonly onEnd: (session: LegacySession, end: ChildEnd) => void
  /** Called once: the session takes nothing more. */
  readonly onOver: (session: LegacySession) => void
}

export interface Refusal {
  readonly message: JsonObject
  readonly answer: AnswerStream
  readonly deliver: () => void
}

export class LegacySession implements ChildListener {
  readonly id: string
  readonly #context: LegacySessionContext
  readonly #calls = new LegacyCalls()
  readonly #delivery: LegacyDelivery
  #child: ServerChild | undefined
  #established = false
  #ended = false
  #lastMessageAtMs: number

  constructor(context: LegacySessionContext) {
    this.id = context.id
    this.#context = context
    this.#delivery = new LegacyDelivery({
      calls: this.#calls,
      log: context.log,
      reply: (line) => this.#child?.send(line),
    })
    this.#lastMessageAtMs = context.clock.monotonicMs()
  }

  attach(child: ServerChild): void {
    this.#child = child
  }

  get startedAtMs(): number {
    return this.#child?.startedAtMs ?? 0
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
    if (this.isBusy || this.#delivery.hasStream) return 0
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
    const call = requests.length > 0 ? legacyCall(requests, answer, begins) : undefined
    const refusal = call === undefined ? undefined : this.#refuse(call, requests.length)
    if (refusal !== undefined) {
      answer.fail(refusal, false)
      return
    }
    const lines = (isBatch ? jsonItems(body) : [body]).map(singleLine)
    if (!this.#write(lines, answer)) return
    for (const message of messages) this.#onPosted(message)
    if (call === undefined) answer.finishEmpty(202)
    else this.#enter(call, answer)
  }

  /** Opens the session's own event stream (GET). */
  open(answer: AnswerStream): void {
    this.#touch()
    this.#delivery.open(answer, () => this.#touch())
  }

  /** Ends the session and its child; what is still open hears `failure`, its GET stream just ends. */
  end(reason: StopReason, failure: GatewayError): void {
    this.#settleAll(failure)
    void this.#child?.stop(reason)
  }

  /** Ends the GET stream in good order: it has no end of its own. */
  closeStream(): void {
    this.#delivery.closeStream()
  }

  onMessage(message: ChildMessage): void {
    if (this.#ended) return
    this.#touch()
    if (message.kind === 'response') {
      this.#onResponse(message)
      return
    }
    const call = this.#delivery.deliver(message)
    if (call !== undefined) this.#await(call)
  }

  onEnd(end: ChildEnd, asked: boolean): void {
    const isSent = end.kind === 'exited'
    this.#settleAll(endFailure(this.#context.options, end), isSent)
    if (!asked) this.#context.onEnd(this, end)
  }

  #refuse(call: LegacyCall, requests: number): GatewayError | undefined {
    if (call.open.size < requests || this.#calls.collides(call)) {
      return new GatewayError('GW_INVALID_MESSAGE', 'id: expected one that is not in use')
    }
    if (this.#calls.size < MAX_SESSION_CALLS) return undefined
    return busy(`the session has ${MAX_SESSION_CALLS} calls under way`)
  }

  #write(lines: readonly Buffer[], answer: AnswerStream): boolean {
    const { options } = this.#context
    if (lines.some(({ length }) => length > options.maxMessageBytes)) {
      answer.fail(tooLong(options), false)
      return false
    }
    for (const [at, line] of lines.entries()) {
      const outcome = this.#child?.send(line) ?? 'closed'
      if (outcome === 'written') continue
      const failure = outcome === 'full' ? busy('it does not read') : unknownSession()
      answer.fail(failure, at > 0)
      return false
    }
    return true
  }

  /** What the client's own notifications and responses mean for calls under way. */
  #onPosted(message: JsonObject): void {
    if (message['method'] === 'notifications/cancelled') {
      this.#onCancelled(idKeyOf(paramsOf(message)['requestId']))
    }
    if ('method' in message) return
    const call = this.#delivery.answered(message['id'])
    if (call !== undefined) this.#await(call)
  }

  #onCancelled(key: string | undefined): void {
    const call = this.#calls.byId(key)
    if (call === undefined || key === undefined || call.isInitialize) return
    call.timer?.cancel()
    call.timer = this.#context.clock.after(CANCEL_GRACE_MS, () => {
      if (this.#calls.settle(call, key)) call.answer?.end()
      else this.#await(call)
    })
  }

  #enter(call: LegacyCall, answer: AnswerStream): void {
    this.#calls.enter(call)
    if (call.isInitialize) answer.sessionId = this.id
    // A disconnect should not be taken for a cancellation (MCP 2025-11-25 transports §Sending messages). But a session
    // whose id reached nobody is of use to nobody.
    answer.onAbandoned = () => {
      call.answer = undefined
      if (call.isInitialize) this.end('abandoned', unknownSession())
    }
    answer.expectMessage()
    this.#await(call)
  }

  /** Starts the wait for the call's answer anew; not while the server itself waits for the client. */
  #await(call: LegacyCall): void {
    const { clock, options } = this.#context
    call.timer?.cancel()
    if (call.questions > 0 || call.open.size === 0) return
    call.timer = clock.after(options.responseTimeoutMs, () => this.#onTimeout(call))
  }

  #onTimeout(call: LegacyCall): void {
    const failure = timedOut(this.#context.options)
    // `initialize` must not be cancelled (MCP 2025-11-25 cancellation §Behavior requirements), and without it there is
    // no session.
    if (call.isInitialize) {
      this.end('refused', failure)
      return
    }
    for (const id of call.open.values()) this.#child?.send(cancellation(id, 'no answer in time'))
    this.#calls.leave(call)
    call.answer?.fail(failure, true)
  }

  #onResponse({ message, line }: ChildMessage): void {
    const key = idKeyOf(message['id'])
    const call = this.#calls.byId(key)
    if (call === undefined || key === undefined) {
      this.#delivery.countDrop()
      return
    }
    const isLast = this.#calls.settle(call, key)
    const { answer } = call
    if (call.isInitialize && 'error' in message) {
      this.#onInitializeRefused(message, line, answer)
      return
    }
    if (call.isInitialize) this.#established = true
    if (isLast) answer?.finish(line)
    else answer?.message(line)
  }

  #onInitializeRefused(message: JsonObject, line: Buffer, answer: AnswerStream | undefined): void {
    this.end('refused', unknownSession())
    if (answer === undefined) return
    answer.sessionId = undefined
    const body = Buffer.from(line)
    const deliver = (): void => answer.finish(body)
    if (answer.isWaiting) this.#context.onRefused(this, { message, answer, deliver })
    else deliver()
  }

  #settleAll(failure: GatewayError, sent = true): void {
    if (this.#ended) return
    this.#ended = true
    for (const call of this.#calls.all()) {
      this.#calls.leave(call)
      if (call.answer === undefined) continue
      call.answer.onAbandoned = undefined
      call.answer.fail(failure, sent)
    }
    this.closeStream()
    this.#delivery.reportDrops()
    this.#context.onOver(this)
  }

  #touch(): void {
    this.#lastMessageAtMs = this.#context.clock.monotonicMs()
  }
}
