// The whole configuration as the gateway takes it: every quantity a number, every default filled in, frozen.
import type { HostOriginOptions } from '../admission/options.ts'
import type { ListenerOptions, PassthroughTarget, RedirectOptions } from '../listener/options.ts'
import type { LegacyBackOptions } from '../mcp/back/legacy/options.ts'
import type { CatalogOptions, ToolRuleOptions } from '../mcp/catalog/options.ts'
import type { ChannelLimits, ChannelOptions } from '../mcp/front/channel/options.ts'
import type { FrontOptions } from '../mcp/front/options.ts'
import type { McpLimits, SessionOptions } from '../mcp/options.ts'
import type { AuditOptions, LogOptions } from '../observability/options.ts'
import type { PluginOptions } from '../plugins/options.ts'
import type { RouteOptions, ServerOptions } from '../routing/options.ts'

export interface GatewayListenerOptions extends ListenerOptions, HostOriginOptions {
  /** Undefined: nothing redirects to the listener. */
  readonly redirect: RedirectOptions | undefined
  /** Host, and port where it is not 443, of the URL that clients use. Undefined: whatever they ask for. */
  readonly publicAuthority: string | undefined
  /** Where TLS connections go undecrypted: the listener then speaks no HTTP. Undefined: it does. */
  readonly passthrough: readonly PassthroughTarget[] | undefined
}

export interface GatewayServerOptions extends ServerOptions {
  /** What the gateway keeps with the server on behalf of clients of the modern era, if the server is of the legacy era. */
  readonly legacy: LegacyBackOptions
  readonly tools: ToolRuleOptions
}

export interface GatewayRouteOptions extends RouteOptions {
  /** Names of those of `plugins` that are asked; never one that is disabled. */
  readonly plugins: readonly string[]
  /** How the servers are made one, where they are several or their tools are not offered as they are. */
  readonly catalog: CatalogOptions
  /** Transports that it takes beside Streamable HTTP. */
  readonly channels: ChannelOptions
}

export interface AdminOptions {
  readonly name: string
  readonly host: string
  readonly port: number
}

export interface GatewayOptions {
  readonly listeners: readonly GatewayListenerOptions[]
  readonly servers: readonly GatewayServerOptions[]
  readonly routes: readonly GatewayRouteOptions[]
  /** In the order of the config; with those that are disabled. */
  readonly plugins: readonly PluginOptions[]
  readonly limits: McpLimits
  readonly sessions: SessionOptions
  /** What is kept for clients whose sessions and subscriptions are the gateway's own. */
  readonly fronts: FrontOptions
  readonly channelLimits: ChannelLimits
  /** Undefined: no admin listener. */
  readonly admin: AdminOptions | undefined
  readonly log: LogOptions
  /** Undefined: no audit. */
  readonly audit: AuditOptions | undefined
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
