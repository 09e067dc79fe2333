// The schemas of a server and of a route, put together from the keys that routing, transports and protocol stage describe.
import { z } from 'zod'
import { section, withNotes } from '../core/fields.ts'
import { legacyBackShape } from '../mcp/back/legacy/options.ts'
import { routeCatalogShape, serverCatalogShape } from '../mcp/catalog/options.ts'
import { channelShape } from '../mcp/front/channel/options.ts'
import { routePluginsShape } from '../plugins/options-schema.ts'
import { routeShape, serverKind, serverShape } from '../routing/options.ts'
import { httpServerShape, stdioServerShape } from '../upstream/options-schema.ts'

const ofBothKinds = {
  ...serverShape,
  ...serverCatalogShape,
  legacy: section(legacyBackShape)
    .prefault({})
    .describe(
      'What the gateway keeps with a server of the legacy era for clients of the modern era.',
    ),
}

const httpServerSchema = section(
  { ...httpServerShape, ...ofBothKinds },
  'a server with url endpoints',
)
const stdioServerSchema = section(
  { ...stdioServerShape, ...ofBothKinds },
  'a server with command endpoints',
)

export const serverSchema = withNotes(z.union([httpServerSchema, stdioServerSchema]), {
  expected: 'a map with endpoints, by url or by command',
  mend: 'write endpoints below it, indented',
  pick: (value) => (serverKind(value) === 'http' ? 0 : 1),
})

export const routeSchema = section({
  ...routeShape,
  ...routePluginsShape,
  ...routeCatalogShape,
  ...channelShape,
})

export type RouteDocument = z.output<typeof routeSchema>
