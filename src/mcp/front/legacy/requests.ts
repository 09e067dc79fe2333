// The requests under way in one legacy session: what the gateway answers itself, because the modern era has no such
// method, and what goes to the view. Where the answers go is the PostAnswer's business.
import { GatewayError, type Clock, type RawHeaders } from '../../../core/index.ts'
import type { JsonObject, RpcId } from '../../../wire/index.ts'
import { isLogLevel } from '../../translate/log-levels.ts'
import { isTaskMethod, refuseLegacyTask } from '../../translate/tasks.ts'
import type { Caller, RpcError, ServerView } from '../../view/server-view.ts'
import { LegacyCall, type LegacyCallContext } from './call.ts'
import { idKey, invalid, type LegacyRequest, paramsOf, unknownMethod } from './messages.ts'
import type { PostAnswer } from './post-answer.ts'
import { Questions } from './questions.ts'
import type { SessionSubscription } from './subscription.ts'
import { VerbatimFrontCall, type VerbatimPost } from './verbatim-request.ts'

/** Calls under way in one session. */
export const MAX_SESSION_CALLS = 256

export interface RequestsContext {
  readonly clock: Clock
  readonly caller: Caller
  readonly answerTimeoutMs: number
  readonly subscription: SessionSubscription
  /** What the client hears before it sets a level. */
  readonly logLevel: string | undefined
  /** A request is over. */
  readonly onOver: () => void
}

/** Where the requests of a POST go. */
export interface RequestTarget {
  readonly view: ServerView
  readonly headers: RawHeaders
  readonly post: PostAnswer
}

interface OpenRequest {
  readonly post: PostAnswer
  cancel(reason: string): void
  end(error: GatewayError): void
}

export class Requests {
  readonly #context: RequestsContext
  readonly #questions = new Questions()
  readonly #open = new Map<string, OpenRequest>()
  #logLevel: string | undefined

  constructor(context: RequestsContext) {
    this.#context = context
    this.#logLevel = context.logLevel
  }

  get size(): number {
    return this.#open.size
  }

  /** Least severe log message that the client wants to hear. */
  get logLevel(): string | undefined {
    return this.#logLevel
  }

  /**
   * An id in use could not be told apart: neither its response nor its cancellation.
   * @throws GatewayError GW_INVALID_MESSAGE, GW_TOO_MANY_CALLS
   */
  check(requests: readonly Pick<LegacyRequest, 'id'>[]): void {
    const keys = new Set<string>()
    for (const { id } of requests) {
      const key = idKey(id)
      if (this.#open.has(key) || keys.has(key)) {
        const message = 'id: expected one that no other request of the session has in use'
        throw new GatewayError('GW_INVALID_MESSAGE', message, { rpcId: id })
      }
      keys.add(key)
    }
    if (keys.size > 0 && this.#open.size + keys.size > MAX_SESSION_CALLS) {
      const message = `expected at most ${MAX_SESSION_CALLS} calls under way in one session`
      throw new GatewayError('GW_TOO_MANY_CALLS', message, { retryAfterSeconds: 1 })
    }
  }

  /** A response or a notification of the client. */
  take(message: JsonObject): void {
    if (typeof message['method'] !== 'string') this.#questions.settle(message)
    else if (message['method'] === 'notifications/cancelled') {
      const key = idKey(paramsOf(message)['requestId'])
      this.#open.get(key)?.cancel('the client cancelled the request')
    }
    // All others are about the session, which the modern era does not have: initialized, and roots that have changed.
  }

  run(target: RequestTarget, request: LegacyRequest): void {
    const { post } = target
    const { id, method } = request
    switch (method) {
      case 'ping':
        succeed(post, id)
        break
      case 'logging/setLevel':
        this.#setLevel(post, request)
        break
      case 'resources/subscribe':
        this.#subscribe(post, request)
        break
      case 'resources/unsubscribe':
        this.#unsubscribe(post, request)
        break
      case 'server/discover':
      case 'subscriptions/listen':
        fail(post, id, unknownMethod(method))
        break
      default:
        if (isTaskMethod(method)) fail(post, id, refuseLegacyTask(method))
        else this.#call(target, request)
    }
  }

  /** Sends a call in its client's bytes. False: it cannot go so, and nothing was done. */
  runVerbatim(target: RequestTarget, verbatim: VerbatimPost): boolean {
    const { key } = verbatim
    const call = new VerbatimFrontCall(verbatim, this.#contextOf(key, target))
    if (!call.go()) return false
    this.#open.set(key, call)
    return true
  }

  /** Drops the requests of a POST that nobody came back for. */
  abandon(post: PostAnswer): void {
    for (const request of this.#open.values()) {
      if (request.post === post) request.cancel('the client did not come back')
    }
  }

  close(error: GatewayError): void {
    for (const request of this.#open.values()) request.end(error)
  }

  #call(target: RequestTarget, request: LegacyRequest): void {
    const key = idKey(request.id)
    const call = new LegacyCall(request, this.#contextOf(key, target))
    this.#open.set(key, call)
    call.go()
  }

  #contextOf(key: string, { view, headers, post }: RequestTarget): LegacyCallContext {
    const { clock, caller, answerTimeoutMs } = this.#context
    return {
      view,
      caller,
      headers,
      logLevel: this.#logLevel,
      clock,
      answerTimeoutMs,
      questions: this.#questions,
      post,
      onOver: () => this.#forget(key),
    }
  }

  #setLevel(post: PostAnswer, { id, params }: LegacyRequest): void {
    const { level } = params
    if (!isLogLevel(level)) {
      fail(post, id, invalid('params.level: expected one of the levels of MCP'))
      return
    }
    this.#logLevel = level
    succeed(post, id)
  }

  #subscribe(post: PostAnswer, { id, params }: LegacyRequest): void {
    const { uri } = params
    if (typeof uri !== 'string') {
      fail(post, id, NOT_A_URI)
      return
    }
    const key = idKey(id)
    const request: OpenRequest = {
      post,
      cancel: () => {
        this.#forget(key)
        post.drop()
      },
      end: (error) => {
        this.#forget(key)
        post.fail(id, error)
      },
    }
    this.#open.set(key, request)
    // Answered when it is in force: what changes after the answer is heard of.
    this.#context.subscription.subscribe(uri, (error) => {
      if (this.#open.get(key) !== request) return
      this.#forget(key)
      if (error === undefined) succeed(post, id)
      else if (error instanceof GatewayError) post.fail(id, error)
      else fail(post, id, error)
    })
  }

  #unsubscribe(post: PostAnswer, { id, params }: LegacyRequest): void {
    const { uri } = params
    if (typeof uri !== 'string') {
      fail(post, id, NOT_A_URI)
      return
    }
    this.#context.subscription.unsubscribe(uri)
    succeed(post, id)
  }

  #forget(key: string): void {
    this.#open.delete(key)
    this.#context.onOver()
  }
}

const NOT_A_URI = invalid('params.uri: expected the URI of a resource')

function succeed(post: PostAnswer, id: RpcId): void {
  post.respond(id, JSON.stringify({ jsonrpc: '2.0', id, result: {} }))
}

function fail(post: PostAnswer, id: RpcId, error: RpcError): void {
  post.respond(id, JSON.stringify({ jsonrpc: '2.0', id, error }))
}
