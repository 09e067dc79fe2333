// One call that plugins look at: their hooks before it, the call itself, their hooks after it. Each step begins when the one
// before is over, and whichever is under way is cancelled with the call.
import { GatewayError, toGatewayError } from '../../core/index.ts'
import type { HookChain, HookContext, HookName } from '../../plugins/index.ts'
import type { JsonObject } from '../../wire/index.ts'
import type {
  RpcError,
  RpcNotification,
  ServerView,
  ViewCall,
  ViewRequest,
  ViewSink,
} from '../view/server-view.ts'
import type { HookedMethod } from './hooked-methods.ts'
import { keepForAll } from './shown-result.ts'

export interface PluggedCallContext {
  readonly view: ServerView
  readonly chain: HookChain
  readonly method: HookedMethod
  readonly hookContext: HookContext
}

export class PluggedCall implements ViewCall, ViewSink {
  readonly #context: PluggedCallContext
  readonly #sink: ViewSink
  /** As the server gets it. */
  #request: ViewRequest
  #inner: ViewCall | undefined
  #isOver = false
  /** Ends the hooks under way. */
  readonly #gone = new AbortController()

  constructor(request: ViewRequest, sink: ViewSink, context: PluggedCallContext) {
    this.#request = request
    this.#sink = sink
    this.#context = context
  }

  begin(): void {
    const { chain, method } = this.#context
    if (!chain.has(method.pre)) {
      this.#send()
      return
    }
    const { params } = this.#request
    void this.#hook(method.pre, method.payloadOf(params), (changed) => {
      if (changed !== undefined) {
        this.#request = { ...this.#request, params: method.withPayload(params, changed) }
      }
      this.#send()
    })
  }

  cancel(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#inner?.cancel()
    this.#gone.abort()
  }

  onNotification(notification: RpcNotification): void {
    this.#sink.onNotification(notification)
  }

  onResult(result: JsonObject): void {
    const { chain, method, view } = this.#context
    const { resultType } = result
    // What asks the client for input is no result yet.
    if (!chain.has(method.post) || resultType === 'input_required') {
      this.#end(() => this.#sink.onResult(result))
    } else if (resultType === 'complete') {
      this.#show(result)
    } else {
      const message = `the server "${view.name}" answered with a kind of result that plugins cannot look at`
      this.onFailure(new GatewayError('GW_UPSTREAM_PROTOCOL', message))
    }
  }

  onError(error: RpcError): void {
    this.#end(() => this.#sink.onError(error))
  }

  onFailure(error: GatewayError): void {
    this.#end(() => this.#sink.onFailure(error))
  }

  #send(): void {
    this.#inner = this.#context.view.call(this.#request, this)
  }

  #show(result: JsonObject): void {
    const { method } = this.#context
    this.#inner = undefined
    keepForAll(result)
    const payload = method.resultPayloadOf(this.#request.params, result)
    void this.#hook(method.post, payload, (changed) => {
      const shown = changed === undefined ? result : method.withResultPayload(result, changed)
      this.#end(() => this.#sink.onResult(shown))
    })
  }

  /** Goes on with the payload that plugins made of it, or with none when they left it as it was. */
  async #hook(
    hook: HookName,
    payload: JsonObject,
    go: (changed: JsonObject | undefined) => void,
  ): Promise<void> {
    const { chain, hookContext } = this.#context
    try {
      const after = await chain.run(hook, payload, hookContext, this.#gone.signal)
      if (!this.#isOver) go(after === payload ? undefined : after)
    } catch (thrown) {
      if (this.#gone.signal.aborted) return
      this.#isOver = true
      this.#sink.onFailure(toGatewayError(thrown))
    }
  }

  #end(tell: () => void): void {
    if (this.#isOver) return
    this.#isOver = true
    tell()
  }
}
