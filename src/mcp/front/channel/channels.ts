// All channels: which exchanges open one or belong to one, who may post to which, how many there may be, and how they end
// with the gateway.
import { randomBytes } from 'node:crypto'
import {
  type AnswerEnd,
  type Clock,
  type Exchange,
  GatewayError,
  renderErrorJson,
  toGatewayError,
} from '../../../core/index.ts'
import { callerKeyOf } from '../../caller.ts'
import { answerError } from '../../error-answer.ts'
import type { McpLimits } from '../../options.ts'
import { Seal } from '../../seal.ts'
import type { CallOutcome } from '../../visit.ts'
import { Channel } from './channel.ts'
import { ChannelPlaces } from './channel-places.ts'
import type { ChannelTransport } from './channel-transport.ts'
import { channelOf } from './channel-query.ts'
import { opensEventStream, SseTransport } from './http-sse.ts'
import type { ChannelLimits, ChannelOptions } from './options.ts'
import { checkContent } from './posted-content.ts'
import { checkOffer, WebSocketTransport } from './web-socket.ts'

export type ChannelKind = 'http-sse' | 'websocket'

/** Of an exchange that opened a channel, or was refused: what composition learns once it is over. */
export interface ChannelReport<R> {
  readonly exchange: Exchange
  readonly route: R
  readonly inbound: undefined
  readonly outcome: CallOutcome
  readonly error: GatewayError | undefined
  /** From the header section to the end of the answer: the whole life of a channel. */
  readonly durationMs: number
}

export interface ChannelsContext<R extends { readonly path: string }> {
  readonly clock: Clock
  readonly limits: McpLimits
  readonly channelLimits: ChannelLimits
  /** Secrets that seal the ids of HTTP+SSE channels. The first seals, all of them open. */
  readonly keys: readonly string[]
  readonly optionsOf: (route: R) => ChannelOptions
  /** The endpoint of the route, which gets the virtual exchanges. */
  readonly handle: (exchange: Exchange, route: R) => void
  readonly onOpen: (kind: ChannelKind, route: R) => void
  readonly onClose: (kind: ChannelKind, route: R) => void
  readonly onOver: (report: ChannelReport<R>) => void
}

/** An exchange that has to do with a channel. */
interface Caller<R> {
  readonly exchange: Exchange
  readonly route: R
  readonly startedMs: number
}

const PURPOSE = 'sallyport channel id v1'
const ID_BYTES = 16
/** No sealed id of ours is longer; anything longer is not worth decoding. */
const MAX_SEALED_CHARS = 128

export class Channels<R extends { readonly path: string }> {
  readonly #context: ChannelsContext<R>
  readonly #seal: Seal
  readonly #open = new Set<Channel>()
  readonly #places: ChannelPlaces
  readonly #posted = new Map<string, Channel>()
  #isDraining = false

  constructor(context: ChannelsContext<R>) {
    this.#context = context
    this.#seal = new Seal(context.keys, PURPOSE)
    this.#places = new ChannelPlaces(context.channelLimits)
  }

  /** Channels that are open. */
  get size(): number {
    return this.#open.size
  }

  /** Takes over an exchange that opens a channel, or posts to one. False: it is like any other, and was not touched. */
  take(exchange: Exchange, route: R): boolean {
    const how = this.#wayOf(exchange, route)
    if (how === undefined) return false
    const caller: Caller<R> = {
      exchange,
      route,
      startedMs: this.#context.clock.monotonicMs(),
    }
    try {
      how(caller)
    } catch (thrown) {
      this.#refuse(caller, toGatewayError(thrown))
    }
    return true
  }

