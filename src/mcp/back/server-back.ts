// One server behind a pool as a view, whatever era it speaks: finds that out with the first call that needs to know, and
// hands every call to the back of that era. Tasks of the modern era end here at a legacy server.
import type { ErrorCode, GatewayError, RawHeaders } from '../../core/index.ts'
import type { JsonObject } from '../../wire/index.ts'
import type {
  ListenRequest,
  ListenSink,
  RpcError,
  RpcNotification,
  ServerView,
  ViewCall,
  ViewOrigin,
  ViewRequest,
  ViewSink,
} from '../view/server-view.ts'
import { isTaskMethod, refuseModernTask, withoutTask } from '../translate/tasks.ts'
import type { VerbatimCall, VerbatimRequest, VerbatimSink } from '../view/verbatim.ts'
import type { ServerEras } from './eras.ts'

export interface ServerBackContext {
  readonly eras: ServerEras
  readonly modern: ServerView
  readonly legacy: ServerView
}

export class ServerBack implements ServerView {
  readonly name: string
  readonly eras: ServerEras
  readonly #modern: ServerView
  readonly #legacy: ServerView

  constructor(name: string, { eras, modern, legacy }: ServerBackContext) {
    this.name = name
    this.eras = eras
    this.#modern = modern
    this.#legacy = legacy
  }

  call(request: ViewRequest, sink: ViewSink): ViewCall {
    return new TwiceTried(sink, (heard) => this.#call(request, heard))
  }

  callVerbatim(request: VerbatimRequest, sink: VerbatimSink): VerbatimCall | undefined {
    if (this.eras.speaks('modern') !== false) return undefined
    const verbatim = this.#legacy.callVerbatim?.(request, sink)
    return verbatim && new AgainTriedVerbatim(verbatim, (usual, heard) => this.#call(usual, heard))
  }

  #call(request: ViewRequest, sink: ViewSink): ViewCall {
    return this.#withBack(request, (back) =>
      back === this.#legacy ? this.#callLegacy(request, sink) : back.call(request, sink),
    )
  }

  listen(request: ListenRequest, sink: ListenSink): ViewCall {
    return this.#withBack(request, (back) => back.listen(request, sink))
  }

  /** Both: the server may have changed its era since. */
  forgetCaller(callerKey: string): void {
    this.#modern.forgetCaller?.(callerKey)
    this.#legacy.forgetCaller?.(callerKey)
  }

  abandon(callerKey: string, requestState: string): void {
    this.#legacy.abandon?.(callerKey, requestState)
  }

  #callLegacy(request: ViewRequest, sink: ViewSink): ViewCall {
    const { method, params } = request
    if (!isTaskMethod(method)) {
      const plain = withoutTask(method, params)
      return this.#legacy.call(plain === params ? request : { ...request, params: plain }, sink)
    }
    const call = new AwaitedCall()
    queueMicrotask(() => call.begin(() => refused(sink, refuseModernTask(method, this.name))))
    return call
  }

  #withBack({ headers }: ViewOrigin, go: (back: ServerView) => ViewCall): ViewCall {
    const known = this.eras.speaks('modern')
    if (known !== undefined) return go(known ? this.#modern : this.#legacy)
    const call = new AwaitedCall()
    void this.#beginKnowing(call, headers, go)
    return call
  }

  async #beginKnowing(
    call: AwaitedCall,
    headers: RawHeaders,
    go: (back: ServerView) => ViewCall,
  ): Promise<void> {
    const speaks = await this.eras.speaksModern(headers)
    // When it could not be found out, the call itself shows why.
    call.begin(() => go(speaks === false ? this.#legacy : this.#modern))
  }
}

/** Refusals of a server that turns out to be of the other era: it has not looked at the request. */
const OF_OTHER_ERA: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'GW_UNSUPPORTED_VERSION',
  'GW_WRONG_ERA',
])

/** A call that is begun once more when the server was taken for one of the wrong era. */
class TwiceTried implements ViewCall, ViewSink {
  readonly #sink: ViewSink
  readonly #begin: (sink: ViewSink) => ViewCall
  #call: ViewCall
  #isSecond = false

  constructor(sink: ViewSink, begin: (sink: ViewSink) => ViewCall) {
    this.#sink = sink
    this.#begin = begin
    this.#call = begin(this)
  }

  cancel(): void {
    this.#call.cancel()
  }

  onNotification(notification: RpcNotification): void {
    this.#sink.onNotification(notification)
  }

  onResult(result: JsonObject): void {
    this.#sink.onResult(result)
  }

  onError(error: RpcError): void {
    this.#sink.onError(error)
  }

  onFailure(error: GatewayError): void {
    if (this.#isSecond || !OF_OTHER_ERA.has(error.code)) {
      this.#sink.onFailure(error)
      return
    }
    this.#isSecond = true
    this.#call = this.#begin(this)
  }
}

/** The same for a call in its client's bytes, once it goes on as one like any other. */
class AgainTriedVerbatim implements VerbatimCall {
  readonly #verbatim: VerbatimCall
  readonly #begin: (request: ViewRequest, sink: ViewSink) => ViewCall

  constructor(verbatim: VerbatimCall, begin: (request: ViewRequest, sink: ViewSink) => ViewCall) {
    this.#verbatim = verbatim
    this.#begin = begin
  }

  cancel(): void {
    this.#verbatim.cancel()
  }

  goOn(request: ViewRequest, sink: ViewSink): ViewCall {
    let isFirst = true
    return new TwiceTried(sink, (heard) => {
      if (!isFirst) return this.#begin(request, heard)
      isFirst = false
      return this.#verbatim.goOn(request, heard)
    })
  }
}

function refused(sink: ViewSink, error: RpcError): ViewCall {
  sink.onError(error)
  return { cancel: () => undefined }
}

/** A call that cannot begin yet. */
class AwaitedCall implements ViewCall {
  #call: ViewCall | undefined
  #isCancelled = false

  begin(go: () => ViewCall): void {
    if (!this.#isCancelled) this.#call = go()
  }

  cancel(): void {
    this.#isCancelled = true
    this.#call?.cancel()
  }
}
