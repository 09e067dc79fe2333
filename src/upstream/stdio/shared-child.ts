// One child for all modern callers. Their ids, progress tokens and subscriptions may collide, so on the child's side each
// call has a number of its own; what comes back gets the caller's values again, byte for byte.
import { GatewayError, type Clock, type Timer } from '../../core/index.ts'
import { META, singleLine } from '../../wire/index.ts'
import type { ChildEnd, WriteOutcome } from '../child-process.ts'
import type { StdioEndpointOptions } from '../options.ts'
import type { UpstreamRequest } from '../upstream.ts'
import type { AnswerStream } from '../session/answer-stream.ts'
import { endFailure, tooOld } from './child-end.ts'
import {
  cancellation,
  metaOf,
  paramsOf,
  unreachableClient,
  type ServerMessage,
} from '../session/server-message.ts'
import type { Children } from './children.ts'
import { DISCOVER_TIMEOUT_MS, discoverRequest, readVerdict, type EraVerdict } from './era.ts'
import type { StopReason } from '../session/link.ts'
import { busy, draining, timedOut, tooLong } from '../session/refusals.ts'
import type { ChildListener, ServerChild } from './server-child.ts'
import {
  outboundLine,
  restoredChange,
  restoredProgress,
  restoredResponse,
  sharedCall,
  statusOf,
  type SharedCall,
} from './shared-call.ts'

/** Calls under way on one child. */
export const MAX_SHARED_CALLS = 4_096

/** Not 0, which some servers take for no id at all. */
const DISCOVER_ID = 1
/** How the question for the era was settled: by an answer, or by none in time, or by an exit. */
export type DiscoverOutcome =
  | { readonly kind: 'answered'; readonly versions: EraVerdict }
  | { readonly kind: 'silent' }
  | { readonly kind: 'ended'; readonly end: ChildEnd }

export interface SharedChildContext {
  readonly options: StdioEndpointOptions
  readonly clock: Clock
  /** Called once, before any call is taken. */
  readonly onDiscovered: (outcome: DiscoverOutcome) => void
  /** Called when the child ended after that. `asked`: the end was the gateway's wish. */
  readonly onEnd: (end: ChildEnd, asked: boolean) => void
}

export class SharedChild implements ChildListener {
  readonly #context: SharedChildContext
  readonly #calls = new Map<number, SharedCall>()
  #child: ServerChild | undefined
  #lastId = DISCOVER_ID
  #discovering: Timer | undefined
  #isDiscovered = false
  #retiring: StopReason | undefined
  #retireBy: Timer | undefined

  constructor(context: SharedChildContext) {
    this.#context = context
  }

  get startedAtMs(): number {
    return this.#child?.startedAtMs ?? 0
  }

  /** Starts the process, and asks it for its era unless that is known. */
  start(children: Children, { asks }: { readonly asks: boolean }): GatewayError | undefined {
    const child = children.start('shared', this)
    if (child instanceof GatewayError) return child
    this.#child = child
    this.#isDiscovered = !asks
    if (!asks) return undefined
    child.send(discoverRequest(DISCOVER_ID))
    const { clock, options } = this.#context
    const timeoutMs = Math.min(DISCOVER_TIMEOUT_MS, options.responseTimeoutMs)
    this.#discovering = clock.after(timeoutMs, () => this.#settle({ kind: 'silent' }))
    return undefined
  }

