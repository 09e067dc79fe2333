// The calls under way in one legacy session, found by request id, by progress token and by who still reads.
import type { Timer } from '../../core/index.ts'
import type { JsonObject, RpcId } from '../../wire/index.ts'
import { idKey, idKeyOf, metaOf, paramsOf } from './server-message.ts'
import type { SessionStream } from './session-stream.ts'

export interface SessionCall {
  /** Where its answer goes. A client that leaves ends no call (MCP 2025-11-25 transports §Sending messages). */
  readonly stream: SessionStream
  /** Requests without an answer yet; several only in a batch. */
  readonly open: Map<string, RpcId>
  readonly tokens: readonly string[]
  /** True for the `initialize` that begins the session. */
  readonly isInitialize: boolean
  /** Requests of the server on this call's stream that the client has not answered. */
  questions: number
  timer: Timer | undefined
}

/** A call for the requests of one POST, on a stream for their answers. */
export function sessionCall(
  requests: readonly JsonObject[],
  stream: SessionStream,
  isInitialize: boolean,
): SessionCall {
  return {
    stream,
    open: new Map(stream.requests.map((id) => [idKey(id), id])),
    tokens: requests
      .map((request) => idKeyOf(metaOf(paramsOf(request))['progressToken']))
      .filter((token) => token !== undefined),
    isInitialize,
    questions: 0,
    timer: undefined,
  }
}

export class SessionCalls {
  readonly #all = new Set<SessionCall>()
  readonly #byId = new Map<string, SessionCall>()
  readonly #byToken = new Map<string, SessionCall>()

  get size(): number {
    return this.#all.size
  }

  /** True when one of the call's ids is in use: an answer could not be told apart. */
  collides(call: SessionCall): boolean {
    return [...call.open.keys()].some((key) => this.#byId.has(key))
  }

  enter(call: SessionCall): void {
    this.#all.add(call)
    for (const key of call.open.keys()) this.#byId.set(key, call)
    for (const token of call.tokens) this.#byToken.set(token, call)
  }

  byId(key: string | undefined): SessionCall | undefined {
    return key === undefined ? undefined : this.#byId.get(key)
  }

  byToken(key: string | undefined): SessionCall | undefined {
    return key === undefined ? undefined : this.#byToken.get(key)
  }

  /** Takes one request off its call; true when it was the last one, and the call is over. */
  settle(call: SessionCall, key: string): boolean {
    call.open.delete(key)
    this.#byId.delete(key)
    if (call.open.size > 0) return false
    this.leave(call)
    return true
  }

  leave(call: SessionCall): void {
    call.timer?.cancel()
    this.#all.delete(call)
    for (const key of call.open.keys()) this.#byId.delete(key)
    call.open.clear()
    for (const token of call.tokens) {
      if (this.#byToken.get(token) === call) this.#byToken.delete(token)
    }
  }

  /** Calls whose client reads, oldest first. */
  read(): readonly SessionCall[] {
    return [...this.#all].filter(({ stream }) => stream.isRead)
  }

  /** Calls whose client may come back, oldest first. */
  resumable(): readonly SessionCall[] {
    return [...this.#all].filter(({ stream }) => stream.isResumable)
  }

  all(): readonly SessionCall[] {
    return [...this.#all]
  }
}
