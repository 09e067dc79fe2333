// The checked document → GatewayOptions: every folder maps its own part, this file puts them together and freezes them.
import { toHostOriginOptions } from '../admission/options.ts'
import { toMs } from '../core/fields.ts'
import type { GatewayListenerOptions, GatewayOptions } from '../gateway/options.ts'
import { toAdminOptions } from '../gateway/options-schema.ts'
import type { PassthroughOptions } from '../listener/options.ts'
import {
  offersHttp2,
  effectiveSecurityHeaders,
  type ListenerContext,
  toListenerOptions,
  toPassthroughOptions,
  toPublicAuthority,
  toRedirectOptions,
  toSocketLimits,
} from '../listener/options-schema.ts'
import { toLegacyBackOptions } from '../mcp/back/legacy/options.ts'
import { toCatalogOptions, toToolRuleOptions } from '../mcp/catalog/options.ts'
import { toChannelLimits, toChannelOptions } from '../mcp/front/channel/options.ts'
import { toFrontOptions } from '../mcp/front/options.ts'
import { toMcpLimits, toSessionOptions } from '../mcp/options.ts'
import { toAuditOptions, toLogOptions } from '../observability/options.ts'
import { pluginsOfRoute, toPluginOptions } from '../plugins/options-schema.ts'
import { toRouteOptions, toServerOptions } from '../routing/options.ts'
import { pickBaseVariables } from '../upstream/options.ts'
import type { Environment } from './expand.ts'
import type { ConfigDocument, ListenerDocument, PassthroughListenerDocument } from './schema.ts'

/** A document in which nothing is left to be found out at load time. */
export type EffectiveDocument = ConfigDocument & { readonly state_dir: string }

/** Fills in the defaults that hang on other keys or on the machine. */
export function toEffective(document: ConfigDocument, defaultStateDir: string): EffectiveDocument {
  return deepFreeze({
    ...document,
    listeners: document.listeners.map(toEffectiveListener),
    state_dir: document.state_dir ?? defaultStateDir,
  })
}

export interface LoadContext {
  /** Makes a path of the document absolute. */
  readonly resolvePath: (written: string) => string
  readonly env: Environment
}

export function toGatewayOptions(
  document: EffectiveDocument,
  { resolvePath, env }: LoadContext,
): GatewayOptions {
  const limits = toSocketLimits(document.limits)
  return deepFreeze({
    listeners: document.listeners.map((listener) =>
      listener.passthrough !== undefined
        ? passthroughListener(toPassthroughOptions(listener, limits))
        : httpListener(listener, { limits, resolvePath }),
    ),
    servers: Object.entries(document.servers ?? {}).map(([name, server]) => ({
      ...toServerOptions(name, server, resolvePath),
      legacy: toLegacyBackOptions(server.legacy),
      tools: toToolRuleOptions(server),
    })),
    routes:
      document.routes?.map((route) => ({
        ...toRouteOptions(route),
        plugins: pluginsOfRoute(route, document.plugins),
        catalog: toCatalogOptions(route),
        channels: toChannelOptions(route),
      })) ?? [],
    plugins: document.plugins.map((plugin) => toPluginOptions(plugin, resolvePath)),
    limits: toMcpLimits(document.limits),
    sessions: toSessionOptions(document.sessions),
    channelLimits: toChannelLimits(document.limits.channels),
    fronts: toFrontOptions({
      sessions: document.sessions,
      replay: document.sessions.replay,
      limits: document.limits,
    }),
    admin: document.admin && toAdminOptions(document.admin),
    log: toLogOptions(document.log),
    audit: document.audit && toAuditOptions(document.audit, resolvePath),
    stateDir: resolvePath(document.state_dir),
    childEnv: pickBaseVariables(env),
    drainTimeoutMs: toMs(document.drain_timeout),
    tlsReloadIntervalMs: toMs(document.tls_reload_interval),
    insecureAllowPublic: document.insecure_allow_public,
  })
}

function toEffectiveListener(
  listener: ListenerDocument | PassthroughListenerDocument,
): ListenerDocument | PassthroughListenerDocument {
  if (listener.passthrough !== undefined) return listener
  const hasTls = listener.tls !== undefined
  return {
    ...listener,
    http2: offersHttp2(listener),
    security_headers: effectiveSecurityHeaders(listener.security_headers, hasTls),
  }
}

function httpListener(
  listener: ListenerDocument,
  context: ListenerContext,
): GatewayListenerOptions {
  const { allowedHosts, allowedOrigins } = toHostOriginOptions(listener)
  const { external_url: externalUrl } = listener
  const external = externalUrl === undefined ? [] : [new URL(externalUrl).hostname]
  return {
    ...toListenerOptions(listener, context),
    allowedHosts: [...allowedHosts, ...external],
    allowedOrigins,
    redirect: toRedirectOptions(listener, context.resolvePath),
    publicAuthority: toPublicAuthority(listener),
    passthrough: undefined,
  }
}

function passthroughListener({ targets, ...socket }: PassthroughOptions): GatewayListenerOptions {
  return {
    ...socket,
    passthrough: targets,
    tls: undefined,
    http2: false,
    securityHeaders: [],
    allowedHosts: [],
    allowedOrigins: [],
    redirect: undefined,
    publicAuthority: undefined,
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const member of Object.values(value)) deepFreeze(member)
  return value
}
