// Many subscriptions at a server through few streams: listeners that may share what is private to one hear the same
// stream. Behind several endpoints a stream is at one of them and hears of that one's changes alone, unless the server
// shares them among its replicas; so would each listener's own stream.
import { GatewayError, type Clock } from '../../core/index.ts'
import type {
  ListenRequest,
  ListenSink,
  ServerView,
  ViewCall,
  ViewRequest,
  ViewSink,
} from '../view/server-view.ts'
import { textOfCaller } from '../view/caller-text.ts'
import { namedIn, SharedListen } from './shared-listen.ts'

/** URIs and tasks that the listeners of one caller may name together: each is kept, and sent with every new stream. */
const MAX_NAMED = 10_000

/** The same server, with its streams shared. */
export class ListenHub implements ServerView {
  readonly #view: ServerView
  readonly #clock: Clock
  readonly #random: () => number
  readonly #shared = new Map<string, SharedListen>()

  /** `random` returns numbers from 0 to 1, as Math.random does. */
  constructor(view: ServerView, clock: Clock, random: () => number = Math.random) {
    this.#view = view
    this.#clock = clock
    this.#random = random
  }

  get name(): string {
    return this.#view.name
  }

  /** Callers that have a stream now. */
  get size(): number {
    return this.#shared.size
  }

  call(request: ViewRequest, sink: ViewSink): ViewCall {
    return this.#view.call(request, sink)
  }

  listen(request: ListenRequest, sink: ListenSink): ViewCall {
    // A legacy server may make its changes depend on all that was said when the session began.
    const key = textOfCaller(request.caller)
    const shared = this.#shared.get(key)
    const namedCount = (shared?.namedCount ?? 0) + namedIn(request.filter)
    if (namedCount > MAX_NAMED) return refused(sink)
    return (shared ?? this.#begin(key)).add(request, sink)
  }

  /** The caller's listeners have left, and its streams have ended with the last of them. */
  forgetCaller(callerKey: string): void {
    this.#view.forgetCaller?.(callerKey)
  }

  abandon(callerKey: string, requestState: string): void {
    this.#view.abandon?.(callerKey, requestState)
  }

  /** Ends all streams; every listener hears the end. */
  stop(): void {
    for (const shared of this.#shared.values()) shared.stop()
  }

  #begin(key: string): SharedListen {
    const onEmpty = (): void => void this.#shared.delete(key)
    const [view, clock, random] = [this.#view, this.#clock, this.#random]
    const shared = new SharedListen({ view, clock, random, onEmpty })
    this.#shared.set(key, shared)
    return shared
  }
}

function refused(sink: ListenSink): ViewCall {
  let isCancelled = false
  queueMicrotask(() => {
    if (isCancelled) return
    const message = `the caller listens to more than ${MAX_NAMED} resources and tasks`
    sink.onFailure(new GatewayError('GW_TOO_MANY_SUBSCRIPTIONS', message))
  })
  return {
    cancel: () => {
      isCancelled = true
    },
  }
}