  /** Sends a caller's request or notification. */
  take(request: UpstreamRequest, answer: AnswerStream): void {
    const { body, inbound } = request
    if (body === undefined || inbound === undefined) return
    if (inbound.kind !== 'request') {
      this.#notify(body, inbound.method, answer)
      return
    }
    if (this.#calls.size >= MAX_SHARED_CALLS) {
      answer.fail(busy(`${MAX_SHARED_CALLS} calls are under way`), false)
      return
    }
    const call = sharedCall(++this.#lastId, request, answer)
    const outcome = this.#write(outboundLine(call, body), answer)
    if (outcome === 'written') this.#enter(call)
  }

  /** Takes no more calls; ends once those under way are answered. Listen streams have no end of their own and end now. */
  retire(reason: StopReason): void {
    const { clock, options } = this.#context
    this.#retiring = reason
    // Progress keeps a call going for as long as it likes; an old child goes all the same.
    this.#retireBy = clock.after(options.responseTimeoutMs, () => this.stop(reason))
    for (const call of this.#calls.values()) {
      if (!call.isListen) continue
      this.#leave(call)
      call.answer.end()
    }
    this.#stopWhenIdle()
  }

  /** Ends the child and fails what is under way. */
  stop(reason: StopReason): void {
    this.#discovering?.cancel()
    void this.#child?.stop(reason)
  }

  onMessage(message: ServerMessage): void {
    if (message.kind === 'response') this.#onResponse(message)
    else if (message.kind === 'notification') this.#onNotification(message)
    // The modern era has no requests from servers (MCP 2026-07-28 stdio §Receiving messages): nobody could answer it.
    else this.#child?.send(unreachableClient(message.message['id']))
  }

  onEnd(end: ChildEnd, asked: boolean): void {
    this.#retireBy?.cancel()
    const failure = this.#failureOf(end)
    for (const call of this.#calls.values()) {
      call.timer?.cancel()
      call.answer.onAbandoned = undefined
      call.answer.fail(failure, end.kind === 'exited')
    }
    this.#calls.clear()
    if (this.#isDiscovered) this.#context.onEnd(end, asked)
    else this.#settle({ kind: 'ended', end })
  }

  #failureOf(end: ChildEnd): GatewayError {
    const { options } = this.#context
    if (this.#retiring === 'shutdown') return draining()
    return this.#retiring === 'lifetime' ? tooOld(options) : endFailure(options, end)
  }

  #notify(body: Buffer, method: string | undefined, answer: AnswerStream): void {
    // Over HTTP a modern client cancels by closing the stream (MCP 2026-07-28 transports §Cancellation). A posted
    // cancellation names an id without saying whose: passed on, it could end another caller's call.
    if (method === 'notifications/cancelled') answer.finishEmpty(202)
    else if (this.#write(singleLine(body), answer) === 'written') answer.finishEmpty(202)
  }

  #write(line: Buffer, answer: AnswerStream): WriteOutcome | 'too-long' {
    const { options } = this.#context
    if (line.length > options.maxMessageBytes) {
      answer.fail(tooLong(options), false)
      return 'too-long'
    }
    const outcome = this.#child?.send(line) ?? 'closed'
    if (outcome === 'full') answer.fail(busy('it does not read what it is sent'), false)
    if (outcome === 'closed') answer.fail(busy('it is about to be replaced'), false)
    return outcome
  }

  #enter(call: SharedCall): void {
    this.#calls.set(call.ownId, call)
    call.answer.onAbandoned = () => this.#cancel(call, 'the client is gone')
    call.answer.expectMessage()
    this.#await(call)
  }

  /** Starts the wait for the answer anew. A listen stream may be silent for hours. */
  #await(call: SharedCall): void {
    if (call.isListen) return
    const { clock, options } = this.#context
    call.timer?.cancel()
    call.timer = clock.after(options.responseTimeoutMs, () => {
      this.#cancel(call, 'no answer in time')
      call.answer.fail(timedOut(options), true)
    })
  }

  #cancel(call: SharedCall, reason: string): void {
    if (!this.#calls.has(call.ownId)) return
    this.#leave(call)
    this.#child?.send(cancellation(call.ownId, reason))
  }

  #leave(call: SharedCall): void {
    this.#calls.delete(call.ownId)
    call.timer?.cancel()
    call.answer.onAbandoned = undefined
    this.#stopWhenIdle()
  }

  #stopWhenIdle(): void {
    if (this.#retiring !== undefined && this.#calls.size === 0) this.stop(this.#retiring)
  }

  #onResponse({ message, line }: ServerMessage): void {
    const { id } = message
    if (id === DISCOVER_ID) {
      this.#settle({ kind: 'answered', versions: readVerdict(message) })
      return
    }
    const call = typeof id === 'number' ? this.#calls.get(id) : undefined
    // Given up by its caller, or never asked.
    if (call === undefined) return
    this.#leave(call)
    call.answer.finish(restoredResponse(call, line), statusOf(message))
  }

  #onNotification({ message, line }: ServerMessage): void {
    const params = paramsOf(message)
    const subscription = metaOf(params)[META.subscriptionId]
    if (subscription !== undefined) {
      const listen = this.#callOf(subscription)
      if (listen === undefined) return
      listen.answer.message(restoredChange(listen, line))
      return
    }
    switch (message['method']) {
      case 'notifications/progress': {
        const call = this.#callOf(params['progressToken'])
        if (call?.token === undefined) return
        this.#await(call)
        call.answer.message(restoredProgress(call, line))
        return
      }
      case 'notifications/cancelled': {
        // On stdio a server ends a listen stream by this; over HTTP it closes the stream (MCP 2026-07-28 subscriptions).
        const listen = this.#callOf(params['requestId'])
        if (listen?.isListen !== true) return
        this.#leave(listen)
        listen.answer.end()
        return
      }
      case 'notifications/message':
        this.#soleLogReader()?.answer.message(line)
        return
      default:
      // Belongs to no call: the modern era has no stream for it.
    }
  }

  #callOf(id: unknown): SharedCall | undefined {
    return typeof id === 'number' ? this.#calls.get(id) : undefined
  }

  /** A log line on stdio does not say whose call it is about; it is told only where there is no doubt. */
  #soleLogReader(): SharedCall | undefined {
    let sole: SharedCall | undefined
    for (const call of this.#calls.values()) {
      if (!call.wantsLog) continue
      if (sole !== undefined) return undefined
      sole = call
    }
    return sole
  }

  #settle(outcome: DiscoverOutcome): void {
    if (this.#isDiscovered) return
    this.#isDiscovered = true
    this.#discovering?.cancel()
    this.#context.onDiscovered(outcome)
  }
}
