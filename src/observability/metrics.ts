// The gateway's metrics, all of them, in one registry. docs/reference/metrics.md is generated from this file's table.
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import { DurationTally } from './duration-tally.ts'
import { Level } from './level.ts'
import { Reading } from './reading.ts'
import { Tally } from './tally.ts'

/** The library's 10 ms wakes an idle process a hundred times a second. */
const EVENT_LOOP_PRECISION_MS = 200

const DURATION_BUCKETS_SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60]

/** The gateway's own metrics; names and labels are public. */
export interface Metrics {
  readonly registry: Registry
  readonly exchanges: Tally<'route', 'status'>
  readonly exchangeSeconds: DurationTally<'route'>
  readonly refusals: Counter<'code'>
  readonly connections: Gauge<'listener'>
  readonly connectionsShed: Counter<'listener' | 'reason'>
  readonly slowReaders: Counter<'listener'>
  readonly upstreamCalls: Tally<'server', 'outcome'>
  readonly endpointHealthy: Gauge<'server' | 'endpoint'>
  readonly children: Gauge<'server'>
  readonly childExits: Counter<'server' | 'reason'>
  readonly childNoiseLines: Counter<'server'>
  readonly eventStreams: Level<'route'>
  readonly channels: Gauge<'route' | 'kind'>
  readonly sessions: Reading
  readonly upstreamSessions: Reading<'server'>
  readonly parkedCalls: Reading<'server'>
  readonly pluginCalls: Counter<'plugin' | 'hook' | 'outcome'>
  readonly pluginSeconds: DurationTally<'plugin'>
  readonly catalogMissing: Counter<'server'>
  readonly catalogConflicts: Counter<'server'>
  readonly tlsReloads: Counter<'source' | 'result'>
  readonly tlsReloadOk: Gauge<'source'>
  readonly tlsReloadSuccess: Gauge<'source'>
  readonly certificateExpiry: Gauge<'role' | 'where'>
  readonly auditFailures: Counter<'reason'>
}

