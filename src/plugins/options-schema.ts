// The config keys of a plugin and how they become PluginOptions. The names that another gateway's plugin files have for the keys
// of TLS are taken as they stand; what hangs on more than one key is checked by config/.
import { z } from 'zod'
import {
  choice,
  type DocumentOf,
  duration,
  flag,
  integer,
  list,
  path,
  secret,
  section,
  text,
  toMs,
  withNotes,
} from '../core/fields.ts'
import { type ClientTlsDocument, clientTlsSchema, toClientTlsOptions } from '../tls/index.ts'
import { endpointUrlField, httpServerShape } from '../upstream/options-schema.ts'
import { HOOK_NAMES, PLUGIN_MODES, type PluginOptions } from './options.ts'

/** As long as names of plugins are in certificates: `sallyport certs plugin NAME`. */
const pluginNameField = () =>
  text({
    expected: 'a name of letters, digits, ".", "_" and "-" that starts with a letter or digit',
    mend: 'rename the plugin',
    pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    shown: 'as-is',
  })

const alias = (own: string): string => `Another name for \`${own}\`; one of the two.`

export const pluginTlsSchema = section({
  ...clientTlsSchema.shape,
  certfile: path('a PEM file with a certificate').optional().describe(alias('cert_file')),
  keyfile: path('a PEM file with a private key').optional().describe(alias('key_file')),
  keyfile_password: secret({
    expected: 'a password',
    mend: 'write "${KEY_PASSWORD}", or remove the key',
    minLength: 1,
  })
    .optional()
    .describe(`${alias('key_password')} Never shown.`),
  ca_bundle: path('a PEM file with certificates of authorities')
    .optional()
    .describe(alias('ca_cert')),
  verify: flag()
    .optional()
    .describe(
      'The opposite of `insecure_skip_verify`; one of the two. `false` verifies nothing and is warned of like it.',
    ),
})

export type PluginTlsDocument = z.output<typeof pluginTlsSchema>

const { http2, allow_cleartext, max_connections, max_pending, connect_timeout } = httpServerShape

const pluginMcpSchema = section({
  proto: choice(['STREAMABLEHTTP', 'SSE'])
    .default('STREAMABLEHTTP')
    .describe(
      'Transport of the plugin server: Streamable HTTP of either era, or HTTP+SSE, whose URL is that of the event stream.',
    ),
  url: endpointUrlField().describe(
    'MCP endpoint of the plugin server. Plain `http://` to another machine needs `allow_cleartext: true`.',
  ),
  tls: pluginTlsSchema
    .optional()
    .describe(
      'TLS to the plugin server, for an https:// URL: the keys of `servers.<name>.tls`, and five other names for them. Without it: the roots of Node and the system, no client certificate.',
    ),
  http2: http2.describe(
    'Offer HTTP/2 to a plugin server with an https:// URL. Where it takes it, calls share connections.',
  ),
  allow_cleartext: allow_cleartext.describe(
    'Allow an http:// URL of another machine, to which calls and results travel unencrypted. Said at every start and in `/readyz`.',
  ),
  max_connections: max_connections.describe(
    'Hooks under way at once; over HTTP/1.1 each has a connection of its own. More of them wait, up to `max_pending`.',
  ),
  max_pending: max_pending.describe(
    'Hooks that may wait for a connection. One more is a failure of the plugin.',
  ),
  connect_timeout: connect_timeout.describe(
    'Time for a connection to the plugin server, TLS included. Then it is a failure of the plugin.',
  ),
})

