// One subscription to a view, as a part of a session's: from the request to its end.
import type { GatewayError } from '../../../core/index.ts'
import type {
  ListenFilter,
  ListenSink,
  RpcError,
  RpcNotification,
  ServerView,
  ViewCall,
  ViewOrigin,
} from '../../view/server-view.ts'

export interface ListeningOwner {
  onAcknowledged(listening: Listening, honoured: ListenFilter): void
  onChange(change: RpcNotification): void
  /** It is over, though nobody cancelled it. Undefined: in good order. */
  onLost(listening: Listening, error: GatewayError | RpcError | undefined): void
}

export class Listening implements ListenSink {
  readonly filter: ListenFilter
  readonly #owner: ListeningOwner
  #call: ViewCall | undefined

  constructor(filter: ListenFilter, owner: ListeningOwner) {
    this.filter = filter
    this.#owner = owner
  }

  go(view: ServerView, origin: ViewOrigin): void {
    this.#call = view.listen({ ...origin, filter: this.filter }, this)
  }

  cancel(): void {
    this.#call?.cancel()
  }

  onAcknowledged(honoured: ListenFilter): void {
    this.#owner.onAcknowledged(this, honoured)
  }

  onNotification(change: RpcNotification): void {
    this.#owner.onChange(change)
  }

  onEnd(): void {
    this.#owner.onLost(this, undefined)
  }

  onFailure(error: GatewayError | RpcError): void {
    this.#owner.onLost(this, error)
  }
}
