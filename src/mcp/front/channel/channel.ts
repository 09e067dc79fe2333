// One client's long channel: what it sends goes to the endpoint as virtual exchanges, what they are answered with goes back.
// How messages travel between client and gateway is the transport's business, what they mean that of the endpoint and of
// the server.
import {
  type Clock,
  type Exchange,
  GatewayError,
  LiveSet,
  type LiveMember,
  type RawHeaders,
  type Timer,
} from '../../../core/index.ts'
import type { JsonLimits, JsonObject, RpcId } from '../../../wire/index.ts'
import { ChannelSession, type SessionOwner } from './channel-session.ts'
import type { ChannelTransport } from './channel-transport.ts'
import type { ChannelLimits } from './options.ts'
import { PostedCall, type CallOwner } from './posted-call.ts'
import { isHandshake, mirrorHeaders, readPosted, type PostedMessage } from './posted-message.ts'
import { Resumptions } from './resumptions.ts'
import { NO_EARS, type AnswerEars, type AnswerHead, type AnswerOver } from './virtual-answer.ts'
import { VirtualTraffic } from './virtual-traffic.ts'
import { WaitingMessages, type WaitingMessage } from './waiting-messages.ts'

export interface ChannelContext {
  readonly clock: Clock
  readonly limits: ChannelLimits & JsonLimits & { readonly keepAliveMs: number }
  /** The endpoint of the route that the channel is on. */
  readonly handle: (exchange: Exchange) => void
}

const CONTENT: RawHeaders = [
  'content-type',
  'application/json',
  'accept',
  'application/json, text/event-stream',
]
const OK_CEILING = 299
const NOT_FOUND = 404

export class Channel implements LiveMember, CallOwner, SessionOwner {
  place = -1
  readonly clock: Clock
  readonly #limits: ChannelContext['limits']
  readonly #transport: ChannelTransport
  readonly #traffic: VirtualTraffic
  readonly #session: ChannelSession
  readonly #calls = new LiveSet<PostedCall>()
  readonly #resumptions: Resumptions
  readonly #waiting = new WaitingMessages()
  readonly #keepingAlive: Timer
  /** The part of the handshake that everything behind it waits for. */
  #gate: PostedCall | undefined
  /** Messages with requests that were taken and are not over. */
  #requestCount = 0
  /** Other messages that were passed on and are not over. */
  #otherCount = 0
  #isPassing = false
  #isBehind = false
  #isReading = true
  #hasSentSinceTick = false
  #isDraining = false
  #isClosed = false

  /** `opening` is the exchange that the channel was opened with. */
  constructor(context: ChannelContext, opening: Exchange, transport: ChannelTransport) {
    const { clock, limits, handle } = context
    const { maxMessageBytes, keepAliveMs } = limits
    this.clock = clock
    this.#limits = limits
    this.#transport = transport
    this.#traffic = new VirtualTraffic({ opening, maxMessageBytes, handle })
    this.#session = new ChannelSession(this)
    this.#resumptions = new Resumptions(this)
    this.#keepingAlive = clock.every(keepAliveMs, () => this.#keepAlive())
  }

  get isBehind(): boolean {
    return this.#isBehind
  }

