// One legacy `initialize` at an endpoint whose transport it may decide: sent as Streamable HTTP, and carried on over
// HTTP+SSE where the first is refused and the second is there. At most one transport has it at a time.
import type { GatewayError, RawHeaders } from '../../core/index.ts'
import type { LegacySseUpstream } from '../legacy-sse/legacy-sse-upstream.ts'
import type { AnswerSink, Upstream, UpstreamCall, UpstreamRequest } from '../upstream.ts'
import { isModernRefusal, isOtherTransport, mayBeSse } from './transport-signs.ts'

/** Longest refusal that is read; servers of HTTP+SSE refuse with a line or a small page. */
const MAX_REFUSAL_BYTES = 65_536

/** Whoever remembers what was found out. */
export interface TransportLooker {
  readonly streamable: Upstream
  readonly sse: LegacySseUpstream
  /** True while the endpoint is known to speak HTTP+SSE. */
  readonly isSse: boolean
  /** True when nobody has looked in vain for a while. */
  readonly mayLook: boolean
  /**
   * Begins a look, which must end with `onSeen`. False: another call looks, and the callback hears what it saw, undefined if
   * it gave up. No more can wait than may be under way at the endpoint.
   */
  look(onSeen: (isSse: boolean | undefined) => void): boolean
  onSeen(isSse: boolean | undefined): void
  /** The endpoint opened an event stream and said where to post. */
  onOpened(): void
  /** It did not. */
  onNotOpened(failure: GatewayError): void
}

interface HeldAnswer {
  readonly status: number
  readonly headers: RawHeaders
  readonly chunks: Buffer[]
  bytes: number
}

export class ChoosingCall implements UpstreamCall {
  readonly #looker: TransportLooker
  readonly #request: UpstreamRequest
  readonly #sink: AnswerSink
  #call: UpstreamCall | undefined
  /** A refusal that is not passed on until it is known what it means. */
  #held: HeldAnswer | undefined
  #isLooking = false
  #isAborted = false

  constructor(looker: TransportLooker, request: UpstreamRequest, sink: AnswerSink) {
    this.#looker = looker
    this.#request = request
    this.#sink = sink
  }

  go(): this {
    if (this.#looker.isSse) this.#overSse((failure) => this.#onNotSseAnyMore(failure))
    else this.#overStreamable()
    return this
  }

  resume(): void {
    this.#call?.resume()
  }

  abort(): void {
    this.#isAborted = true
    this.#call?.abort()
    this.#endLook(undefined)
  }

  #overStreamable(): void {
    const sink = this.#sink
    this.#call = this.#looker.streamable.send(this.#request, {
      onHead: (status, headers) => {
        if (mayBeSse(status) && this.#looker.mayLook) {
          this.#held = { status, headers, chunks: [], bytes: 0 }
        } else sink.onHead(status, headers)
      },
      onData: (chunk) => (this.#held === undefined ? sink.onData(chunk) : this.#hold(chunk)),
      onEnd: (trailers) => {
        if (this.#held === undefined) sink.onEnd(trailers)
        else this.#onRefused(this.#held, trailers)
      },
      onFailure: (error, sent) => sink.onFailure(error, sent),
    })
  }

  #hold(chunk: Uint8Array): boolean {
    const held = this.#held
    if (held === undefined) return true
    held.chunks.push(Buffer.from(chunk))
    held.bytes += chunk.length
    if (held.bytes <= MAX_REFUSAL_BYTES) return true
    // Too much to be the refusal that is looked for: the answer passes from here on.
    this.#held = undefined
    return this.#passOn(held)
  }

  #onRefused(held: HeldAnswer, trailers: RawHeaders): void {
    this.#held = undefined
    const pass = (): void => {
      this.#passOn(held)
      if (!this.#isAborted) this.#sink.onEnd(trailers)
    }
    if (isModernRefusal(held.status, Buffer.concat(held.chunks))) pass()
    else this.#look(pass)
  }

  /** Looks for HTTP+SSE, or waits for what another call sees. `onNotSse`: there is none. */
  #look(onNotSse: () => void): void {
    const isFirst = this.#looker.look((isSse) => {
      if (this.#isAborted) return
      if (isSse === undefined) this.#look(onNotSse)
      else if (isSse) this.#overSse(onNotSse)
      else onNotSse()
    })
    if (!isFirst) return
    this.#isLooking = true
    this.#overSse(onNotSse)
  }

  #endLook(isSse: boolean | undefined): void {
    if (!this.#isLooking) return
    this.#isLooking = false
    this.#looker.onSeen(isSse)
  }

  #passOn({ status, headers, chunks }: HeldAnswer): boolean {
    this.#sink.onHead(status, headers)
    let takesMore = true
    for (const chunk of chunks) if (!this.#isAborted) takesMore = this.#sink.onData(chunk)
    return takesMore
  }

  /** `onNotSse` is called in place of the sink when no connection comes about. */
  #overSse(onNotSse: (failure: GatewayError) => void): void {
    const sink = this.#sink
    let isOpened = false
    const passing: AnswerSink = {
      onHead: (status, headers) => sink.onHead(status, headers),
      onData: (chunk) => sink.onData(chunk),
      onEnd: (trailers) => sink.onEnd(trailers),
      onFailure: (error, sent) => {
        if (isOpened) {
          sink.onFailure(error, sent)
          return
        }
        this.#endLook(undefined)
        onNotSse(error)
      },
    }
    this.#call = this.#looker.sse.sendWatched(this.#request, passing, {
      onOpened: () => {
        isOpened = true
        this.#looker.onOpened()
        this.#endLook(true)
      },
      onNotOpened: (failure) => {
        this.#looker.onNotOpened(failure)
        this.#endLook(false)
      },
    })
  }

  /** It spoke HTTP+SSE before. Nothing of the request has left, so it is sent as if nothing were known. */
  #onNotSseAnyMore(failure: GatewayError): void {
    if (isOtherTransport(failure)) this.#overStreamable()
    else this.#sink.onFailure(failure, false)
  }
}
