// Chains of plugins that are functions, and all that they and their observer were told.
import { type Clock, GatewayError, systemClock } from '../../src/core/index.ts'
import { silentLog, type LogFields } from '../../src/observability/index.ts'
import {
  createHookChain,
  ExternalPlugin,
  DEFAULT_PLUGIN_PRIORITY,
  DEFAULT_PLUGIN_TIMEOUT_MS,
  HOOK_NAMES,
  type AskPlugin,
  type HookContext,
  type HookName,
  type Plugin,
  type PluginOptions,
} from '../../src/plugins/index.ts'
import type { JsonObject } from '../../src/wire/index.ts'
import { httpEndpoint } from '../support/gateway.ts'

/** What a plugin was asked. */
export interface Asked {
  readonly tool: string
  readonly hook: HookName
  readonly payload: JsonObject
  readonly context: JsonObject
  readonly signal: AbortSignal
}

/** What a plugin answers: the outcome of the hook, or a rejection. */
export type Answer = (asked: Asked) => JsonObject | Promise<JsonObject>

export const PASS: Answer = () => ({ continue_processing: true })

export const deny =
  (violation: JsonObject): Answer =>
  () => ({ continue_processing: false, violation })

/** Makes another payload of each. */
export const change =
  (make: (payload: JsonObject) => JsonObject): Answer =>
  ({ payload }) => ({ modified_payload: make(payload) })

export function optionsOf(name: string, options: Partial<PluginOptions> = {}): PluginOptions {
  return {
    name,
    hooks: HOOK_NAMES,
    mode: 'enforce',
    priority: DEFAULT_PLUGIN_PRIORITY,
    timeoutMs: DEFAULT_PLUGIN_TIMEOUT_MS,
    endpoint: httpEndpoint('http://127.0.0.1:9/mcp'),
    ...options,
  }
}

/**
 * A plugin whose server has `invoke_hook` and wraps what `answer` says as it should be. It says `named` of its hooks, when they
 * are not written.
 */
export function plugin(
  name: string,
  answer: Answer,
  options: Partial<PluginOptions> = {},
  named: readonly HookName[] = [],
) {
  const asked: Asked[] = []
  const ask: AskPlugin = async (tool, args, signal) => {
    if (tool === 'get_plugin_config') return toolResult({ name, hooks: named })
    const { hook_type: hook, payload, context } = args
    const one = { tool, hook, payload, context, signal } as Asked
    asked.push(one)
    return toolResult({ plugin_name: name, result: await answer(one) })
  }
  return { options: optionsOf(name, options), ask, asked }
}

/** A CallToolResult whose first text is the object. */
export function toolResult(answer: JsonObject): JsonObject {
  return { resultType: 'complete', content: [{ type: 'text', text: JSON.stringify(answer) }] }
}

export function chainOf(plugins: readonly Plugin[], clock: Clock = systemClock) {
  /** `plugin hook outcome` */
  const outcomes: string[] = []
  const durationsMs: number[] = []
  const warnings: { readonly line: string; readonly error: GatewayError }[] = []
  const warn = ({ error }: LogFields, line: string): void => {
    warnings.push({ line, error: error as GatewayError })
  }
  const log = { ...silentLog, warn }
  const externals = plugins.map((plugin) => new ExternalPlugin(plugin, { clock, log }))
  const chain = createHookChain(externals, {
    clock,
    log,
    observer: {
      onHook: (name, hook, outcome, durationMs) => {
        outcomes.push(`${name} ${hook} ${outcome}`)
        durationsMs.push(durationMs)
      },
    },
  })
  return { chain, outcomes, durationsMs, warnings }
}

export function newContext(): HookContext {
  return { about: { request_id: 'r-1', server_id: 'weather' }, remembered: new Map() }
}

/** The error that a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<GatewayError> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(thrown instanceof GatewayError)) throw new Error(`no GatewayError: ${String(thrown)}`)
  return thrown
}

/** Messages of an error and of what caused it, outermost first. */
export function causesOf(error: unknown): string[] {
  return error instanceof Error ? [error.message, ...causesOf(error.cause)] : []
}