  /**
   * Takes a message of the client, which arrived on `origin`. The refusal, or undefined: what answers it, if anything does,
   * will come over the transport.
   */
  receive(bytes: Buffer, origin: Exchange): GatewayError | undefined {
    const posted = readPosted(bytes, this.#limits)
    const refusal = this.#refuse(posted)
    if (refusal !== undefined) return refusal
    if (this.#isCancelledHere(posted)) return undefined
    // The server may want an answer from the client before it gives its own.
    const mayPass = posted.kind === 'response' || (this.#waiting.isEmpty && this.#hasRoom)
    if (!mayPass && !this.#waiting.add({ posted, origin })) return full(posted)
    if (posted.ids.length > 0) this.#requestCount += 1
    if (mayPass) this.#pass({ posted, origin })
    else this.#regulate()
    return undefined
  }

  /** The client has caught up with what was sent. */
  caughtUp(): void {
    this.#isBehind = false
    this.#traffic.drained(() => this.#isBehind)
    this.#regulate()
  }

  /** Takes no more requests, and ends when those under way are answered. */
  drain(): void {
    this.#isDraining = true
    this.#session.stopListening()
    this.#endIfDone()
  }

  /** The client is gone, or the transport has been ended. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#keepingAlive.cancel()
    this.#waiting.clear()
    this.#resumptions.stopAll()
    for (const call of this.#calls.snapshot()) {
      // The session that one begins has to be ended, and its id may be yet to come.
      if (call.posted.method !== 'initialize') call.leave()
    }
    this.#session.end()
  }

  deliver(json: string): void {
    if (this.#isClosed) return
    this.#hasSentSinceTick = true
    // Valid JSON has raw line breaks only between tokens.
    const line = /[\r\n]/.test(json) ? json.replaceAll(/[\r\n]/g, ' ') : json
    if (this.#transport.send(line)) return
    this.#isBehind = true
    this.#regulate()
  }

  onCallHead({ posted }: PostedCall, { status, sessionId }: AnswerHead): void {
    if (posted.method !== 'initialize' || sessionId === undefined || status > OK_CEILING) return
    this.#session.begin(sessionId)
    if (this.#isClosed) this.#session.end()
  }

  onInitialized(call: PostedCall, { protocolVersion }: JsonObject): void {
    this.#session.negotiated(typeof protocolVersion === 'string' ? protocolVersion : undefined)
    // The stream of the answer may stay open for a while.
    this.#openGate(call)
  }

  resume(call: PostedCall, over: AnswerOver): boolean {
    const isInSession = call.session !== undefined && call.session === this.#session.id
    return isInSession && !this.#isClosed && this.#resumptions.start(call, over)
  }

  onCallOver(call: PostedCall, over?: AnswerOver): void {
    // Over twice: the client has cancelled what ends now.
    if (call.place < 0) return
    this.#calls.delete(call)
    if (call.posted.ids.length > 0) this.#requestCount -= 1
    else this.#otherCount -= 1
    const status = over?.status ?? 0
    const isFine = status > 0 && status <= OK_CEILING
    if (call.posted.method === 'notifications/initialized' && isFine && !this.#isDraining) {
      this.#session.listen()
    }
    const isInSession = call.session !== undefined && call.session === this.#session.id
    if (status === NOT_FOUND && isInSession) {
      this.#session.forget()
      this.onSessionGone()
    }
    if (call === this.#gate) this.#openGate(call)
    else this.#passWaiting()
    this.#endIfDone()
  }

  pull(ears: AnswerEars, lastEventId: string | undefined): { leave(): void } {
    const headers = ['accept', 'text/event-stream', ...this.#session.headers]
    if (lastEventId !== undefined) headers.push('last-event-id', lastEventId)
    return this.#traffic.send(this.#traffic.nextId(), ears, { method: 'GET', headers })
  }

  deleteSession(headers: RawHeaders): void {
    this.#traffic.send(this.#traffic.nextId(), NO_EARS, { method: 'DELETE', headers })
  }

  /** Nothing on the channel can succeed any more; a client that sees it end opens another and initializes. */
  onSessionGone(): void {
    if (!this.#isClosed) this.#transport.end('session-gone')
  }

  #refuse(posted: PostedMessage): GatewayError | undefined {
    if (this.#isClosed) return new GatewayError('GW_CHANNEL_NOT_FOUND', 'the channel is over')
    if (posted.ids.length === 0) return undefined
    if (this.#isDraining) {
      return new GatewayError('GW_DRAINING', 'the gateway is stopping', nameOf(posted))
    }
    return this.#requestCount < this.#limits.maxCalls ? undefined : full(posted)
  }

  get #hasRoom(): boolean {
    return this.#gate === undefined && this.#otherCount < this.#limits.maxCalls
  }

  #pass({ posted, origin }: WaitingMessage): void {
    const isModern = posted.modernVersion !== undefined
    const isFirst = posted.method === 'initialize'
    const exchangeId = this.#traffic.nextId(origin)
    const session = isModern || isFirst ? undefined : this.#session.id
    const call = new PostedCall(this, posted, { exchangeId, session })
    this.#calls.add(call)
    if (posted.ids.length === 0) this.#otherCount += 1
    if (isHandshake(posted)) this.#gate = call
    const own = isFirst && !isModern ? [] : this.#session.headers
    const headers = [...CONTENT, ...(isModern ? mirrorHeaders(posted) : own)]
    call.answer = this.#traffic.send(exchangeId, call, {
      method: 'POST',
      headers,
      body: posted.bytes,
      origin,
    })
  }

  #openGate(call: PostedCall): void {
    if (call !== this.#gate) return
    this.#gate = undefined
    this.#passWaiting()
  }

  #passWaiting(): void {
    // What is passed on may be answered at once, and that leads back here.
    if (this.#isPassing) return
    this.#isPassing = true
    while (this.#hasRoom && !this.#waiting.isEmpty && !this.#isClosed) {
      const message = this.#waiting.next()
      if (message !== undefined) this.#pass(message)
    }
    this.#isPassing = false
    this.#regulate()
  }

  /** A client that does not take what it gets is not to ask for more. */
  #regulate(): void {
    const isReading = !this.#waiting.isHalfFull && !this.#isBehind
    if (isReading === this.#isReading) return
    this.#isReading = isReading
    this.#transport.setReading(isReading)
  }

  /**
   * Whether the message cancels a request of the modern era. There the end of the answer's stream is the cancellation
   * (MCP 2026-07-28 transports §Cancellation), and there are no such notifications over HTTP. In the legacy era the
   * server is to hear it; it may then leave the request without an answer.
   */
  #isCancelledHere({ cancels }: PostedMessage): boolean {
    if (cancels === undefined) return false
    const call = this.#calls.snapshot().find((it) => it.forgo(cancels))
    if (call === undefined) return false
    if (call.isAwaited) return call.posted.modernVersion !== undefined
    this.#resumptions.stop(call)
    if (call.posted.modernVersion === undefined) return false
    call.leave()
    this.onCallOver(call)
    return true
  }

  #endIfDone(): void {
    if (!this.#isDraining || this.#isClosed) return
    if (this.#calls.size === 0 && this.#waiting.isEmpty) this.#transport.end('draining')
  }

  #keepAlive(): void {
    const isQuiet = !this.#hasSentSinceTick
    this.#hasSentSinceTick = false
    this.#transport.keepAlive(isQuiet)
  }
}

function full(posted: PostedMessage): GatewayError {
  return new GatewayError('GW_CHANNEL_FULL', 'too many messages at once on one channel', {
    retryAfterSeconds: 1,
    ...nameOf(posted),
  })
}

/** What the refusal answers; of a batch, its first request. */
function nameOf({ ids: [rpcId] }: PostedMessage): { readonly rpcId?: RpcId } {
  return rpcId === undefined ? {} : { rpcId }
}
