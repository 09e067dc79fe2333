// One answer on its way back: from the pool's sink to the client's socket, streamed as it comes. Seals session ids,
// keeps event streams alive and ends them well, and decides what a client that left means for the call.
import {
  freeMemory,
  GatewayError,
  isOwner,
  type AnswerEnd,
  type Clock,
  type Content,
  type Deadlines,
  type LiveMember,
  type RawHeaders,
  type Timer,
  Wait,
} from '../../core/index.ts'
import type { EndpointStatus, Pool, RoutedSink } from '../../routing/index.ts'
import type { UpstreamCall } from '../../upstream/index.ts'
import {
  encodeEvent,
  EventStreamPosition,
  isEventStream,
  KEEP_ALIVE_COMMENT,
  type Inbound,
} from '../../wire/index.ts'
import { answerError, errorJson } from '../error-answer.ts'
import { answerHead, type AnswerHead } from '../forwarding.ts'
import type { McpLimits } from '../options.ts'
import type { CallOutcome, Visit } from '../visit.ts'
import type { SealedSession } from './sessions.ts'

/** One call, as far as its answer needs to know it. */
export interface RelayedCall {
  readonly visit: Visit
  readonly pool: Pool
  /** What was sent; undefined for GET and DELETE. */
  readonly content: Content | undefined
  /** Undefined for GET and DELETE. */
  readonly inbound: Inbound | undefined
  /** The session that the client named. */
  readonly session: SealedSession | undefined
  /** GET event streams and subscriptions/listen: no end of their own. */
  readonly longLived: boolean
}

/** What a relay asks of whoever keeps the calls. */
export interface RelayOwner {
  readonly limits: McpLimits
  readonly clock: Clock
  /** Event streams, for as long as nothing was sent on them. */
  readonly quietStreams: Deadlines<Relay>
  /** The id for the client in place of the endpoint's own. */
  sealFor(call: RelayedCall, sessionId: string, from: EndpointStatus): string
  onStreamOpen(call: RelayedCall): void
  /** Called once, when neither side has anything left to do. */
  onRelayOver(relay: Relay, outcome: CallOutcome, error: GatewayError | undefined): void
}

const REDIRECT_FLOOR = 300
const REDIRECT_CEILING = 399
const NOT_MODIFIED = 304

export class Relay implements RoutedSink, LiveMember {
  place = -1
  /** True when nobody who is told the answer before keeps any of it: its memory may be given back once it is sent. */
  isOnlyReader = false
  readonly call: RelayedCall
  readonly #owner: RelayOwner
  #upstreamCall: UpstreamCall | undefined
  #position: EventStreamPosition | undefined
  /** There once an event stream was begun that comments may be put into. */
  #quiet: Wait<Relay> | undefined
  #abandoned: Timer | undefined
  #over = false

  constructor(owner: RelayOwner, call: RelayedCall) {
    this.#owner = owner
    this.call = call
  }