/** One registry per gateway, so that two in one process (tests) do not share counts. */
export function createMetrics(options: { readonly processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry()
  if (options.processMetrics ?? false) {
    collectDefaultMetrics({
      register: registry,
      eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION_MS,
    })
  }
  const registers = [registry]
  const counter = <T extends string>(name: string, help: string, labelNames: T[]) =>
    new Counter<T>({ name: `sallyport_${name}`, help, labelNames, registers })
  const tally = <A extends string, B extends string>(
    name: string,
    help: string,
    labels: [A, B],
  ) => {
    const counted = new Tally(labels)
    void new Counter<A | B>({
      name: `sallyport_${name}`,
      help,
      labelNames: labels,
      registers,
      collect() {
        counted.report(this)
      },
    })
    return counted
  }
  const gauge = <T extends string>(name: string, help: string, labelNames: T[]) =>
    new Gauge<T>({ name: `sallyport_${name}`, help, labelNames, registers })
  const durations = new DurationTally({
    name: 'sallyport_exchange_duration_seconds',
    help: 'Time from the header section to the end of the answer.',
    label: 'route',
    boundsSeconds: DURATION_BUCKETS_SECONDS,
  })
  registry.registerMetric(durations.asMetric())
  return {
    registry,
    exchanges: tally('exchanges_total', 'Requests answered, by route and status.', [
      'route',
      'status',
    ]),
    exchangeSeconds: durations,
    refusals: counter('refusals_total', 'Requests refused or failed, by error code.', ['code']),
    connections: gauge('connections', 'Open client connections.', ['listener']),
    connectionsShed: counter(
      'connections_shed_total',
      'Connections refused or cut, by reason: accept_rate, max_connections, handshake_failed, handshake_timeout, idle, pipelining, websocket; with passthrough also unknown_name, unreachable, loop.',
      ['listener', 'reason'],
    ),
    slowReaders: counter('slow_readers_total', 'Connections cut because the client did not read.', [
      'listener',
    ]),
    upstreamCalls: tally('upstream_calls_total', 'Calls to endpoints, by outcome.', [
      'server',
      'outcome',
    ]),
    endpointHealthy: gauge('endpoint_healthy', '1 when the endpoint was last seen reachable.', [
      'server',
      'endpoint',
    ]),
    children: gauge('children', 'stdio children alive.', ['server']),
    childExits: counter('child_exits_total', 'stdio children that ended, by reason.', [
      'server',
      'reason',
    ]),
    childNoiseLines: counter(
      'child_noise_lines_total',
      'Lines on a child’s stdout that are not JSON-RPC; they are dropped.',
      ['server'],
    ),
    eventStreams: eventStreams(registry),
    ...mcpMetrics(registry),
    ...pluginMetrics(registry),
    ...tlsMetrics(registry),
    auditFailures: auditFailures(registry),
  }
}

function eventStreams(registry: Registry): Metrics['eventStreams'] {
  const open = new Level('route')
  void new Gauge<'route'>({
    name: 'sallyport_event_streams',
    help: 'Open event streams to clients.',
    labelNames: ['route'],
    registers: [registry],
    collect() {
      open.report(this)
    },
  })
  return open
}

function mcpMetrics(
  registry: Registry,
): Pick<Metrics, 'channels' | 'catalogMissing' | 'catalogConflicts' | keyof HeldReadings> {
  const registers = [registry]
  return {
    channels: new Gauge({
      name: 'sallyport_channels',
      help: 'Open channels, by kind: http-sse, websocket.',
      labelNames: ['route', 'kind'],
      registers,
    }),
    ...heldReadings(registry),
    catalogMissing: new Counter({
      name: 'sallyport_catalog_missing_total',
      help: 'Times that a list of several servers went out without one of them, which did not give its own in time.',
      labelNames: ['server'],
      registers,
    }),
    catalogConflicts: new Counter({
      name: 'sallyport_catalog_conflicts_total',
      help: 'Times that a tool or prompt was left out, because a server before it has one of that name.',
      labelNames: ['server'],
      registers,
    }),
  }
}

function pluginMetrics(registry: Registry): Pick<Metrics, 'pluginCalls' | 'pluginSeconds'> {
  const pluginSeconds = new DurationTally({
    name: 'sallyport_plugin_duration_seconds',
    help: 'Time that plugins took for one hook.',
    label: 'plugin',
    boundsSeconds: DURATION_BUCKETS_SECONDS,
  })
  registry.registerMetric(pluginSeconds.asMetric())
  return {
    pluginCalls: new Counter({
      name: 'sallyport_plugin_calls_total',
      help: 'Times that plugins were asked, by outcome: passed, changed, denied (a violation), failed (out of reach, too late, or no answer to a hook); whatever the mode of the plugin makes of it.',
      labelNames: ['plugin', 'hook', 'outcome'],
      registers: [registry],
    }),
    pluginSeconds,
  }
}

type HeldReadings = Pick<Metrics, 'sessions' | 'upstreamSessions' | 'parkedCalls'>

function heldReadings(registry: Registry): HeldReadings {
  const reading = <T extends string>(name: string, help: string, labelNames: T[]) => {
    const made = new Reading<T>()
    void new Gauge<T>({
      name: `sallyport_${name}`,
      help,
      labelNames,
      registers: [registry],
      collect() {
        made.report(this)
      },
    })
    return made
  }
  return {
    sessions: reading('sessions', 'Sessions of legacy clients that the gateway itself holds.', []),
    upstreamSessions: reading(
      'upstream_sessions',
      'Sessions held with servers of the legacy era for those whose calls are translated.',
      ['server'],
    ),
    parkedCalls: reading(
      'parked_calls',
      'Calls at servers of the legacy era that wait for input of their clients.',
      ['server'],
    ),
  }
}

function tlsMetrics(
  registry: Registry,
): Pick<Metrics, 'tlsReloads' | 'tlsReloadOk' | 'tlsReloadSuccess' | 'certificateExpiry'> {
  const registers = [registry]
  const gauge = <T extends string>(name: string, help: string, labelNames: T[]) =>
    new Gauge<T>({ name: `sallyport_${name}`, help, labelNames, registers })
  return {
    tlsReloads: new Counter({
      name: 'sallyport_tls_reloads_total',
      help: 'Times that certificates, keys or authorities were read anew, by result: changed, unchanged, failed (what was good stays in use).',
      labelNames: ['source', 'result'],
      registers,
    }),
    tlsReloadOk: gauge(
      'tls_last_reload_successful',
      '0 while the files of a listener or server cannot be used and older material stays in use.',
      ['source'],
    ),
    tlsReloadSuccess: gauge(
      'tls_last_reload_success_timestamp_seconds',
      'Unix time at which the files of a listener or server were last read and found good.',
      ['source'],
    ),
    certificateExpiry: gauge(
      'certificate_expiry_timestamp_seconds',
      'Unix time at which a certificate or revocation list in use ends, the earliest of its place; role: server, client, ca, crl, upstream.',
      ['role', 'where'],
    ),
  }
}

function auditFailures(registry: Registry): Counter<'reason'> {
  return new Counter({
    name: 'sallyport_audit_failures_total',
    help: 'What went wrong with the audit file, by reason: write (not written, and tried again), reopen (the old file stays in use), lost (an event that was given up).',
    labelNames: ['reason'],
    registers: [registry],
  })
}
