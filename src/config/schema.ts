// The whole configuration file as one schema, put together from the keys that each folder's options.ts describes.
import { z } from 'zod'
import { hostOriginShape } from '../admission/options.ts'
import { list, section, withNotes } from '../core/fields.ts'
import { gatewayShape } from '../gateway/options-schema.ts'
import { listenerShape, socketLimitsShape } from '../listener/options-schema.ts'
import { messageLimitsShape, sessionsSchema } from '../mcp/options.ts'
import { logSchema } from '../observability/options.ts'
import { routeSchema, serverNameField, serverSchema } from '../routing/options.ts'

export const listenerSchema = section({ ...listenerShape, ...hostOriginShape })
export const limitsSchema = section({ ...socketLimitsShape, ...messageLimitsShape })

const { admin, ...wholeShape } = gatewayShape

export const configSchema = section(
  {
    listeners: list(listenerSchema, {
      expected: 'a list with at least one listener',
      mend: 'write: listeners: [{listen: "127.0.0.1:8443"}]',
      min: 1,
    }).describe('Sockets that clients connect to. Every route is on every listener.'),
    servers: withNotes(
      z.record(serverNameField, serverSchema).refine((servers) => Object.keys(servers).length > 0),
      {
        expected: 'a map with at least one server',
        mend: 'write: servers: {weather: {endpoints: [{url: "http://127.0.0.1:5051/mcp"}]}}',
      },
    ).describe(
      'MCP servers by name. A server has endpoints of one kind, `url` or `command`, and takes the keys of that kind only.',
    ),
    routes: list(routeSchema, {
      expected: 'a list with at least one route',
      mend: 'write: routes: [{path: /mcp, servers: [weather]}]',
      min: 1,
    }).describe('Which path leads to which server.'),
    limits: limitsSchema.prefault({}).describe('Budgets of every listener and every message.'),
    sessions: sessionsSchema.prefault({}).describe('Sessions of legacy clients.'),
    admin,
    log: logSchema.prefault({}).describe('What the gateway writes about itself.'),
    ...wholeShape,
  },
  'a map with listeners, servers and routes',
)

/** The checked document, quantities as written. */
export type ConfigDocument = z.output<typeof configSchema>
export type ListenerDocument = z.output<typeof listenerSchema>
export type LimitsDocument = z.output<typeof limitsSchema>
