// Hooks in the life of a call, and the plugins that are asked at them.
export { type AskPlugin, ExternalPlugin, type Plugin } from './external.ts'
export {
  createHookChain,
  type HookChain,
  type HookContext,
  type HookObserver,
} from './hook-chain.ts'
export {
  DEFAULT_PLUGIN_PRIORITY,
  DEFAULT_PLUGIN_TIMEOUT_MS,
  HOOK_NAMES,
  type HookName,
  type PluginOptions,
} from './options.ts'
