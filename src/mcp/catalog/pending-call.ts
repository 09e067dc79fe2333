// Calls that the view answers itself, or of which it must first find out where they go.
import { GatewayError, toGatewayError } from '../../core/index.ts'
import type { RpcError, ViewCall, ViewSink } from '../view/server-view.ts'
import { fail } from './answers.ts'
import { AskInTurn, type TurnOptions } from './ask-in-turn.ts'
import type { MaybeLater } from './maybe-later.ts'

/** A call of which it is not known yet where it goes. Nothing is answered before it was returned, nor after `cancel`. */
export class PendingCall implements ViewCall {
  #inner: ViewCall | undefined
  #isCancelled = false

  get isCancelled(): boolean {
    return this.#isCancelled
  }

  /** Goes on in the next turn at the earliest. */
  soon(go: () => void): this {
    queueMicrotask(() => {
      if (!this.#isCancelled) go()
    })
    return this
  }

  /** Hands over to the call that it has become. */
  become(inner: ViewCall): void {
    this.#inner = inner
    if (this.#isCancelled) inner.cancel()
  }

  cancel(): void {
    if (this.#isCancelled) return
    this.#isCancelled = true
    this.#inner?.cancel()
  }
}

export function refuse(sink: ViewSink, error: GatewayError | RpcError): ViewCall {
  return new PendingCall().soon(() => fail(sink, error))
}

/** Goes on with what may have to be waited for. */
export function later<T>(
  value: MaybeLater<T>,
  sink: ViewSink,
  go: (value: T) => ViewCall,
): ViewCall {
  if (!(value instanceof Promise)) return go(value)
  const call = new PendingCall()
  const goOn = async (): Promise<void> => {
    const there = await value
    if (!call.isCancelled) call.become(go(there))
  }
  goOn().catch((thrown: unknown) => {
    if (!call.isCancelled) sink.onFailure(toGatewayError(thrown))
  })
  return call
}

export function askInTurn(options: TurnOptions, sink: ViewSink): ViewCall {
  const call = new PendingCall()
  return call.soon(() => call.become(new AskInTurn(options, sink).next()))
}

/** A server that could not be asked for its list may be the one that has it. */
export function cannotTell(what: string): GatewayError {
  return new GatewayError(
    'GW_UPSTREAM_UNREACHABLE',
    `no server is known to have the ${what}, and not all could be asked for their lists`,
  )
}
