// A server that does what the test says, at the level of messages; and the questions of a client of a merged view.
import { GatewayError, systemClock, type Clock } from '../../../src/core/index.ts'
import { silentLog } from '../../../src/observability/index.ts'
import {
  createMergedView,
  type CatalogMember,
  type CatalogObserver,
  type MergedView,
} from '../../../src/mcp/catalog/index.ts'
import {
  NO_TOOL_RULES,
  type CatalogOptions,
  type ToolRuleOptions,
} from '../../../src/mcp/catalog/options.ts'
import { Seal } from '../../../src/mcp/seal.ts'
import type {
  Caller,
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
import type { JsonObject } from '../../../src/wire/index.ts'
import { onTestFinished } from 'vitest'

export interface ScriptedCall {
  readonly request: ViewRequest
  readonly sink: ViewSink
  isCancelled: boolean
}

export interface ScriptedListen {
  readonly request: ListenRequest
  readonly sink: ListenSink
  isAcknowledged: boolean
  isCancelled: boolean
}

export interface Script {
  tools?: readonly unknown[]
  prompts?: readonly unknown[]
  resources?: readonly unknown[]
  templates?: readonly unknown[]
  capabilities?: JsonObject
  instructions?: string
  ttlMs?: number
  cacheScope?: 'public' | 'private'
  /** Items per page of the server's own lists; all in one when undefined. */
  perPage?: number
}

const LISTS: Readonly<Record<string, [keyof Script, string]>> = {
  'tools/list': ['tools', 'tools'],
  'prompts/list': ['prompts', 'prompts'],
  'resources/list': ['resources', 'resources'],
  'resources/templates/list': ['templates', 'resourceTemplates'],
}

/** Answers its lists by itself; everything else waits for the test. A list that the script lacks is no method of its. */
export class ScriptedView implements ServerView {
  readonly name: string
  script: Script
  /** All calls, lists included. */
  readonly calls: ScriptedCall[] = []
  readonly listens: ScriptedListen[] = []
  /** Keys of callers that are gone. */
  readonly forgotten: string[] = []
  /** Takes a call from the script: true when the test answers it itself. */
  intercept: (call: ScriptedCall) => boolean = () => false
  /** What of a filter is honoured; undefined: the subscription is not acknowledged by itself. */
  honour: ((filter: ListenFilter) => ListenFilter | undefined) | undefined = (filter) => filter

  constructor(name: string, script: Script = {}) {
    this.name = name
    this.script = script
  }

  call(request: ViewRequest, sink: ViewSink): ViewCall {
    const call: ScriptedCall = { request, sink, isCancelled: false }
    this.calls.push(call)
    queueMicrotask(() => {
      if (!call.isCancelled && !this.intercept(call)) this.#answer(call)
    })
    return { cancel: () => void (call.isCancelled = true) }
  }

  listen(request: ListenRequest, sink: ListenSink): ViewCall {
    const listen: ScriptedListen = { request, sink, isAcknowledged: false, isCancelled: false }
    this.listens.push(listen)
    queueMicrotask(() => {
      const honoured = this.honour?.(request.filter)
      if (honoured !== undefined) this.acknowledge(listen, honoured)
    })
    return { cancel: () => void (listen.isCancelled = true) }
  }

  forgetCaller(callerKey: string): void {
    this.forgotten.push(callerKey)
  }

  /** Calls of one method so far. */
  asked(method: string): ScriptedCall[] {
    return this.calls.filter((it) => it.request.method === method)
  }

  get openListens(): ScriptedListen[] {
    return this.listens.filter((it) => !it.isCancelled)
  }

  acknowledge(listen: ScriptedListen, honoured: ListenFilter): void {
    if (listen.isCancelled) return
    listen.isAcknowledged = true
    listen.sink.onAcknowledged(honoured)
  }

  /** Tells all acknowledged subscriptions of a change. */
  change(method: string, params?: JsonObject): void {
    const listens = this.openListens.filter((it) => it.isAcknowledged)
    for (const { sink } of listens) sink.onNotification({ method, ...(params && { params }) })
  }

  #answer({ request, sink }: ScriptedCall): void {
    const { ttlMs = 60_000, cacheScope = 'private', capabilities, instructions } = this.script
    const { method, params } = request
    if (method === 'server/discover') {
      const about = { capabilities: capabilities ?? {}, supportedVersions: ['2026-07-28'] }
      const said = { ...about, ...(instructions !== undefined && { instructions }) }
      sink.onResult({ resultType: 'complete', ...said, ttlMs, cacheScope })
      return
    }
    const [member, name] = LISTS[method] ?? []
    if (member === undefined || name === undefined) return
    const all = this.script[member] as readonly unknown[] | undefined
    if (all === undefined) return sink.onError({ code: -32_601, message: 'Method not found' })
    const { perPage = all.length || 1 } = this.script
    const from = Number(params['cursor'] ?? 0)
    const rest = from + perPage < all.length ? { nextCursor: String(from + perPage) } : {}
    const page = all.slice(from, from + perPage)
    sink.onResult({ resultType: 'complete', [name]: page, ...rest, ttlMs, cacheScope })
  }
}

