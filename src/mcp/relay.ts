// One answer on its way back: from the pool's sink to the client's socket, streamed as it comes. Seals session ids,
// keeps event streams alive and ends them well, and decides what a client that left means for the call.
import {
  GatewayError,
  type AnswerEnd,
  type Clock,
  type Exchange,
  type RawHeaders,
  type Timer,
} from '../core/index.ts'
import type { EndpointStatus, RoutedSink } from '../routing/index.ts'
import type { UpstreamCall } from '../upstream/index.ts'
import {
  encodeEvent,
  EventStreamPosition,
  isEventStream,
  KEEP_ALIVE_COMMENT,
  type Inbound,
} from '../wire/index.ts'
import { answerError, errorJson } from './error-answer.ts'
import { answerHead, type AnswerHead } from './forwarding.ts'
import type { McpLimits } from './options.ts'

export type CallOutcome = 'answered' | 'failed' | 'client-gone'

export interface RelayContext {
  readonly exchange: Exchange
  /** Undefined for GET and DELETE. */
  readonly inbound: Inbound | undefined
  readonly longLived: boolean
  readonly limits: McpLimits
  readonly clock: Clock
  /** The id for the client in place of the endpoint's own. */
  readonly seal: (sessionId: string, from: EndpointStatus) => string
  readonly onStreamOpen: () => void
  /** Called once, when neither side has anything left to do. */
  readonly onOver: (
    outcome: CallOutcome,
    error: GatewayError | undefined,
    streamed: boolean,
  ) => void
}

const REDIRECT_FLOOR = 300
const REDIRECT_CEILING = 399
const NOT_MODIFIED = 304

export class Relay implements RoutedSink {
  readonly #context: RelayContext
  #call: UpstreamCall | undefined
  #position: EventStreamPosition | undefined
  #keepAlive: Timer | undefined
  #abandoned: Timer | undefined
  #sentSinceTick = false
  #over = false

  constructor(context: RelayContext) {
    this.#context = context
  }

  /** Ties the call to the client: from here on one's end is told to the other. */
  attach(call: UpstreamCall): void {
    this.#call = call
    const { answer } = this.#context.exchange
    answer.onDrain(() => call.resume())
    answer.onClose((end) => this.#onClientClose(end))
  }

  /** A long-lived stream has no end of its own: a drain ends it where the client loses nothing. */
  get isLongLived(): boolean {
    return this.#context.longLived
  }

  /** Ends an event stream in good order: the client sees a whole transfer and may come back elsewhere. */
  close(): void {
    if (this.#over) return
    this.#call?.abort()
    const { exchange } = this.#context
    if (exchange.answer.started) exchange.answer.end()
    else answerError(exchange, new GatewayError('GW_DRAINING', 'the gateway is stopping'))
    this.#finish('answered')
  }

  onHead(status: number, raw: RawHeaders, from: EndpointStatus): void {
    const { exchange, seal } = this.#context
    const refused = refuseHead(status)
    if (refused !== undefined) {
      this.#call?.abort()
      this.onFailure(refused)
      return
    }
    const head = answerHead(raw)
    if (head.sessionId !== undefined) {
      head.headers.push('mcp-session-id', seal(head.sessionId, from))
    }
    if (isEventStream(head.contentType)) this.#openStream(head)
    exchange.answer.start(status, head.headers)
  }

  onData(chunk: Uint8Array): boolean {
    const { answer } = this.#context.exchange
    // A legacy client that left: the call runs on, its answer has nowhere to go.
    if (answer.closed) return true
    if (this.#position !== undefined) {
      this.#position.advance(chunk)
      this.#sentSinceTick = true
    }
    return answer.write(chunk)
  }

  onEnd(trailers: RawHeaders): void {
    this.#context.exchange.answer.end(undefined, answerHead(trailers).headers)
    this.#finish('answered')
  }

  onFailure(error: GatewayError): void {
    if (this.#over) return
    const { exchange, inbound } = this.#context
    if (!exchange.answer.started) answerError(exchange, error, inbound?.id)
    else this.#breakOff(error)
    this.#finish('failed', error)
  }

  /**
   * Ends an answer that the endpoint did not finish. A call's event stream gets the error as its answer, so that the
   * client learns why; unless the stream carries event ids, for then it can be resumed and the call is not lost.
   */
  #breakOff(error: GatewayError): void {
    const { exchange, inbound } = this.#context
    const id = inbound?.kind === 'request' ? inbound.id : undefined
    const isAnswerable = this.#position?.isBetweenEvents === true && !this.#position.carriesIds
    if (id !== undefined && isAnswerable) {
      exchange.answer.end(encodeEvent(errorJson(error, exchange.id, id)))
      return
    }
    exchange.answer.abort()
  }

  #openStream(head: AnswerHead): void {
    const { clock, limits, exchange, onStreamOpen } = this.#context
    this.#position = new EventStreamPosition()
    const hasBufferingHint = head.headers.some((it) => it.toLowerCase() === 'x-accel-buffering')
    if (!hasBufferingHint) head.headers.push('x-accel-buffering', 'no')
    onStreamOpen()
    // A comment inside a compressed stream would break it.
    if (head.isEncoded) return
    this.#keepAlive = clock.every(limits.keepAliveMs, () => {
      const isQuiet = !this.#sentSinceTick
      this.#sentSinceTick = false
      if (isQuiet && this.#position?.isAtLineStart === true)
        exchange.answer.write(KEEP_ALIVE_COMMENT)
    })
  }

  /**
   * The modern era: closing the stream is the cancellation (MCP 2026-07-28 transports §Cancellation). The legacy era: a
   * disconnect should not be taken for one, so a call runs on, for a while; a GET stream has no purpose without a reader.
   */
  #onClientClose(end: AnswerEnd): void {
    if (this.#over || end === 'finished') return
    const { inbound, clock, limits } = this.#context
    this.#keepAlive?.cancel()
    if (inbound === undefined || inbound.era === 'modern') {
      this.#giveUp()
      return
    }
    this.#abandoned = clock.after(limits.abandonedCallTimeoutMs, () => this.#giveUp())
    // What a slow client held back must flow again, or the connection to the endpoint stays paused for ever.
    this.#call?.resume()
  }

  #giveUp(): void {
    this.#call?.abort()
    this.#finish('client-gone')
  }

  #finish(outcome: CallOutcome, error?: GatewayError): void {
    if (this.#over) return
    this.#over = true
    this.#keepAlive?.cancel()
    this.#abandoned?.cancel()
    this.#context.onOver(outcome, error, this.#position !== undefined)
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
