// Keys of the working lane for the table of keys.test.ts: where each is written, and what becomes of it.
import type { GatewayOptions } from '../../src/gateway/index.ts'

type Case = readonly [
  written: unknown,
  read: (options: GatewayOptions) => unknown,
  absent: unknown,
  set: unknown,
]

/** By the path in the document; names of servers and numbers of list items are those of the minimal file. */
const KEYS: Readonly<Record<string, Case>> = {
  'servers.weather.tools.allow': [
    ['get_*'],
    (options) => options.servers[0]?.tools.allow,
    undefined,
    ['get_*'],
  ],
  'servers.weather.tools.deny': [
    ['delete_?'],
    (options) => options.servers[0]?.tools.deny,
    [],
    ['delete_?'],
  ],
  'servers.weather.tools.rename': [
    { old: 'new' },
    (options) => options.servers[0]?.tools.rename,
    new Map(),
    new Map([['old', 'new']]),
  ],
  ...legacy('max_sessions', 'maxSessions', [7, 1_000, 7]),
  ...legacy('max_sessions_per_caller', 'maxSessionsPerCaller', [3, 16, 3]),
  ...legacy('session_idle_timeout', 'sessionIdleTimeoutMs', ['1m', 300_000, 60_000]),
  ...legacy('session_max_lifetime', 'sessionMaxLifetimeMs', ['1h', 14_400_000, 3_600_000]),
  ...legacy('max_parked_calls', 'maxParkedCalls', [0, 128, 0]),
  ...legacy('max_parked_calls_per_caller', 'maxParkedCallsPerCaller', [5, 32, 5]),
  ...legacy('parked_call_timeout', 'parkedCallTimeoutMs', ['30s', 600_000, 30_000]),
  'routes.0.names': ['keep', (options) => options.routes[0]?.catalog.names, 'prefix', 'keep'],
  'routes.0.page_size': [20, (options) => options.routes[0]?.catalog.pageSize, 100, 20],
  'routes.0.catalog.timeout': [
    '2s',
    (options) => options.routes[0]?.catalog.timeoutMs,
    5_000,
    2_000,
  ],
  'routes.0.catalog.poll_interval': [
    '1m',
    (options) => options.routes[0]?.catalog.pollIntervalMs,
    300_000,
    60_000,
  ],
  'routes.0.http_sse': [false, (options) => options.routes[0]?.channels.httpSse, true, false],
  'routes.0.websocket': [true, (options) => options.routes[0]?.channels.webSocket, false, true],
  'limits.channels.max_open': [7, (options) => options.channelLimits.maxOpen, 1_024, 7],
  'limits.channels.max_open_per_caller': [
    9,
    (options) => options.channelLimits.maxOpenPerCaller,
    256,
    9,
  ],
  'limits.channels.max_calls': [8, (options) => options.channelLimits.maxCalls, 100, 8],
  'limits.channels.max_message_bytes': [
    '1MiB',
    (options) => options.channelLimits.maxMessageBytes,
    16_777_216,
    1_048_576,
  ],
  'limits.max_subscriptions': [9, (options) => options.fronts.maxSubscriptions, 1_024, 9],
  'limits.max_subscriptions_per_caller': [
    2,
    (options) => options.fronts.maxSubscriptionsPerCaller,
    64,
    2,
  ],
  'sessions.max_sessions': [11, (options) => options.fronts.maxSessions, 10_000, 11],
  'sessions.idle_timeout': [
    '10m',
    (options) => options.fronts.sessionIdleTimeoutMs,
    1_800_000,
    600_000,
  ],
  'sessions.answer_timeout': ['1m', (options) => options.fronts.answerTimeoutMs, 600_000, 60_000],
  'sessions.replay.max_bytes': [
    '64KiB',
    (options) => options.fronts.replay.maxBytes,
    1_048_576,
    65_536,
  ],
  'sessions.replay.max_age': ['30s', (options) => options.fronts.replay.maxAgeMs, 300_000, 30_000],
}

function legacy(
  key: string,
  option: keyof GatewayOptions['servers'][number]['legacy'],
  [written, absent, set]: readonly [unknown, unknown, unknown],
): Record<string, Case> {
  const read = (options: GatewayOptions): unknown => options.servers[0]?.legacy[option]
  return { [`servers.weather.legacy.${key}`]: [written, read, absent, set] }
}

export const WORKING_LANE_KEYS = Object.entries(KEYS).map(
  ([place, [written, read, absent, set]]) => ({
    key: place.replace('servers.weather', 'servers.<name>').replace('routes.0', 'routes[]'),
    path: place.split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step)),
    written,
    read,
    absent,
    set,
  }),
)
