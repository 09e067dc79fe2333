// The whole configuration file as one schema, put together from the keys that each folder's options.ts describes.
import { z } from 'zod'
import { hostOriginShape } from '../admission/options.ts'
import { list, section, withNotes } from '../core/fields.ts'
import { gatewayShape } from '../gateway/options-schema.ts'
import { listenerShape, passthroughShape, socketLimitsShape } from '../listener/options-schema.ts'
import { messageLimitsShape, sessionsSchema } from '../mcp/options.ts'
import { auditSchema, logSchema } from '../observability/options.ts'
import { pluginSchema } from '../plugins/options-schema.ts'
import { serverNameField } from '../routing/options.ts'
import { routeSchema, serverSchema } from './server-schema.ts'

export const listenerSchema = section(
  {
    ...listenerShape,
    ...hostOriginShape,
    // The other kind's key. Were it only unknown here, zod would take a faulty listener of that kind for one of this.
    passthrough: z.never().optional(),
  },
  'a listener that speaks HTTP',
)
export const passthroughListenerSchema = section(passthroughShape, 'a listener with passthrough')

/** What a listener was meant to be, whatever else is wrong with it. */
export function isPassthroughListener(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'passthrough' in value
}

const anyListenerSchema = withNotes(z.union([listenerSchema, passthroughListenerSchema]), {
  expected: 'a map with listen',
  mend: 'write {listen: "127.0.0.1:8443"}',
  pick: (value) => (isPassthroughListener(value) ? 1 : 0),
})

export const limitsSchema = section({ ...socketLimitsShape, ...messageLimitsShape })

const { admin, ...wholeShape } = gatewayShape

/** Each is asked in turn, and waited for. */
const MAX_PLUGINS = 64

export const configSchema = section(
  {
    listeners: list(anyListenerSchema, {
      expected: 'a list with at least one listener',
      mend: 'write: listeners: [{listen: "127.0.0.1:8443"}]',
      min: 1,
    }).describe(
      'Sockets that clients connect to. Every route is on every listener but those with `passthrough`.',
    ),
    servers: withNotes(
      z.record(serverNameField, serverSchema).refine((servers) => Object.keys(servers).length > 0),
      {
        expected: 'a map with at least one server',
        mend: 'write: servers: {weather: {endpoints: [{url: "http://127.0.0.1:5051/mcp"}]}}',
      },
    )
      .optional()
      .describe(
        'MCP servers by name. A server has endpoints of one kind, `url` or `command`, and takes the keys of that kind only. Needed, with `routes`, unless every listener has `passthrough`.',
      ),
    routes: list(routeSchema, {
      expected: 'a list with at least one route',
      mend: 'write: routes: [{path: /mcp, servers: [weather]}]',
      min: 1,
    })
      .optional()
      .describe(
        'Which path leads to which servers. Needed, with `servers`, unless every listener has `passthrough`.',
      ),
    plugins: list(pluginSchema, {
      expected: 'a list of plugins',
      mend: 'write: plugins: [{name: Redact, kind: external, hooks: [tool_post_invoke], mcp: {url: "http://127.0.0.1:8000/mcp"}}]',
      max: MAX_PLUGINS,
    })
      .default([])
      .describe(
        'Servers of your own that inspect or change calls on their way, or refuse them. See docs/guide/plugins.md.',
      ),
    limits: limitsSchema.prefault({}).describe('Budgets of every listener and every message.'),
    sessions: sessionsSchema.prefault({}).describe('Sessions of legacy clients.'),
    admin,
    log: logSchema.prefault({}).describe('What the gateway writes about itself.'),
    audit: auditSchema
      .optional()
      .describe(
        'What happened to security: starts and stops with every unsafe setting in force, TLS material that was replaced or refused, clients that were refused for their certificate. Without it there is no audit.',
      ),
    ...wholeShape,
  },
  'a map with listeners, servers and routes',
)

/** The checked document, quantities as written. */
export type ConfigDocument = z.output<typeof configSchema>
export type ListenerDocument = z.output<typeof listenerSchema>
export type PassthroughListenerDocument = z.output<typeof passthroughListenerSchema>
export type LimitsDocument = z.output<typeof limitsSchema>
