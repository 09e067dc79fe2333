// A gateway with everything a test does not care about filled in.
import { onTestFinished } from 'vitest'
import {
  startGateway,
  type Gateway,
  type GatewayDependencies,
  type GatewayListenerOptions,
  type GatewayOptions,
} from '../../src/gateway/index.ts'
import {
  DEFAULT_LEGACY_BACK_OPTIONS,
  type LegacyBackOptions,
} from '../../src/mcp/back/legacy/options.ts'
import {
  NO_TOOL_RULES,
  type CatalogOptions,
  type ToolRuleOptions,
} from '../../src/mcp/catalog/options.ts'
import type { FrontOptions } from '../../src/mcp/front/options.ts'
import type { McpLimits } from '../../src/mcp/index.ts'
import { silentLog } from '../../src/observability/index.ts'
import type { PluginOptions } from '../../src/plugins/index.ts'
import type {
  EndpointOptions,
  HttpEndpointOptions,
  StdioEndpointOptions,
} from '../../src/upstream/index.ts'

type SocketLimits = GatewayListenerOptions['limits']

export interface TestGatewayOptions {
  /** Endpoints by server name; each server gets the route `/<name>`. */
  readonly servers: Readonly<Record<string, readonly EndpointOptions[]>>
  /** Further routes: servers by path. */
  readonly routes?: Readonly<Record<string, readonly string[]>>
  readonly tools?: Readonly<Record<string, Partial<ToolRuleOptions>>>
  /** Asked on every route but those of `routePlugins`. */
  readonly plugins?: readonly PluginOptions[]
  /** Names of plugins by path. */
  readonly routePlugins?: Readonly<Record<string, readonly string[]>>
  readonly catalog?: Partial<CatalogOptions>
  readonly legacy?: Partial<LegacyBackOptions>
  readonly fronts?: Partial<FrontOptions>
  readonly listener?: Partial<GatewayListenerOptions>
  readonly socketLimits?: Partial<SocketLimits>
  readonly limits?: Partial<McpLimits>
  readonly healthIntervalMs?: number
  readonly overrides?: Partial<GatewayOptions>
  readonly dependencies?: GatewayDependencies
}

const SOCKET_LIMITS: SocketLimits = {
  headerTimeoutMs: 10_000,
  requestTimeoutMs: 120_000,
  idleTimeoutMs: 30_000,
  handshakeTimeoutMs: 15_000,
  acceptRatePerSecond: 100_000,
  acceptBurst: 100_000,
  maxConnections: 100_000,
  maxHeaderBytes: 16_384,
  maxHeaders: 100,
  maxConcurrentStreams: 100,
  slowReaderTimeoutMs: 10_000,
}

const CATALOG: CatalogOptions = {
  names: 'prefix',
  pageSize: 100,
  timeoutMs: 5_000,
  pollIntervalMs: 300_000,
}

const FRONTS: FrontOptions = {
  maxSessions: 10_000,
  sessionIdleTimeoutMs: 1_800_000,
  answerTimeoutMs: 600_000,
  replay: { maxBytes: 1_048_576, maxAgeMs: 300_000 },
  maxSubscriptions: 1_024,
  maxSubscriptionsPerCaller: 1_024,
}

export function httpEndpoint(
  url: string,
  options: Partial<HttpEndpointOptions> = {},
): HttpEndpointOptions {
  return {
    kind: 'http',
    url,
    maxConnections: 256,
    maxStreams: 10_000,
    maxPending: 1_024,
    connectTimeoutMs: 5_000,
    responseTimeoutMs: 60_000,
    idleTimeoutMs: 60_000,
    ...options,
  }
}

/** A command run by the Node that runs the tests. */
export function nodeEndpoint(
  args: readonly string[],
  options: Partial<StdioEndpointOptions> = {},
): StdioEndpointOptions {
  return {
    kind: 'stdio',
    command: process.execPath,
    args,
    env: {},
    cwd: undefined,
    maxChildren: 64,
    idleTimeoutMs: 600_000,
    maxLifetimeMs: 86_400_000,
    maxMessageBytes: 10_485_760,
    responseTimeoutMs: 60_000,
    stopTimeoutMs: 2_000,
    ...options,
  }
}

export function gatewayOptions(test: TestGatewayOptions): GatewayOptions {
  const names = Object.keys(test.servers)
  const routes = {
    ...Object.fromEntries(names.map((name) => [`/${name}`, [name]])),
    ...test.routes,
  }
  return {
    listeners: [
      {
        name: '127.0.0.1:0',
        host: '127.0.0.1',
        port: 0,
        tls: undefined,
        http2: false,
        securityHeaders: [],
        redirect: undefined,
        publicAuthority: undefined,
        passthrough: undefined,
        allowedHosts: [],
        allowedOrigins: [],
        limits: { ...SOCKET_LIMITS, ...test.socketLimits },
        ...test.listener,
      },
    ],
    servers: names.map((name) => ({
      name,
      endpoints: test.servers[name] ?? [],
      healthCheck: { intervalMs: test.healthIntervalMs ?? 30_000, timeoutMs: 2_000 },
      legacy: { ...DEFAULT_LEGACY_BACK_OPTIONS, ...test.legacy },
      tools: { ...NO_TOOL_RULES, ...test.tools?.[name] },
    })),
    routes: Object.entries(routes).map(([path, servers]) => ({
      path,
      servers,
      plugins: test.routePlugins?.[path] ?? (test.plugins ?? []).map(({ name }) => name),
      catalog: { ...CATALOG, ...test.catalog },
      channels: { httpSse: true, webSocket: true },
    })),
    plugins: test.plugins ?? [],
    limits: {
      maxBodyBytes: 4_194_304,
      maxJsonDepth: 64,
      maxJsonElements: 65_536,
      keepAliveMs: 15_000,
      abandonedCallTimeoutMs: 300_000,
      ...test.limits,
    },
    sessions: { keys: ['a session key for tests, long enough'] },
    fronts: { ...FRONTS, ...test.fronts },
    channelLimits: {
      maxOpen: 1_024,
      maxOpenPerCaller: 1_024,
      maxCalls: 100,
      maxMessageBytes: 16_777_216,
    },
    admin: undefined,
    log: { level: 'error', access: false },
    audit: undefined,
    stateDir: '/nonexistent/sallyport-tests',
    childEnv: { PATH: process.env['PATH'] ?? '' },
    drainTimeoutMs: 5_000,
    tlsReloadIntervalMs: 300_000,
    insecureAllowPublic: false,
    ...test.overrides,
  }
}

export interface TestGateway extends Gateway {
  /** Where the only listener listens, such as `http://127.0.0.1:1234`. */
  readonly url: string
}

/** Starts a gateway that ends with the test. */
export async function startTestGateway(test: TestGatewayOptions): Promise<TestGateway> {
  const gateway = await startGateway(gatewayOptions(test), {
    log: silentLog,
    ...test.dependencies,
  })
  onTestFinished(() => gateway.stopNow())
  return Object.assign(Object.create(gateway) as Gateway, {
    url: gateway.addresses[0]?.url ?? '',
    stop: () => gateway.stop(),
    stopNow: () => gateway.stopNow(),
  }) as TestGateway
}
