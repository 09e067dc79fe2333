// The checked document → GatewayOptions: every folder maps its own part, this file puts them together and freezes them.
import { toHostOriginOptions } from '../admission/options.ts'
import { toMs } from '../core/fields.ts'
import type { GatewayOptions } from '../gateway/options.ts'
import { toAdminOptions } from '../gateway/options-schema.ts'
import { toListenerOptions, toSocketLimits } from '../listener/options-schema.ts'
import { toMcpLimits, toSessionOptions } from '../mcp/options.ts'
import { toLogOptions } from '../observability/options.ts'
import { toRouteOptions, toServerOptions } from '../routing/options.ts'
import { pickBaseVariables } from '../upstream/options.ts'
import type { Environment } from './expand.ts'
import type { ConfigDocument } from './schema.ts'

/** A document in which nothing is left to be found out at load time. */
export type EffectiveDocument = ConfigDocument & { readonly state_dir: string }

/** Fills in the defaults that hang on other keys or on the machine. */
export function toEffective(document: ConfigDocument, defaultStateDir: string): EffectiveDocument {
  return deepFreeze({
    ...document,
    listeners: document.listeners.map((listener) => ({
      ...listener,
      http2: listener.http2 ?? listener.tls !== undefined,
    })),
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
    listeners: document.listeners.map((listener) => ({
      ...toListenerOptions(listener, { limits, resolvePath }),
      ...toHostOriginOptions(listener),
    })),
    servers: Object.entries(document.servers).map(([name, server]) =>
      toServerOptions(name, server, resolvePath),
    ),
    routes: document.routes.map(toRouteOptions),
    limits: toMcpLimits(document.limits),
    sessions: toSessionOptions(document.sessions),
    admin: document.admin && toAdminOptions(document.admin),
    log: toLogOptions(document.log),
    stateDir: resolvePath(document.state_dir),
    childEnv: pickBaseVariables(env),
    drainTimeoutMs: toMs(document.drain_timeout),
    insecureAllowPublic: document.insecure_allow_public,
  })
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const member of Object.values(value)) deepFreeze(member)
  return value
}
