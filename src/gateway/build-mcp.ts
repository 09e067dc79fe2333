// Pools and options to the protocol stage: what backs a server has, what a route shows of its servers, and the endpoint that
// every exchange on a route goes to.
import type { Clock, Part } from '../core/index.ts'
import {
  AnswerPlaces,
  areToolsUntouched,
  Channels,
  createLegacyBack,
  createMergedView,
  createModernBack,
  createNamedTools,
  createPluggedView,
  LegacyFront,
  McpEndpoint,
  ModernFront,
  Seal,
  ServerBack,
  ServerEras,
  SessionSeal,
  type CallReport,
  type LegacyBack,
  type McpRoute,
  type MergedView,
} from '../mcp/index.ts'
import type { Log, Metrics } from '../observability/index.ts'
import type { HookChain } from '../plugins/index.ts'
import type { EndpointPool } from '../routing/index.ts'
import type { GatewayOptions, GatewayRouteOptions, GatewayServerOptions } from './options.ts'

/** What everything that speaks to servers needs. */
export interface ServerBuildContext {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  /** Secrets that seal what clients carry; the first seals. */
  readonly keys: readonly string[]
  /** This gateway's name in Via (RFC 9110 §7.6.3), unique per process. */
  readonly viaName: string
}

export interface McpBuildContext extends ServerBuildContext {
  /** The plugins of these names. Undefined: none is asked. */
  readonly hooksOf: (plugins: readonly string[]) => HookChain | undefined
  readonly onCall: (report: CallReport) => void
}

/** The protocol stage of a gateway. Stopping it ends what it holds for clients and with servers. */
export interface McpParts extends Part {
  readonly endpoint: McpEndpoint
  readonly channels: Channels<McpRoute>
  readonly routes: readonly McpRoute[]
}

const CURSOR_PURPOSE = 'sallyport cursor v1'
const PARKED_PURPOSE = 'sallyport parked call v1'

/** How a merged view calls itself to clients. */
const SERVER_INFO = { name: 'sallyport', version: '1' }

/** A server with what speaks to it, shared by all routes that lead to it. */
interface BuiltServer {
  readonly options: GatewayServerOptions
  readonly pool: EndpointPool
  readonly eras: ServerEras
  readonly places: AnswerPlaces
  readonly legacy: LegacyBack
  readonly view: ServerBack
}

export function buildMcp(
  options: GatewayOptions,
  pools: readonly EndpointPool[],
  context: McpBuildContext,
): McpParts {
  const { clock, keys, metrics } = context
  const servers = new Map(
    options.servers.map((server, at) => [
      server.name,
      buildServer(server, pools[at] as EndpointPool, context),
    ]),
  )
  const merged: MergedView[] = []
  const routes = options.routes.map((route) => buildRoute(route, servers, { ...context, merged }))
  const { limits, fronts } = options
  const modernFront = new ModernFront({ clock, limits, options: fronts })
  const legacyFront = new LegacyFront({ clock, limits, options: fronts, keys })
  const endpoint = new McpEndpoint({
    limits,
    seal: new SessionSeal(keys),
    clock,
    viaName: context.viaName,
    modernFront,
    legacyFront,
    onStreamOpen: ({ path }) => metrics.eventStreams.inc(path),
    onStreamClose: ({ path }) => metrics.eventStreams.dec(path),
    onOver: context.onCall,
  })
  const channels = new Channels<McpRoute>({
    clock,
    limits,
    channelLimits: options.channelLimits,
    keys,
    optionsOf: (route) => route.channels,
    handle: (exchange, route) => endpoint.handle(exchange, route),
    onOpen: (kind, { path }) => metrics.channels.inc({ route: path, kind }),
    onClose: (kind, { path }) => metrics.channels.dec({ route: path, kind }),
    onOver: context.onCall,
  })
  metrics.sessions.from({}, () => legacyFront.sessions)
  return {
    endpoint,
    channels,
    routes,
    start: async () => {
      for (const view of merged) view.start()
    },
    stop: async () => {
      modernFront.close()
      legacyFront.close()
      for (const view of merged) view.close()
      await Promise.all([...servers.values()].map(({ legacy }) => legacy.close()))
    },
  }
}

export function buildServer(
  options: GatewayServerOptions,
  pool: EndpointPool,
  { clock, keys, metrics, ...context }: ServerBuildContext,
): BuiltServer {
  const { name } = options
  const log = context.log.with({ server: name })
  const eras = new ServerEras({ protocol: protocolOf(options), pool, clock })
  const places = new AnswerPlaces(pool, clock)
  const onWrongEra = (): void => eras.forget()
  const modern = createModernBack(pool, { clock, log, places, onWrongEra })
  const seal = new Seal(keys, PARKED_PURPOSE)
  const legacy = createLegacyBack(pool, { clock, log, seal, options: options.legacy, onWrongEra })
  metrics.upstreamSessions.from({ server: name }, () => legacy.held.sessions)
  metrics.parkedCalls.from({ server: name }, () => legacy.held.parkedCalls)
  const view = new ServerBack(name, { eras, modern, legacy })
  return { options, pool, eras, places, legacy, view }
}

interface RouteBuildContext extends McpBuildContext {
  readonly merged: MergedView[]
}

function buildRoute(
  options: GatewayRouteOptions,
  servers: ReadonlyMap<string, BuiltServer>,
  context: RouteBuildContext,
): McpRoute {
  const route = buildBareRoute(options, servers, context)
  const hooks = context.hooksOf(options.plugins)
  if (hooks === undefined) return route
  const view = createPluggedView(route.view, hooks, {
    route: route.path,
    servers: route.servers,
  })
  // What passes unread would pass its plugins.
  return { ...route, straight: undefined, tools: undefined, view }
}

function buildBareRoute(
  { path, servers: names, catalog, channels }: GatewayRouteOptions,
  servers: ReadonlyMap<string, BuiltServer>,
  { clock, keys, log, metrics, merged }: RouteBuildContext,
): McpRoute {
  const members = names.map((name) => {
    const server = servers.get(name)
    if (server === undefined) throw new TypeError(`route ${path}: no server "${name}"`)
    return server
  })
  const [only] = members
  if (only !== undefined && members.length === 1 && areToolsUntouched(only.options.tools)) {
    const { pool, eras, places, view } = only
    return { path, servers: only.options.name, straight: { pool, eras, places }, view, channels }
  }
  const view = createMergedView(
    members.map(({ options, view: member }) => ({
      name: options.name,
      view: member,
      rules: options.tools,
    })),
    {
      name: path,
      options: catalog,
      serverInfo: SERVER_INFO,
      seal: new Seal(keys, CURSOR_PURPOSE),
      clock,
      log: log.with({ route: path }),
      observer: {
        onMissing: (server) => metrics.catalogMissing.inc({ server }),
        onConflict: (server) => metrics.catalogConflicts.inc({ server }),
      },
      random: Math.random,
    },
  )
  merged.push(view)
  return {
    path,
    servers: names.join(','),
    straight: undefined,
    tools: createNamedTools(view, members),
    view,
    channels,
  }
}

function protocolOf({ endpoints }: GatewayServerOptions) {
  return endpoints[0]?.protocol ?? 'auto'
}