export const tool = (name: string, more: object = {}) => ({
  name,
  inputSchema: { type: 'object' },
  ...more,
})
export const prompt = (name: string) => ({ name })
export const resource = (uri: string) => ({ uri, name: uri })
export const template = (uriTemplate: string) => ({ uriTemplate, name: uriTemplate })

export const unreachable = (): GatewayError =>
  new GatewayError('GW_UPSTREAM_UNREACHABLE', 'nobody there')

export interface MergedOptions extends Partial<CatalogOptions> {
  clock?: Clock
  rules?: Readonly<Record<string, Partial<ToolRuleOptions>>>
  observer?: CatalogObserver
  name?: string
}

export const TEST_SEAL = new Seal(['a secret of the test, long enough for all'], 'catalog test')

export function merged(views: readonly ServerView[], options: MergedOptions = {}): MergedView {
  const { clock, rules, observer, name, ...catalog } = options
  const members: CatalogMember[] = views.map((view) => ({
    name: view.name,
    view,
    rules: { ...NO_TOOL_RULES, ...rules?.[view.name] },
  }))
  const view = createMergedView(members, {
    name: name ?? '/all',
    options: {
      names: 'prefix',
      pageSize: 100,
      timeoutMs: 5_000,
      pollIntervalMs: 300_000,
      ...catalog,
    },
    serverInfo: { name: 'sallyport', version: '0.0.0' },
    seal: TEST_SEAL,
    clock: clock ?? systemClock,
    log: silentLog,
    observer: observer ?? { onMissing: () => {}, onConflict: () => {} },
    random: () => 0.5,
  })
  view.start()
  onTestFinished(() => view.close())
  return view
}

export const caller = (key: string, capabilities: JsonObject = {}): Caller => ({
  key,
  clientInfo: undefined,
  capabilities,
})

const ANN = caller('ann')

export interface Answered {
  readonly result?: JsonObject
  readonly error?: RpcError
  readonly failure?: GatewayError
  readonly notifications: readonly RpcNotification[]
}

export interface Asked {
  readonly answer: Promise<Answered>
  readonly call: ViewCall
}

export function ask(
  view: ServerView,
  method: string,
  params: JsonObject = {},
  who: Caller = ANN,
): Asked {
  const { promise, resolve } = Promise.withResolvers<Answered>()
  const notifications: RpcNotification[] = []
  const call = view.call(
    { method, params, logLevel: undefined, caller: who, headers: [] },
    {
      onNotification: (notification) => void notifications.push(notification),
      onResult: (result) => resolve({ result, notifications }),
      onError: (error) => resolve({ error, notifications }),
      onFailure: (failure) => resolve({ failure, notifications }),
    },
  )
  return { answer: promise, call }
}

/** The names, or URIs, in a list. */
export async function listed(
  view: ServerView,
  method: string,
  params: JsonObject = {},
  who: Caller = ANN,
): Promise<string[]> {
  const { result, error, failure } = await ask(view, method, params, who).answer
  if (result === undefined) throw new Error(`no list: ${JSON.stringify(error ?? failure?.message)}`)
  return itemsOf(result).map((it) => (it['uriTemplate'] ?? it['uri'] ?? it['name']) as string)
}

export function itemsOf(result: JsonObject): JsonObject[] {
  const { tools, prompts, resources, resourceTemplates } = result
  return (tools ?? prompts ?? resources ?? resourceTemplates) as JsonObject[]
}

/** Lets everything happen that needs no time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve()
}

export interface Heard {
  readonly call: ViewCall
  readonly acknowledged: ListenFilter[]
  readonly changes: RpcNotification[]
  ends: number
  readonly failures: unknown[]
}

export function listen(view: ServerView, filter: ListenFilter, who: Caller = ANN): Heard {
  const heard = {
    acknowledged: [] as ListenFilter[],
    changes: [] as RpcNotification[],
    ends: 0,
    failures: [] as unknown[],
  }
  const call = view.listen(
    { filter, caller: who, headers: [] },
    {
      onAcknowledged: (honoured) => void heard.acknowledged.push(honoured),
      onNotification: (change) => void heard.changes.push(change),
      onEnd: () => void heard.ends++,
      onFailure: (error) => void heard.failures.push(error),
    },
  )
  return Object.assign(heard, { call })
}
