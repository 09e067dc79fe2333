// A view with plugins: what they have hooks for goes by them, everything else to the view as it is. Where they could look at the
// results of tools there are no tasks, since a task gives its result later, in the answer to another request.
import { randomUUID } from 'node:crypto'
import type { HookChain, HookContext } from '../../plugins/index.ts'
import type {
  ListenRequest,
  ListenSink,
  ServerView,
  ViewCall,
  ViewRequest,
  ViewSink,
} from '../view/server-view.ts'
import { invalidParams, methodNotFound } from '../catalog/answers.ts'
import { refuse } from '../catalog/pending-call.ts'
import { isTaskMethod, withoutTask } from '../translate/tasks.ts'
import { HOOKED_METHODS } from './hooked-methods.ts'
import { PluggedCall } from './plugged-call.ts'
import { DiscoverSink, withoutTasks } from './without-tasks.ts'

/** What plugins are told of each call. */
export interface PluggedViewContext {
  /** Path of the route. */
  readonly route: string
  /** Names of the servers behind it. */
  readonly servers: string
}

export function createPluggedView(
  view: ServerView,
  chain: HookChain,
  context: PluggedViewContext,
): ServerView {
  return new PluggedView(view, chain, context)
}

/** Does not send calls in their clients' bytes (`callVerbatim`): plugins are to see them. */
class PluggedView implements ServerView {
  readonly name: string
  readonly #view: ServerView
  readonly #chain: HookChain
  readonly #context: PluggedViewContext
  readonly #hasTasks: boolean

  constructor(view: ServerView, chain: HookChain, context: PluggedViewContext) {
    this.name = view.name
    this.#view = view
    this.#chain = chain
    this.#context = context
    // Not by what is known now: a task may outlive that, and clients are told once whether there are any.
    this.#hasTasks = !chain.couldHave('tool_post_invoke')
  }

  call(request: ViewRequest, sink: ViewSink): ViewCall {
    if (this.#hasTasks) return this.#call(request, sink)
    const { method } = request
    if (isTaskMethod(method)) return refuse(sink, methodNotFound(method))
    const heard = method === 'server/discover' ? new DiscoverSink(sink) : sink
    return this.#call(taskless(request), heard)
  }

  listen(request: ListenRequest, sink: ListenSink): ViewCall {
    if (this.#hasTasks || request.filter.taskIds === undefined) {
      return this.#view.listen(request, sink)
    }
    const { taskIds: _, ...filter } = request.filter
    return this.#view.listen({ ...request, filter }, sink)
  }

  forgetCaller(callerKey: string): void {
    this.#view.forgetCaller?.(callerKey)
  }

  abandon(callerKey: string, requestState: string): void {
    this.#view.abandon?.(callerKey, requestState)
  }

  #call(request: ViewRequest, sink: ViewSink): ViewCall {
    const chain = this.#chain
    const method = HOOKED_METHODS.get(request.method)
    if (method === undefined || !(chain.has(method.pre) || chain.has(method.post))) {
      return this.#view.call(request, sink)
    }
    const fault = method.faultOf(request.params)
    if (fault !== undefined) return refuse(sink, invalidParams(fault))
    const hookContext = this.#newContext()
    const call = new PluggedCall(request, sink, { view: this.#view, chain, method, hookContext })
    call.begin()
    return call
  }

  #newContext(): HookContext {
    const { route, servers } = this.#context
    const about = {
      request_id: randomUUID(),
      user: null,
      tenant_id: null,
      server_id: servers,
      metadata: { route },
    }
    return { about, remembered: new Map() }
  }
}

/** As from a client that does not know tasks. */
function taskless(request: ViewRequest): ViewRequest {
  const { caller, method, params } = request
  const capabilities = withoutTasks(caller.capabilities)
  const plain = withoutTask(method, params)
  if (capabilities === caller.capabilities && plain === params) return request
  return { ...request, params: plain, caller: { ...caller, capabilities } }
}
