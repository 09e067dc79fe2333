// The whole configuration as the gateway takes it: every quantity a number, every default filled in, frozen.
import type { HostOriginOptions } from '../admission/options.ts'
import type { ListenerOptions } from '../listener/options.ts'
import type { McpLimits, SessionOptions } from '../mcp/options.ts'
import type { LogOptions } from '../observability/options.ts'
import type { RouteOptions, ServerOptions } from '../routing/options.ts'

export interface GatewayListenerOptions extends ListenerOptions, HostOriginOptions {}

export interface AdminOptions {
  readonly name: string
  readonly host: string
  readonly port: number
}

export interface GatewayOptions {
  readonly listeners: readonly GatewayListenerOptions[]
  readonly servers: readonly ServerOptions[]
  readonly routes: readonly RouteOptions[]
  readonly limits: McpLimits
  readonly sessions: SessionOptions
  /** Undefined: no admin listener. */
  readonly admin: AdminOptions | undefined
  readonly log: LogOptions
  /** Folder for what the gateway must remember over a restart: the session key. Made with mode 0700 when missing. */
  readonly stateDir: string
  /** The few variables of the gateway's own environment that stdio children get, such as PATH and HOME. */
  readonly childEnv: Readonly<Record<string, string>>
  /** How long calls under way may go on after a stop signal. */
  readonly drainTimeoutMs: number
  /** Listeners beyond loopback were allowed although nothing authenticates callers yet. */
  readonly insecureAllowPublic: boolean
}
