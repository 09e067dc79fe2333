// The calls under way in one legacy session, found by request id, by progress token and by who still reads.
import type { Timer } from '../../core/index.ts'
import type { JsonObject, RpcId } from '../../wire/index.ts'
import type { AnswerStream } from './answer-stream.ts'
import { idKey, idKeyOf, metaOf, paramsOf } from './child-message.ts'

export interface LegacyCall {
  /** Undefined once the client left: the call runs on, its answer has nowhere to go. */
  answer: AnswerStream | undefined
  /** Requests without an answer yet; several only in a batch. */
  readonly open: Map<string, RpcId>
  readonly tokens: readonly string[]
  /** True for the `initialize` that begins the session. */
  readonly isInitialize: boolean
  /** Requests of the server on this call's stream that the client has not answered. */
  questions: number
  timer: Timer | undefined
}

/** A call for the requests of one POST. */
export function legacyCall(
  requests: readonly JsonObject[],
  answer: AnswerStream,
  isInitialize: boolean,
): LegacyCall {
  const ids = requests.map((request) => request['id'] as RpcId)
  return {
    answer,
    open: new Map(ids.map((id) => [idKey(id), id])),
    tokens: requests
      .map((request) => idKeyOf(metaOf(paramsOf(request))['progressToken']))
      .filter((token) => token !== undefined),
    isInitialize,
    questions: 0,
    timer: undefined,
  }
}

export class LegacyCalls {
  readonly #all = new Set<LegacyCall>()
  readonly #byId = new Map<string, LegacyCall>()
  readonly #byToken = new Map<string, LegacyCall>()

  get size(): number {
    return this.#all.size
  }

  /** True when one of the call's ids is in use: an answer could not be told apart. */
  collides(call: LegacyCall): boolean {
    return [...call.open.keys()].some((key) => this.#byId.has(key))
  }

  enter(call: LegacyCall): void {
    this.#all.add(call)
    for (const key of call.open.keys()) this.#byId.set(key, call)
    for (const token of call.tokens) this.#byToken.set(token, call)
  }

  byId(key: string | undefined): LegacyCall | undefined {
    return key === undefined ? undefined : this.#byId.get(key)
  }

  byToken(key: string | undefined): LegacyCall | undefined {
    return key === undefined ? undefined : this.#byToken.get(key)
  }

  /** Takes one request off its call; true when it was the last one, and the call is over. */
  settle(call: LegacyCall, key: string): boolean {
    call.open.delete(key)
    this.#byId.delete(key)
    if (call.open.size > 0) return false
    this.leave(call)
    return true
  }

  leave(call: LegacyCall): void {
    call.timer?.cancel()
    this.#all.delete(call)
    for (const key of call.open.keys()) this.#byId.delete(key)
    call.open.clear()
    for (const token of call.tokens) {
      if (this.#byToken.get(token) === call) this.#byToken.delete(token)
    }
  }

  /** Calls whose client reads, oldest first. */
  read(): readonly LegacyCall[] {
    return [...this.#all].filter(({ answer }) => answer?.isOver === false)
  }

  all(): readonly LegacyCall[] {
    return [...this.#all]
  }
}
