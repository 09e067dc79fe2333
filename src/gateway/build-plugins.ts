// Options of plugins to what asks them: each plugin has a pool of its own with one endpoint, and what speaks to servers speaks to
// it too. A plugin is told nothing of who calls: its server sees the gateway.
import { GatewayError } from '../core/index.ts'
import { DEFAULT_LEGACY_BACK_OPTIONS } from '../mcp/back/legacy/options.ts'
import { NO_TOOL_RULES } from '../mcp/catalog/options.ts'
import type { Caller, ServerView } from '../mcp/index.ts'
import {
  type AskPlugin,
  createHookChain,
  ExternalPlugin,
  type HookChain,
  type HookObserver,
  type PluginOptions,
} from '../plugins/index.ts'
import type { EndpointPool } from '../routing/index.ts'
import { buildServer, type ServerBuildContext } from './build-mcp.ts'
import { buildPools, type PoolBuildContext } from './build-pools.ts'
import type { GatewayServerOptions } from './options.ts'

/** A look costs a plugin a connection; nothing but `/health` and the log hangs on it. */
const HEALTH_CHECK = { intervalMs: 30_000, timeoutMs: 5_000 }

const MS_PER_SECOND = 1_000

/** Whose calls they are, to the plugin's server. */
const GATEWAY_CALLER: Caller = {
  key: 'sallyport plugin',
  clientInfo: { name: 'sallyport', version: '1' },
  capabilities: {},
}

export interface PluginParts {
  /** Undefined: no plugin is asked. */
  hooksOf(plugins: readonly string[]): HookChain | undefined
  /** Ends the sessions with plugin servers. */
  stop(): Promise<void>
}

/** Those that are disabled have no pool. @throws TlsMaterialError when a file of a plugin's `tls` cannot be used. */
export function buildPluginPools(
  plugins: readonly PluginOptions[],
  context: PoolBuildContext,
): readonly EndpointPool[] {
  return buildPools(plugins.filter(isAsked).map(asServer), context)
}

/** `pools` are those of buildPluginPools. */
export function buildPlugins(
  all: readonly PluginOptions[],
  pools: readonly EndpointPool[],
  context: ServerBuildContext,
): PluginParts {
  const { clock, log, metrics } = context
  const built = all.filter(isAsked).map((options, at) => {
    const server = buildServer(asServer(options), pools[at] as EndpointPool, context)
    const ask = askThrough(server.view, context.viaName)
    return { plugin: new ExternalPlugin({ options, ask }, { clock, log }), server }
  })
  const observer: HookObserver = {
    onHook: (plugin, hook, outcome, durationMs) => {
      metrics.pluginCalls.inc({ plugin, hook, outcome })
      metrics.pluginSeconds.observe(plugin, durationMs / MS_PER_SECOND)
    },
  }
  return {
    hooksOf: (names) => {
      const asked = built.filter(({ plugin }) => names.includes(plugin.options.name))
      if (asked.length === 0) return undefined
      const plugins = asked.map(({ plugin }) => plugin)
      return createHookChain(plugins, { clock, log, observer })
    },
    stop: async () => {
      await Promise.all(built.map(({ server }) => server.legacy.close()))
    },
  }
}

function isAsked({ mode }: PluginOptions): boolean {
  return mode !== 'disabled'
}

/** No server has such a name: theirs are without spaces. */
function asServer({ name, endpoint }: PluginOptions): GatewayServerOptions {
  return {
    name: `plugin ${name}`,
    endpoints: [endpoint],
    healthCheck: HEALTH_CHECK,
    legacy: DEFAULT_LEGACY_BACK_OPTIONS,
    tools: NO_TOOL_RULES,
  }
}

function askThrough(view: ServerView, viaName: string): AskPlugin {
  // A plugin behind this very gateway would be asked about its being asked, and so on.
  const headers = ['via', `1.1 ${viaName}`]
  return (tool, args, signal) =>
    new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        signal.removeEventListener('abort', cancel)
        settle()
      }
      const call = view.call(
        {
          method: 'tools/call',
          params: { name: tool, arguments: args },
          logLevel: undefined,
          caller: GATEWAY_CALLER,
          headers,
        },
        {
          onNotification: () => undefined,
          onResult: (result) => {
            const { resultType, requestState } = result
            if (resultType === 'complete') end(() => resolve(result))
            else end(() => reject(failure(`expected an answer, got ${String(resultType)}`)))
            // Nobody will come back with what its server wants to know.
            if (typeof requestState === 'string') {
              view.abandon?.(GATEWAY_CALLER.key, requestState)
            }
          },
          onError: ({ code, message }) => end(() => reject(failure(`${code}: ${message}`))),
          onFailure: (error) => end(() => reject(error)),
        },
      )
      const cancel = (): void => {
        call.cancel()
        reject(failure('it was not waited for'))
      }
      signal.addEventListener('abort', cancel, { once: true })
    })
}

function failure(message: string): GatewayError {
  return new GatewayError('GW_PLUGIN_FAILED', message)
}
