// A modern back over a real pool, and ways to ask it that keep all that a sink hears.
import { onTestFinished } from 'vitest'
import { systemClock, type Clock, type GatewayError } from '../../../../src/core/index.ts'
import { createModernBack } from '../../../../src/mcp/back/modern/modern-back.ts'
import type {
  ListenFilter,
  RpcError,
  RpcNotification,
  ServerView,
  ViewCall,
  ViewRequest,
} from '../../../../src/mcp/view/server-view.ts'
import { createMetrics, silentLog, type LogFields } from '../../../../src/observability/index.ts'
import { EndpointPool } from '../../../../src/routing/index.ts'
import {
  createStdioUpstream,
  createStreamableHttpUpstream,
  type StdioEndpointOptions,
} from '../../../../src/upstream/index.ts'
import type { JsonObject } from '../../../../src/wire/index.ts'
import { httpEndpoint } from '../../../support/gateway.ts'

export interface TestBack {
  readonly view: ServerView
  readonly pool: EndpointPool
  readonly warnings: string[]
  /** How often the back has raised a doubt about the era. */
  readonly doubts: () => number
}

export async function backOf(
  endpoints: readonly (string | StdioEndpointOptions)[],
  { clock = systemClock }: { readonly clock?: Clock } = {},
): Promise<TestBack> {
  const context = { server: 'weather', log: silentLog, metrics: createMetrics(), clock }
  const members = endpoints.map((given, at) => ({
    name: typeof given === 'string' ? given : `child ${at}`,
    upstream:
      typeof given === 'string'
        ? createStreamableHttpUpstream(httpEndpoint(given))
        : createStdioUpstream(given, {
            ...context,
            name: `child ${at}`,
            baseEnv: { PATH: process.env['PATH'] ?? '' },
          }),
  }))
  const pool = new EndpointPool(members, {
    ...context,
    healthCheck: { intervalMs: 30_000, timeoutMs: 1_000 },
  })
  await pool.start()
  onTestFinished(() => pool.stop(0))
  const warnings: string[] = []
  const log = { ...silentLog, warn: (_: LogFields, line: string) => void warnings.push(line) }
  let doubts = 0
  const onWrongEra = () => void doubts++
  const view = createModernBack(pool, { clock, log, onWrongEra, maxMessageBytes: 1_000_000 })
  return { view, pool, warnings, doubts: () => doubts }
}

export interface Heard {
  readonly notifications: RpcNotification[]
  readonly results: JsonObject[]
  readonly errors: RpcError[]
  readonly failures: GatewayError[]
}

export type Ask = Partial<Omit<ViewRequest, 'caller'>> & {
  readonly key?: string
  readonly capabilities?: JsonObject
}

/** Begins a call; `done` resolves with its end. */
export function begin(view: ServerView, method: string, params: JsonObject = {}, ask: Ask = {}) {
  const heard: Heard = { notifications: [], results: [], errors: [], failures: [] }
  const { promise, resolve } = Promise.withResolvers<Heard>()
  let hasReturned = false
  const check = (): void => {
    if (!hasReturned) throw new Error('the sink heard something before call has returned')
  }
  const call: ViewCall = view.call(
    {
      method,
      params,
      headers: ask.headers ?? [],
      logLevel: ask.logLevel,
      caller: {
        key: ask.key ?? 'someone',
        clientInfo: { name: 'client', version: '1' },
        capabilities: ask.capabilities ?? {},
      },
    },
    {
      onNotification: (it) => {
        check()
        heard.notifications.push(it)
      },
      onResult: (it) => {
        check()
        heard.results.push(it)
        resolve(heard)
      },
      onError: (it) => {
        check()
        heard.errors.push(it)
        resolve(heard)
      },
      onFailure: (it) => {
        check()
        heard.failures.push(it)
        resolve(heard)
      },
    },
  )
  hasReturned = true
  return { call, heard, done: promise }
}

export function ask(view: ServerView, method: string, params: JsonObject = {}, how: Ask = {}) {
  return begin(view, method, params, how).done
}

/** The result, or an error with all that was heard instead. */
export async function resultOf(
  view: ServerView,
  method: string,
  params: JsonObject = {},
  how: Ask = {},
): Promise<JsonObject> {
  const heard = await ask(view, method, params, how)
  const [result] = heard.results
  if (result === undefined) throw new Error(`no result: ${JSON.stringify(heard)}`)
  return result
}

/** The first text of a tool's result. */
export function textOf(result: JsonObject | undefined): string | undefined {
  return (result?.['content'] as { text?: string }[] | undefined)?.[0]?.text
}

export interface HeardChanges {
  readonly acknowledged: ListenFilter[]
  readonly changes: RpcNotification[]
  readonly failures: (GatewayError | RpcError)[]
  ends: number
}

export function listen(view: ServerView, filter: ListenFilter, key = 'someone') {
  const heard: HeardChanges = { acknowledged: [], changes: [], failures: [], ends: 0 }
  const call = view.listen(
    { filter, headers: [], caller: { key, clientInfo: undefined, capabilities: {} } },
    {
      onAcknowledged: (it) => heard.acknowledged.push(it),
      onNotification: (it) => heard.changes.push(it),
      onEnd: () => void heard.ends++,
      onFailure: (it) => heard.failures.push(it),
    },
  )
  return { call, heard }
}
