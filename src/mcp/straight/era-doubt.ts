// Between the pool and the relay: lets every answer through but those that a server gives to the other era's clients.
// Such a one is held until it is known which era the server speaks; then it goes on, or the call takes the working lane.
import type { GatewayError, RawHeaders } from '../../core/index.ts'
import type { EndpointStatus, RoutedSink } from '../../routing/index.ts'
import { isObject, type Inbound } from '../../wire/index.ts'

/** What servers answer to a message of an era that they do not speak (MCP 2026-07-28 versioning §Backward compatibility). */
const DOUBTFUL: ReadonlySet<number> = new Set([400, 404, 405, 406, 415, 422])
/** An answer that is longer says more than "I do not know this era". */
const MAX_HELD_BYTES = 65_536

const METHOD_NOT_FOUND = -32_601
/** Errors that only servers of the modern era give. */
const MODERN_ERRORS: ReadonlySet<unknown> = new Set([-32_020, -32_021, -32_022])

interface Held {
  readonly status: number
  readonly headers: RawHeaders
  readonly from: EndpointStatus
  readonly chunks: Uint8Array[]
  bytes: number
}

/** What an answer alone tells about the era of its server. */
export type Hint = 'speaks' | 'speaks-not' | 'unclear'

/** Called at most once, when an answer is in doubt and whole. */
export type OnDoubt = (hint: Hint, doubt: EraDoubt) => void

export class EraDoubt implements RoutedSink {
  readonly #sink: RoutedSink
  readonly #inbound: Inbound
  readonly #onDoubt: OnDoubt
  #held: Held | undefined
  #trailers: RawHeaders = []
  #failure: GatewayError | undefined

  constructor(sink: RoutedSink, inbound: Inbound, onDoubt: OnDoubt) {
    this.#sink = sink
    this.#inbound = inbound
    this.#onDoubt = onDoubt
  }

  /** Lets the held answer go on to the client after all. */
  release(): void {
    const held = this.#takeHeld()
    if (held !== undefined) {
      this.#sink.onHead(held.status, held.headers, held.from)
      for (const chunk of held.chunks) this.#sink.onData(chunk)
    }
    if (this.#failure !== undefined) this.#sink.onFailure(this.#failure)
    else this.#sink.onEnd(this.#trailers)
  }

  onHead(status: number, headers: RawHeaders, from: EndpointStatus): void {
    if (!DOUBTFUL.has(status)) this.#sink.onHead(status, headers, from)
    else this.#held = { status, headers, from, chunks: [], bytes: 0 }
  }

  onData(chunk: Uint8Array): boolean {
    const held = this.#held
    if (held === undefined) return this.#sink.onData(chunk)
    held.chunks.push(chunk)
    held.bytes += chunk.length
    return held.bytes <= MAX_HELD_BYTES || this.#letGo()
  }

  onEnd(trailers: RawHeaders): void {
    if (this.#held === undefined) {
      this.#sink.onEnd(trailers)
      return
    }
    this.#trailers = trailers
    const body = Buffer.concat(this.#held.chunks)
    this.#onDoubt(hintOf(this.#held.status, body, this.#inbound), this)
  }

  onFailure(error: GatewayError): void {
    if (this.#held !== undefined) this.#letGo()
    // A stdio endpoint knows its era by itself.
    const isOfOtherEra = error.code === 'GW_WRONG_ERA' || error.code === 'GW_UNSUPPORTED_VERSION'
    if (!isOfOtherEra) {
      this.#sink.onFailure(error)
      return
    }
    this.#failure = error
    this.#onDoubt('speaks-not', this)
  }

  #letGo(): boolean {
    const held = this.#takeHeld()
    if (held === undefined) return true
    this.#sink.onHead(held.status, held.headers, held.from)
    let isTaken = true
    for (const chunk of held.chunks) isTaken = this.#sink.onData(chunk)
    return isTaken
  }

  #takeHeld(): Held | undefined {
    const held = this.#held
    this.#held = undefined
    return held
  }
}

/** A refusal in the words of the modern era is proof of it (MCP 2026-07-28 versioning §Compatibility matrix). */
function hintOf(status: number, body: Buffer, { era, method }: Inbound): Hint {
  if (era === 'legacy') return 'unclear'
  const code = errorCode(body)
  if (status === 400 && MODERN_ERRORS.has(code)) return 'speaks'
  // Every modern server has server/discover, so only another method can be missing.
  const isDiscover = method === 'server/discover'
  if (status === 404 && code === METHOD_NOT_FOUND && !isDiscover) return 'speaks'
  return isDiscover ? 'speaks-not' : 'unclear'
}

function errorCode(body: Buffer): unknown {
  try {
    const message: unknown = JSON.parse(body.toString('utf8'))
    const error = isObject(message) ? message['error'] : undefined
    return isObject(error) ? error['code'] : undefined
  } catch {
    // Not JSON, so not an error of JSON-RPC either.
    return undefined
  }
}
