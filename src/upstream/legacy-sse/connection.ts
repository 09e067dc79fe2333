// One HTTP+SSE connection (MCP 2024-11-05 transports §HTTP with SSE): an event stream on which everything from the server
// comes, and the URL, told by its first event, to which everything for the server is posted.
import { GatewayError, type RawHeaders, type Timer } from '../../core/index.ts'
import type { Log } from '../../observability/index.ts'
import { EventReader, type ServerEvent } from '../../wire/index.ts'
import type { HttpEndpoint } from '../http/endpoint.ts'
import type { Link, LinkListener, Posting, SendOutcome } from '../session/link.ts'
import { readServerMessages } from '../session/server-message.ts'
import type { AnswerSink, UpstreamCall } from '../upstream.ts'
import { postFields, streamFields } from './fields.ts'
import { noEventStream, refusalOf } from './refusals.ts'
import { SentPost } from './sent-post.ts'

/** Time for the stream to begin and say where to post, besides that for the connection: servers say it at once. */
export const ENDPOINT_EVENT_TIMEOUT_MS = 10_000

/** What a connection is opened with: the client's `initialize`. */
export interface Opening {
  /** Path and query of the event stream. */
  readonly path: string
  readonly headers: RawHeaders
}

export interface ConnectionContext {
  readonly endpoint: HttpEndpoint
  /** The endpoint's URL, against which the one to post to is resolved. */
  readonly url: URL
  readonly maxMessageBytes: number
  readonly log: Log
  /** Where messages go once there is a session. */
  readonly listener: LinkListener
  /** Called once: the server takes messages now, or why it does not. */
  readonly onOpened: (failure: GatewayError | undefined) => void
}

type State =
  | { readonly kind: 'opening' }
  | { readonly kind: 'open'; readonly postPath: string }
  | { readonly kind: 'over' }

export class SseConnection implements Link, AnswerSink {
  readonly startedAtMs: number
  readonly #opening: Opening
  readonly #context: ConnectionContext
  readonly #reader: EventReader
  readonly #timer: Timer
  readonly #stream: UpstreamCall
  #state: State = { kind: 'opening' }
  #isNoisy = false

  constructor(opening: Opening, context: ConnectionContext) {
    const { endpoint, maxMessageBytes } = context
    const { clock, options } = endpoint
    this.#opening = opening
    this.#context = context
    this.startedAtMs = clock.monotonicMs()
    this.#reader = new EventReader({
      maxEventBytes: maxMessageBytes,
      onEvent: (event) => this.#onEvent(event),
    })
    const waitMs = Math.min(options.responseTimeoutMs, ENDPOINT_EVENT_TIMEOUT_MS)
    this.#timer = clock.after(options.connectTimeoutMs + waitMs, () =>
      this.fail(new GatewayError('GW_UPSTREAM_TIMEOUT', 'no endpoint event came in time')),
    )
    const request = {
      method: 'GET',
      path: opening.path,
      headers: streamFields(opening.headers),
      body: undefined,
    }
    this.#stream = endpoint.send(request, true, this)
  }

  send(line: Buffer, posting?: Posting): SendOutcome {
    if (this.#state.kind !== 'open') return 'closed'
    const headers = postFields(posting?.headers ?? this.#opening.headers)
    const request = { method: 'POST', path: this.#state.postPath, headers, body: line }
    const post = new SentPost(posting?.onTaken.bind(posting))
    post.attach(this.#context.endpoint.send(request, false, post))
    return 'written'
  }

  /** The server sees the stream close, which is how a client leaves. */
  async stop(): Promise<void> {
    if (!this.#leave()) return
    this.#stream.abort()
  }

  /** Ends the connection in error, for whoever waits for it or uses it. */
  fail(failure: GatewayError): void {
    const wasOpen = this.#state.kind === 'open'
    if (!this.#leave()) return
    this.#stream.abort()
    if (wasOpen) this.#context.listener.onEnd({ failure, sent: true })
    else this.#context.onOpened(failure)
  }

  onHead(status: number, headers: RawHeaders): void {
    const refusal = status === 200 ? noEventStream(headers) : refusalOf(status, 'event stream')
    if (refusal !== undefined) this.fail(refusal)
  }

  /** Never paused for one answer: others come on the same stream. */
  onData(chunk: Uint8Array): boolean {
    if (this.#state.kind !== 'over' && !this.#reader.push(chunk)) {
      const message = `the endpoint sent a message of more than ${this.#context.maxMessageBytes} bytes (max_message)`
      this.fail(new GatewayError('GW_UPSTREAM_BROKEN', message))
    }
    return true
  }

  onEnd(): void {
    this.fail(new GatewayError('GW_UPSTREAM_BROKEN', 'the endpoint ended its event stream'))
  }

  onFailure(error: GatewayError): void {
    this.fail(error)
  }

  #onEvent({ event, data }: ServerEvent): void {
    if (this.#state.kind === 'opening') this.#onFirst(event, data)
    else if (this.#state.kind === 'open' && event === 'message') this.#onMessage(data)
  }

  #onFirst(event: string, data: string): void {
    const target = event === 'endpoint' ? sameOrigin(data, this.#context.url) : 'no-endpoint'
    if (typeof target === 'string') {
      this.fail(new GatewayError('GW_UPSTREAM_BROKEN', WRONG_FIRST[target]))
      return
    }
    this.#timer.cancel()
    this.#state = { kind: 'open', postPath: target.pathname + target.search }
    this.#context.onOpened(undefined)
  }

  #onMessage(data: string): void {
    const messages = readServerMessages(Buffer.from(data))
    if (messages === undefined) {
      const level = this.#isNoisy ? 'debug' : 'warn'
      this.#isNoisy = true
      this.#context.log[level]({}, 'endpoint sent an event that is not JSON-RPC')
      return
    }
    for (const message of messages) this.#context.listener.onMessage(message)
  }

  #leave(): boolean {
    if (this.#state.kind === 'over') return false
    this.#state = { kind: 'over' }
    this.#timer.cancel()
    return true
  }
}

const WRONG_FIRST = {
  'no-endpoint': 'the first event of the stream was not the endpoint to post to',
  malformed: 'the endpoint event names no URL',
  abroad: 'the endpoint event leads to another origin, where nothing of a client is sent',
} as const

/**
 * The URL to post to. A server that could name any would have the gateway send clients' messages, from inside its network,
 * wherever it likes.
 */
function sameOrigin(written: string, base: URL): URL | 'malformed' | 'abroad' {
  if (!URL.canParse(written, base.href)) return 'malformed'
  const url = new URL(written, base)
  return url.origin === base.origin ? url : 'abroad'
}
