// The whole configuration as the gateway takes it: every quantity a number, every default filled in, frozen.
import type { HostOriginOptions } from '../admission/options.ts'
import type { ListenerOptions, PassthroughTarget, RedirectOptions } from '../listener/options.ts'
import type { McpLimits, SessionOptions } from '../mcp/options.ts'
import type { LogOptions } from '../observability/options.ts'
import type { RouteOptions, ServerOptions } from '../routing/options.ts'

export interface GatewayListenerOptions extends ListenerOptions, HostOriginOptions {
  /** Undefined: nothing redirects to the listener. */
  readonly redirect: RedirectOptions | undefined
  /** Host, and port where it is not 443, of the URL that clients use. Undefined: whatever they ask for. */
  readonly publicAuthority: string | undefined
  /** Where TLS connections go undecrypted: the listener then speaks no HTTP. Undefined: it does. */
  readonly passthrough: readonly PassthroughTarget[] | undefined
}

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
  /** How often certificates, keys and authorities are looked at without being told of a change. */
  readonly tlsReloadIntervalMs: number
  /** Listeners beyond loopback were allowed although nothing authenticates callers there. */
  readonly insecureAllowPublic: boolean
}
