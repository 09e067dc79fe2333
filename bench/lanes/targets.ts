// The gateway once for each lane, as processes of their own: the same build, on configurations that leave it no other way.
import type { Era } from '../call.ts'
import { freePorts } from '../target/free-ports.ts'
import { sallyportRecipe, type SallyportProgram } from '../target/sallyport.ts'
import type { AnyPorts, LaneTargetName, TargetContext, TargetRecipe } from '../target/target.ts'
import { NOTES_TOOL, scriptOfWork, TOOLS_PER_SERVER, type LaneWork } from './notes.ts'
import type { LaneAsk } from './plan.ts'
import { laneServerPath } from './server.ts'

/** Servers behind one route, of which the first gets the calls. */
const MERGED_SERVERS: readonly string[] = ['notes', 'diaries']
const LISTED_SERVERS: readonly string[] = Array.from({ length: 20 }, (_, place) => `notes-${place}`)
/** The greatest that can be set, and the default. */
const PAGE_SIZE = { whole: 1_000, first: 100 } as const

/** How many tools the merged list has. */
export const LISTED_TOOLS = LISTED_SERVERS.length * TOOLS_PER_SERVER

interface Listen {
  readonly port: number
  readonly backendPort: number
}

type ConfigOf = (listen: Listen) => string

const FIRST_LIST: LaneAsk = { kind: 'list', page: 'whole' }
const FIRST_CALL: LaneAsk = { kind: 'call', era: 'modern', kib: 1 }

/** Every config has a route for each kind of client, named for what its client speaks. */
export const LANE_CONFIGS: Readonly<Record<LaneTargetName, ConfigOf>> = {
  'straight lane': (listen) =>
    configOf(listen, {
      servers: [
        { era: 'modern', name: 'modern' },
        { era: 'legacy', name: 'legacy' },
      ],
      routes: ['{path: /modern, servers: [modern]}', '{path: /legacy, servers: [legacy]}'],
    }),
  translating: (listen) =>
    configOf(listen, {
      servers: [
        { era: 'modern', name: 'modern', isPinned: true },
        { era: 'legacy', name: 'legacy', isPinned: true },
      ],
      routes: ['{path: /modern, servers: [legacy]}', '{path: /legacy, servers: [modern]}'],
    }),
  merging: (listen) => mergingConfig(listen, 'modern'),
  'merging legacy': (listen) => mergingConfig(listen, 'legacy'),
  listing: (listen) => {
    const servers = LISTED_SERVERS.join(', ')
    return configOf(listen, {
      servers: LISTED_SERVERS.map((name) => ({ era: 'modern', name, isPinned: true })),
      routes: [
        `{path: /whole, servers: [${servers}], page_size: ${PAGE_SIZE.whole}}`,
        `{path: /first, servers: [${servers}]}`,
      ],
    })
  },
}

function mergingConfig(listen: Listen, era: Era): string {
  return configOf(listen, {
    servers: MERGED_SERVERS.map((name) => ({ era, name, isPinned: true })),
    routes: ['modern', 'legacy'].map(
      (path) => `{path: /${path}, servers: [${MERGED_SERVERS.join(', ')}]}`,
    ),
  })
}

interface ConfigOrder {
  readonly servers: readonly {
    readonly era: Era
    readonly name: string
    readonly isPinned?: boolean
  }[]
  readonly routes: readonly string[]
}

function configOf({ port, backendPort }: Listen, { servers, routes }: ConfigOrder): string {
  const server = ({ era, name, isPinned = false }: ConfigOrder['servers'][number]): string => {
    const url = `http://127.0.0.1:${backendPort}${laneServerPath(era, name)}`
    return `  ${name}: {${isPinned ? `protocol: ${era}, ` : ''}endpoints: [{url: "${url}"}]}`
  }
  return `listeners:
  - listen: "127.0.0.1:${port}"
servers:
${servers.map(server).join('\n')}
routes:
${routes.map((route) => `  - ${route}`).join('\n')}
state_dir: state
`
}

/** What a client of a row does at a target. */
export function workAt(target: LaneTargetName, ask: LaneAsk): LaneWork {
  if (ask.kind === 'list') {
    const list = { servers: LISTED_SERVERS, pageSize: PAGE_SIZE[ask.page] }
    return { kind: 'list', path: `/${ask.page}`, list }
  }
  const tool = target.startsWith('merging') ? `${MERGED_SERVERS[0]}_${NOTES_TOOL}` : NOTES_TOOL
  return { ...ask, path: `/${ask.era}`, tool }
}

export async function laneRecipes(
  context: Pick<TargetContext, 'children' | 'folder' | 'backend'>,
  program: SallyportProgram,
  names: readonly LaneTargetName[],
): Promise<TargetRecipe<AnyPorts>[]> {
  const ports = await freePorts(names.length)
  return names.map((name, at) => {
    const http = ports[at] ?? 0
    const config = LANE_CONFIGS[name]({ port: http, backendPort: context.backend.http })
    const work = workAt(name, name === 'listing' ? FIRST_LIST : FIRST_CALL)
    const recipe = sallyportRecipe<AnyPorts>(context, { http }, { name, program, config })
    return { ...recipe, firstCall: scriptOfWork(work) }
  })
}
