// One listener at one server that stays: comes back when its subscription was refused or lost, and then tells of what may
// have been missed. That listeners share a stream is the ListenHub's business, which comes back from most losses itself.
import { GatewayError, type Clock, type Timer } from '../../core/index.ts'
import { changesOf, intersectionOf } from '../translate/listen-filter.ts'
import type {
  ListenFilter,
  ListenRequest,
  RpcError,
  RpcNotification,
  ServerView,
  ViewCall,
} from '../view/server-view.ts'

export interface EarSink {
  /** What of the filter the server honours; undefined while it cannot be reached. Again, whenever that changes. */
  onHonoured(honoured: ListenFilter | undefined): void
  onChange(change: RpcNotification): void
}

export interface EarSurroundings {
  readonly clock: Clock
  /** 0 to 1, for jitter. */
  readonly random: () => number
}

const FIRST_RETRY_MS = 500
const MAX_RETRY_MS = 60_000
const MAX_DOUBLINGS = 7
const METHOD_NOT_FOUND = -32_601

export class ServerEar implements ViewCall {
  readonly #view: ServerView
  readonly #request: ListenRequest
  readonly #sink: EarSink
  readonly #around: EarSurroundings
  #call: ViewCall | undefined
  #retry: Timer | undefined
  #losses = 0
  #isCancelled = false

  constructor(view: ServerView, request: ListenRequest, sink: EarSink, around: EarSurroundings) {
    this.#view = view
    this.#request = request
    this.#sink = sink
    this.#around = around
    this.#open()
  }

  cancel(): void {
    this.#isCancelled = true
    this.#retry?.cancel()
    this.#call?.cancel()
  }

  #open(): void {
    this.#call = this.#view.listen(this.#request, {
      onAcknowledged: (honoured) => this.#onAcknowledged(honoured),
      onNotification: (change) => this.#sink.onChange(change),
      onEnd: () => this.#onLost(undefined),
      onFailure: (error) => this.#onLost(error),
    })
  }

  #onAcknowledged(asHonoured: ListenFilter): void {
    const honoured = intersectionOf(this.#request.filter, asHonoured)
    this.#sink.onHonoured(honoured)
    if (this.#losses === 0) return
    this.#losses = 0
    for (const change of changesOf(honoured)) {
      if (!this.#isCancelled) this.#sink.onChange(change)
    }
  }

  /** A server that ended it in good order is coming back too, as a rule. */
  #onLost(error: GatewayError | RpcError | undefined): void {
    const isForGood = isRefusalForGood(error)
    this.#sink.onHonoured(isForGood ? {} : undefined)
    if (this.#isCancelled || isForGood) return
    const { clock, random } = this.#around
    const steadyMs = FIRST_RETRY_MS * 2 ** Math.min(MAX_DOUBLINGS, this.#losses++)
    const waitMs = (Math.min(MAX_RETRY_MS, steadyMs) * (1 + random())) / 2
    this.#retry = clock.after(waitMs, () => this.#open())
  }
}

/** True for a server that has no subscriptions at all. */
function isRefusalForGood(error: GatewayError | RpcError | undefined): boolean {
  return error !== undefined && !(error instanceof GatewayError) && error.code === METHOD_NOT_FOUND
}