  /** Ties the call to the client: from here on one's end is told to the other. */
  attach(call: UpstreamCall): void {
    this.#upstreamCall = call
    const { answer } = this.call.visit.exchange
    answer.onDrain(() => call.resume())
    answer.onClose((end) => this.#onClientClose(end))
  }

  /** True once an event stream was begun. */
  get streams(): boolean {
    return this.#position !== undefined
  }

  get isOver(): boolean {
    return this.#over
  }

  /** Leaves the exchange to somebody else, who answers it and reports it. Only before the answer has begun. */
  withdraw(): void {
    this.#over = true
    this.#abandoned?.cancel()
  }

  /** Ends an event stream in good order: the client sees a whole transfer and may come back elsewhere. */
  close(): void {
    if (this.#over) return
    this.#upstreamCall?.abort()
    const { exchange } = this.call.visit
    if (exchange.answer.started) exchange.answer.end()
    else answerError(exchange, new GatewayError('GW_DRAINING', 'the gateway is stopping'))
    this.#finish('answered')
  }

  onHead(status: number, raw: RawHeaders, from: EndpointStatus): void {
    const { exchange } = this.call.visit
    const refused = refuseHead(status)
    if (refused !== undefined) {
      this.#upstreamCall?.abort()
      this.onFailure(refused)
      return
    }
    const head = answerHead(raw)
    if (head.sessionId !== undefined) {
      head.headers.push('mcp-session-id', this.#owner.sealFor(this.call, head.sessionId, from))
    }
    if (isEventStream(head.contentType)) this.#openStream(head)
    exchange.answer.start(status, head.headers)
  }

  onData(chunk: Uint8Array): boolean {
    const { answer } = this.call.visit.exchange
    // A legacy client that left: the call runs on, its answer has nowhere to go.
    if (answer.closed) return true
    if (this.#position !== undefined) {
      this.#position.advance(chunk)
      if (this.#quiet !== undefined) this.#owner.quietStreams.watch(this.#quiet)
    }
    if (!this.isOnlyReader || !isOwner(chunk)) return answer.write(chunk)
    return answer.write(chunk, () => freeMemory(chunk))
  }

  onEnd(trailers: RawHeaders): void {
    this.call.visit.exchange.answer.end(undefined, answerHead(trailers).headers)
    this.#finish('answered')
  }

  onFailure(error: GatewayError): void {
    if (this.#over) return
    const { visit, inbound } = this.call
    const { exchange } = visit
    if (!exchange.answer.started) answerError(exchange, error, inbound?.id)
    else this.#breakOff(error)
    this.#finish('failed', error)
  }

  /**
   * Ends an answer that the endpoint did not finish. A call's event stream gets the error as its answer, so that the
   * client learns why; unless the stream carries event ids, for then it can be resumed and the call is not lost.
   */
  #breakOff(error: GatewayError): void {
    const { visit, inbound } = this.call
    const { exchange } = visit
    const id = inbound?.kind === 'request' ? inbound.id : undefined
    const isAnswerable = this.#position?.isBetweenEvents === true && !this.#position.carriesIds
    if (id !== undefined && isAnswerable) {
      exchange.answer.end(encodeEvent(errorJson(error, exchange.id, id)))
      return
    }
    exchange.answer.abort()
  }

  #openStream(head: AnswerHead): void {
    this.#position = new EventStreamPosition()
    const hasBufferingHint = head.headers.some((it) => it.toLowerCase() === 'x-accel-buffering')
    if (!hasBufferingHint) head.headers.push('x-accel-buffering', 'no')
    this.#owner.onStreamOpen(this.call)
    // A comment inside a compressed stream would break it.
    if (head.isEncoded) return
    this.#quiet = new Wait<Relay>(this)
    this.#owner.quietStreams.watch(this.#quiet)
  }

  /** Nothing was sent for a while: what is between here and the client should not take the stream for dead. */
  keepAlive(): void {
    if (this.#quiet === undefined) return
    this.#owner.quietStreams.watch(this.#quiet)
    const { answer } = this.call.visit.exchange
    if (this.#position?.isAtLineStart === true) answer.write(KEEP_ALIVE_COMMENT)
  }

  #endKeepAlive(): void {
    if (this.#quiet !== undefined) this.#owner.quietStreams.unwatch(this.#quiet)
    this.#quiet = undefined
  }

  /**
   * The modern era: closing the stream is the cancellation (MCP 2026-07-28 transports §Cancellation). The legacy era: a
   * disconnect should not be taken for one, so a call runs on, for a while; a GET stream has no purpose without a reader. Nor
   * has a stream that the client can come back to: the endpoint has to learn of the loss, or it lets nobody have the rest.
   */
  #onClientClose(end: AnswerEnd): void {
    if (this.#over || end === 'finished') return
    const { clock, limits } = this.#owner
    const { inbound } = this.call
    this.#endKeepAlive()
    const isResumable = this.#position?.carriesIds === true
    if (inbound === undefined || inbound.era === 'modern' || isResumable) {
      this.#giveUp()
      return
    }
    this.#abandoned = clock.after(limits.abandonedCallTimeoutMs, () => this.#giveUp())
    // What a slow client held back must flow again, or the connection to the endpoint stays paused for ever.
    this.#upstreamCall?.resume()
  }

  #giveUp(): void {
    this.#upstreamCall?.abort()
    this.#finish('client-gone')
  }

  #finish(outcome: CallOutcome, error?: GatewayError): void {
    if (this.#over) return
    this.#over = true
    this.#endKeepAlive()
    this.#abandoned?.cancel()
    this.#owner.onRelayOver(this, outcome, error)
  }
}

/** Statuses that speak of another place or of credentials the client cannot give: not the client's business. */
function refuseHead(status: number): GatewayError | undefined {
  if (status >= REDIRECT_FLOOR && status <= REDIRECT_CEILING && status !== NOT_MODIFIED) {
    return new GatewayError(
      'GW_UPSTREAM_REDIRECT',
      `the endpoint answered with a redirect (${status}), which is not followed`,
    )
  }
  if (status !== 401 && status !== 407) return undefined
  return new GatewayError('GW_UPSTREAM_AUTH', `the endpoint asks for credentials (${status})`)
}
