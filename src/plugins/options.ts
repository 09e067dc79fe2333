// Options of a plugin: a process of its own that inspects or changes calls on their way, reached over MCP.
import type { HttpEndpointOptions } from '../upstream/index.ts'

/** Where in the life of a call a plugin may be asked, by the names that plugin servers know. */
export const HOOK_NAMES = [
  'prompt_pre_fetch',
  'prompt_post_fetch',
  'tool_pre_invoke',
  'tool_post_invoke',
  'resource_pre_fetch',
  'resource_post_fetch',
] as const

export type HookName = (typeof HOOK_NAMES)[number]

export const PLUGIN_MODES = ['enforce', 'enforce_ignore_error', 'permissive', 'disabled'] as const

/**
 * What a plugin's word counts. `enforce`: a violation refuses the call with GW_PLUGIN_DENIED, a failure of the plugin with
 * GW_PLUGIN_FAILED. `enforce_ignore_error`: a failure lets the call pass as it is. `permissive`: nothing is refused and nothing
 * is changed. `disabled`: it is not asked.
 */
export type PluginMode = (typeof PLUGIN_MODES)[number]

export interface PluginOptions {
  /** Its name in the config, by which the plugin server is asked for it as well; unique. */
  readonly name: string
  /** Where it is asked; at least one. Undefined: where it says itself, which it is asked first. */
  readonly hooks: readonly HookName[] | undefined
  /** Default enforce. */
  readonly mode: PluginMode
  /** Lower ones are asked first; those of the same priority in the order of the config. Default DEFAULT_PLUGIN_PRIORITY. */
  readonly priority: number
  /** Time for the answer to one question, in milliseconds; longer is a failure. Default DEFAULT_PLUGIN_TIMEOUT_MS. */
  readonly timeoutMs: number
  readonly endpoint: HttpEndpointOptions
}

export const DEFAULT_PLUGIN_PRIORITY = 100
export const DEFAULT_PLUGIN_TIMEOUT_MS = 10_000