  /** Opens no new ones, and ends each as soon as its calls are answered. */
  drain(): void {
    this.#isDraining = true
    for (const channel of this.#open) channel.drain()
  }

  #wayOf(exchange: Exchange, route: R): ((caller: Caller<R>) => void) | undefined {
    if (exchange.webSocket !== undefined) return (caller) => this.#openWebSocket(caller)
    if (exchange.method === 'POST') {
      const sealedId = channelOf(exchange.query)
      if (sealedId === undefined || !this.#context.optionsOf(route).httpSse) return undefined
      return (caller) => this.#post(caller, sealedId)
    }
    if (!opensEventStream(exchange) || !this.#context.optionsOf(route).httpSse) return undefined
    return (caller) => this.#openEventStream(caller)
  }

  #openEventStream(caller: Caller<R>): void {
    this.#checkRoom(caller)
    const { exchange } = caller
    const id = randomBytes(ID_BYTES).toString('base64url')
    const transport = new SseTransport(exchange)
    const channel = this.#channel(caller, transport)
    this.#posted.set(id, channel)
    transport.open(
      this.#seal.seal(id, boundTo(caller)),
      () => channel.caughtUp(),
      (end) => {
        this.#posted.delete(id)
        this.#close('http-sse', caller, channel, end)
      },
    )
    this.#context.onOpen('http-sse', caller.route)
  }

  #openWebSocket(caller: Caller<R>): void {
    const { exchange, route } = caller
    const offer = checkOffer(exchange, this.#context.optionsOf(route).webSocket)
    if (offer instanceof GatewayError) throw offer
    this.#checkRoom(caller)
    const transport: WebSocketTransport = new WebSocketTransport(offer, {
      maxMessageBytes: this.#context.limits.maxBodyBytes,
      onMessage: (text) => {
        const refusal = channel.receive(text, exchange)
        if (refusal !== undefined) {
          channel.deliver(renderErrorJson(refusal, { requestId: exchange.id }))
        }
      },
      onDrain: () => channel.caughtUp(),
    })
    const channel = this.#channel(caller, transport)
    this.#context.onOpen('websocket', route)
    exchange.answer.onClose((end) => this.#close('websocket', caller, channel, end))
  }

  #channel({ exchange, route }: Caller<R>, transport: ChannelTransport): Channel {
    const { clock, limits, channelLimits, handle } = this.#context
    const channel = new Channel(
      { clock, limits: { ...limits, ...channelLimits }, handle: (it) => handle(it, route) },
      exchange,
      transport,
    )
    this.#open.add(channel)
    this.#places.take(callerKeyOf(exchange))
    return channel
  }

  #close(kind: ChannelKind, caller: Caller<R>, channel: Channel, end: AnswerEnd): void {
    this.#open.delete(channel)
    this.#places.leave(callerKeyOf(caller.exchange))
    channel.close()
    this.#context.onClose(kind, caller.route)
    this.#report(caller, end === 'finished' ? 'answered' : 'client-gone')
  }

  #post(caller: Caller<R>, sealedId: string): void {
    const { exchange } = caller
    const channel = this.#find(caller, sealedId)
    checkContent(exchange)
    exchange
      .readBody(this.#context.limits.maxBodyBytes)
      .then((body) => this.#accept(caller, channel, body))
      .catch((thrown: unknown) => this.#refuse(caller, toGatewayError(thrown)))
  }

  /** The answers come over the channel; this one only says that the message was taken. */
  #accept({ exchange }: Caller<R>, channel: Channel, body: Buffer): void {
    const refusal = channel.receive(body, exchange)
    if (refusal !== undefined) throw refusal
    exchange.answer.start(202, ['content-length', '0'])
    exchange.answer.end()
  }

  /**
   * The same answer whatever is wrong with an id: nobody is told whether it is another's.
   *
   * @throws GatewayError GW_CHANNEL_NOT_FOUND
   */
  #find(caller: Caller<R>, sealedId: string): Channel {
    const isPlausible = sealedId.length <= MAX_SEALED_CHARS
    const id = isPlausible ? this.#seal.open(sealedId, boundTo(caller)) : undefined
    const channel = id === undefined ? undefined : this.#posted.get(id)
    if (channel !== undefined) return channel
    throw new GatewayError('GW_CHANNEL_NOT_FOUND', 'the channel is unknown; open the stream again')
  }

  /** @throws GatewayError GW_DRAINING, GW_TOO_MANY_CHANNELS */
  #checkRoom({ exchange }: Caller<R>): void {
    if (this.#isDraining) {
      throw new GatewayError('GW_DRAINING', 'the gateway is stopping and opens no new channels')
    }
    this.#places.checkRoom(callerKeyOf(exchange))
  }

  #refuse(caller: Caller<R>, error: GatewayError): void {
    const { answer } = caller.exchange
    if (answer.started) answer.abort()
    else answerError(caller.exchange, error)
    this.#report(caller, 'failed', error)
  }

  #report(
    { exchange, route, startedMs }: Caller<R>,
    outcome: CallOutcome,
    error?: GatewayError,
  ): void {
    const durationMs = this.#context.clock.monotonicMs() - startedMs
    this.#context.onOver({ exchange, route, inbound: undefined, outcome, error, durationMs })
  }
}

/** Whom a channel belongs to and where: its id opens for nobody else. */
function boundTo<R extends { readonly path: string }>({ exchange, route }: Caller<R>): string {
  return `${route.path}\n${callerKeyOf(exchange)}`
}
