// A read that no list tells where to send: servers are asked one after the other until one knows. For reads only.
import { GatewayError } from '../../core/index.ts'
import type { RpcError, ViewCall, ViewSink } from '../view/server-view.ts'
import { fail } from './answers.ts'

/** What servers say of a resource that they do not have; the second is of the legacy era. */
const NOT_FOUND_CODES: ReadonlySet<number> = new Set([-32_602, -32_002, -32_601])

export interface TurnOptions {
  readonly servers: readonly number[]
  readonly ask: (server: number, sink: ViewSink) => ViewCall
  /** The answer when no server knows it. */
  readonly unknown: RpcError
}

export class AskInTurn implements ViewCall {
  readonly #options: TurnOptions
  readonly #sink: ViewSink
  #place = 0
  #call: ViewCall | undefined
  /** A server that could not be asked may have been the one. */
  #failure: GatewayError | undefined

  constructor(options: TurnOptions, sink: ViewSink) {
    this.#options = options
    this.#sink = sink
  }

  next(): this {
    const { servers, ask, unknown } = this.#options
    const server = servers[this.#place++]
    if (server === undefined) {
      fail(this.#sink, this.#failure ?? unknown)
      return this
    }
    const sink = this.#sink
    this.#call = ask(server, {
      onNotification: (notification) => sink.onNotification(notification),
      onResult: (result) => sink.onResult(result),
      onError: (error) => {
        if (NOT_FOUND_CODES.has(error.code)) this.next()
        else sink.onError(error)
      },
      onFailure: (error) => {
        this.#failure ??= error
        this.next()
      },
    })
    return this
  }

  cancel(): void {
    this.#call?.cancel()
  }
}
