// A server view that says what the test wants, when it wants.
import { GatewayError } from '../../../src/core/index.ts'
import type {
  ListenFilter,
  ListenRequest,
  ListenSink,
  RpcError,
  RpcNotification,
  ServerView,
  ViewCall,
  ViewRequest,
  ViewSink,
} from '../../../src/mcp/view/server-view.ts'
import { META, type JsonObject } from '../../../src/wire/index.ts'

/** A call that the view has, to be answered through its sink. */
export interface ScriptedCall {
  readonly request: ViewRequest
  readonly sink: ViewSink
  cancelled: boolean
}

export interface ScriptedListen {
  readonly request: ListenRequest
  readonly sink: ListenSink
  cancelled: boolean
}

/** What to do with a call. An object is the result, what is thrown the error; undefined: the test answers by itself. */
export type Handler = (
  call: ScriptedCall,
) => JsonObject | undefined | Promise<JsonObject | undefined>

export const DISCOVERED = {
  supportedVersions: ['2026-07-28'],
  capabilities: {
    tools: { listChanged: true },
    prompts: {},
    resources: { subscribe: true, listChanged: true },
    logging: {},
    extensions: { 'io.modelcontextprotocol/tasks': {} },
  },
  instructions: 'be kind',
  ttlMs: 1_000,
  cacheScope: 'public',
  _meta: { [META.serverInfo]: { name: 'scripted', version: '1' } },
} as const

export class ScriptedView implements ServerView {
  readonly name = 'scripted'
  readonly calls: ScriptedCall[] = []
  readonly listens: ScriptedListen[] = []
  /** Keys of callers that are gone, with what was under way for them when that was said. */
  readonly forgotten: { readonly key: string; readonly underWay: number }[] = []
  readonly #answered = new Set<object>()
  readonly #handlers: Readonly<Record<string, Handler>>
  /** What of a filter is acknowledged; undefined: the test acknowledges by itself. */
  acknowledge: ((filter: ListenFilter) => ListenFilter) | undefined = (filter) => filter

  constructor(handlers: Readonly<Record<string, Handler>> = {}) {
    this.#handlers = { 'server/discover': () => DISCOVERED, ...handlers }
  }

  /** Calls of a method, oldest first. */
  of(method: string): readonly ScriptedCall[] {
    return this.calls.filter(({ request }) => request.method === method)
  }

  call(request: ViewRequest, sink: ViewSink): ViewCall {
    const call: ScriptedCall = { request, sink, cancelled: false }
    this.calls.push(call)
    void this.#answer(call)
    return { cancel: () => void (call.cancelled = true) }
  }

  listen(request: ListenRequest, sink: ListenSink): ViewCall {
    const listen: ScriptedListen = { request, sink, cancelled: false }
    this.listens.push(listen)
    const { acknowledge } = this
    if (acknowledge !== undefined) {
      queueMicrotask(() => {
        if (!listen.cancelled) sink.onAcknowledged(acknowledge(request.filter))
      })
    }
    return { cancel: () => void (listen.cancelled = true) }
  }

  forgetCaller(key: string): void {
    const open = [...this.calls, ...this.listens].filter(
      (it) => it.request.caller.key === key && !it.cancelled && !this.#answered.has(it),
    )
    this.forgotten.push({ key, underWay: open.length })
  }

  async #answer(call: ScriptedCall): Promise<void> {
    await Promise.resolve()
    const { request, sink } = call
    const handler = this.#handlers[request.method] ?? unknownMethod
    try {
      const result = await handler(call)
      if (result !== undefined && !call.cancelled) {
        this.#answered.add(call)
        sink.onResult({ resultType: 'complete', ...result })
      }
    } catch (thrown) {
      if (call.cancelled) return
      if (thrown instanceof GatewayError) sink.onFailure(thrown)
      else sink.onError(thrown as RpcError)
    }
  }
}

function unknownMethod({ request }: ScriptedCall): never {
  // oxlint-disable-next-line typescript/only-throw-error -- it is the answer, not a failure
  throw { code: -32_601, message: `no ${request.method}` }
}

export const progress = (progressToken: unknown, count: number): RpcNotification => ({
  method: 'notifications/progress',
  params: { progressToken, progress: count },
})

export const textResult = (text: string): JsonObject => ({ content: [{ type: 'text', text }] })