export const pluginSchema = section({
  name: pluginNameField().describe(
    'Name of the plugin, each once. The plugin server is asked for it by this name; log, metrics and `routes[].plugins` have it too.',
  ),
  kind: withNotes(z.enum(['external']), {
    expected: 'external',
    mend: 'run the plugin in a server of its own, and write kind: external with its URL',
    shown: 'as-is',
  }).describe('`external`: the plugin is a server of its own, which is asked over MCP.'),
  hooks: withNotes(z.array(choice(HOOK_NAMES)).min(1), {
    expected: 'a list with at least one hook',
    mend: 'write hooks: [tool_pre_invoke], or leave the key out',
  })
    .optional()
    .describe(
      'Where it is asked. `tool_pre_invoke`, `prompt_pre_fetch` and `resource_pre_fetch` see a request before its server does and may change or refuse it; `tool_post_invoke`, `prompt_post_fetch` and `resource_post_fetch` see the result before the client does. Left out: the plugin server is asked for them, by its tool `get_plugin_config`, before the first call that could need one; until it has said them, calls wait, and a server that does not say one is a failure of the plugin. `tool_post_invoke`, written or possible, means that there are no tasks on the route.',
    ),
  mode: choice(PLUGIN_MODES)
    .default('enforce')
    .describe(
      'What its word counts. `enforce`: its no is GW_PLUGIN_DENIED (403), and a failure of it GW_PLUGIN_FAILED (502). `enforce_ignore_error`: a failure lets the call pass as it is. `permissive`: nothing is refused and nothing changed, only logged and counted. `disabled`: it is not asked and not connected to.',
    ),
  priority: integer({ min: 0, max: 1_000_000 })
    .default(100)
    .describe(
      'Plugins of lower priority are asked first, those of the same in the order of the file. Each sees what the one before made of the call.',
    ),
  timeout: duration({ min: '100ms', max: '10m' })
    .default('10s')
    .describe(
      'Time for the answer to one hook, and to the question for its hooks. Then it is a failure of the plugin.',
    ),
  mcp: pluginMcpSchema.describe('How the plugin server is reached.'),
})

export type PluginDocument = z.output<typeof pluginSchema>

/** Keys of a route. */
export const routePluginsShape = {
  plugins: list(pluginNameField(), {
    expected: 'a list of plugins',
    mend: 'write names of plugins, like [Redact], or [] for none',
  })
    .optional()
    .describe(
      'Names of the plugins that are asked on this route; `priority` says in which order. Default: all of them. `[]`: none. With a plugin every message takes the working lane.',
    ),
}

type OtherName = 'certfile' | 'keyfile' | 'keyfile_password' | 'ca_bundle' | 'verify'

/** What stands for which key of ours. `verify` says the opposite. */
export const OTHER_TLS_NAMES: Readonly<Record<OtherName, keyof ClientTlsDocument>> = {
  certfile: 'cert_file',
  keyfile: 'key_file',
  keyfile_password: 'key_password',
  ca_bundle: 'ca_cert',
  verify: 'insecure_skip_verify',
}

/** The same in our own names; of two names for the same the other's counts, which the check across keys refuses. */
export function toClientTlsKeys(document: PluginTlsDocument): ClientTlsDocument {
  const { certfile, keyfile, keyfile_password, ca_bundle, verify, ...own } = document
  return {
    ...own,
    ...(certfile !== undefined && { cert_file: certfile }),
    ...(keyfile !== undefined && { key_file: keyfile }),
    ...(keyfile_password !== undefined && { key_password: keyfile_password }),
    ...(ca_bundle !== undefined && { ca_cert: ca_bundle }),
    ...(verify === false && { insecure_skip_verify: true }),
  }
}

export function toPluginOptions(
  { name, hooks, mode, priority, timeout, mcp }: PluginDocument,
  resolvePath: (written: string) => string,
): PluginOptions {
  const timeoutMs = toMs(timeout)
  const { tls } = mcp
  return {
    name,
    hooks,
    mode,
    priority,
    timeoutMs,
    endpoint: {
      kind: 'http',
      url: mcp.url,
      maxConnections: mcp.max_connections,
      // One per session of the legacy era, of which the gateway has one.
      maxStreams: MAX_STREAMS,
      maxPending: mcp.max_pending,
      connectTimeoutMs: toMs(mcp.connect_timeout),
      responseTimeoutMs: timeoutMs,
      idleTimeoutMs: timeoutMs,
      http2: mcp.http2,
      protocol: mcp.proto === 'SSE' ? 'http_sse' : 'auto',
      ...(tls !== undefined && { tls: toClientTlsOptions(toClientTlsKeys(tls), resolvePath) }),
    },
  }
}

const MAX_STREAMS = 100

/** The plugins that are asked on a route: those it names, or all; never one that is disabled. */
export function pluginsOfRoute(
  { plugins }: DocumentOf<typeof routePluginsShape>,
  all: readonly Pick<PluginDocument, 'name' | 'mode'>[],
): readonly string[] {
  return all
    .filter(({ name, mode }) => mode !== 'disabled' && (plugins?.includes(name) ?? true))
    .map(({ name }) => name)
}
