// Builds the gateway from its options, starts its parts in order and stops them in the opposite one: listeners first,
// then calls, children last.
import { randomBytes } from 'node:crypto'
import { HostOriginCheck } from '../admission/index.ts'
import { systemClock, type Clock } from '../core/index.ts'
import {
  createListener,
  createPassthroughListener,
  OwnConnections,
  type Listener,
} from '../listener/index.ts'
import type { PassthroughTarget } from '../listener/options.ts'
import { createLog, createMetrics, type Log, type Metrics } from '../observability/index.ts'
import { createRouter, type EndpointPool } from '../routing/index.ts'
import { createAdminListener } from './admin-listener.ts'
import { buildMcp, type McpParts } from './build-mcp.ts'
import { buildPluginPools, buildPlugins, type PluginParts } from './build-plugins.ts'
import { buildPools } from './build-pools.ts'
import { GatewayAudit, unsafeAsWhole } from './gateway-audit.ts'
import type { HealthSource, Readiness } from './health.ts'
import { urlOf } from './listener-url.ts'
import type { GatewayListenerOptions, GatewayOptions } from './options.ts'
import { createPipeline } from './pipeline.ts'
import { createRedirectListener } from './redirect-listener.ts'
import { createReporter, type Reporter } from './report.ts'
import { keptSessionKey } from './session-key.ts'
import { TlsWatch, type Audience } from './tls-watch.ts'

/** What is under one's control once a gateway runs. */
export interface Gateway {
  /** Where it listens, the system's choice of port filled in. */
  readonly addresses: readonly { readonly name: string; readonly url: string }[]
  /** The admin listener's URL, if there is one. */
  readonly adminUrl: string | undefined
  /** Reads certificates, keys, authorities and revocation lists anew. What cannot be used is told in the log. */
  reload(): Promise<void>
  /** Drains: takes nothing new, lets calls under way finish within the drain timeout, then ends everything. */
  stop(): Promise<void>
  /** Ends everything at once; calls under way are cut. */
  stopNow(): Promise<void>
}

/** Replacements for what a test wants to see or turn. */
export interface GatewayDependencies {
  readonly log?: Log
  readonly metrics?: Metrics
  readonly clock?: Clock
}

/**
 * Starts a gateway. When a part cannot start, those that did are stopped again.
 *
 * @throws Node's error when an address cannot be bound or the state folder not written; an error with code
 * `TLS_MATERIAL` for a certificate or key, `SESSION_KEY` for the kept session key, `AUDIT_FILE`, each with file and mend.
 */
export async function startGateway(
  options: GatewayOptions,
  dependencies: GatewayDependencies = {},
): Promise<Gateway> {
  const gateway = new RunningGateway(options, dependencies)
  try {
    await gateway.start()
  } catch (thrown) {
    await gateway.stopNow()
    throw thrown
  }
  return gateway
}

class RunningGateway implements Gateway {
  readonly #options: GatewayOptions
  readonly #log: Log
  readonly #metrics: Metrics
  readonly #clock: Clock
  readonly #pools: readonly EndpointPool[]
  readonly #pluginPools: readonly EndpointPool[]
  readonly #listeners: Listener[] = []
  /** Those that only redirect, with the names they were configured by. */
  readonly #redirects: { readonly name: string; readonly listener: Listener }[] = []
  readonly #ownConnections = new OwnConnections()
  readonly #tlsWatch: TlsWatch
  readonly #audit: GatewayAudit
  #admin: Listener | undefined
  #mcp: McpParts | undefined
  #plugins: PluginParts | undefined
  #readiness: Readiness = 'starting'
  #stopping: Promise<void> | undefined

  constructor(options: GatewayOptions, dependencies: GatewayDependencies) {
    this.#options = options
    this.#log = dependencies.log ?? createLog(options.log)
    this.#metrics = dependencies.metrics ?? createMetrics({ processMetrics: true })
    this.#clock = dependencies.clock ?? systemClock
    const tools = { log: this.#log, metrics: this.#metrics, clock: this.#clock }
    this.#audit = new GatewayAudit(options, tools)
    this.#tlsWatch = new TlsWatch({
      ...tools,
      audit: this.#audit.events,
      intervalMs: options.tlsReloadIntervalMs,
      listeners: () => this.#listeners,
      pools: () => this.#allPools,
    })
    const context = {
      ...tools,
      baseEnv: options.childEnv,
      onPeerCertificate: this.#tlsWatch.onPeerCertificate,
    }
    this.#pools = buildPools(options.servers, context)
    this.#pluginPools = buildPluginPools(options.plugins, context)
  }

  get #allPools(): readonly EndpointPool[] {
    return [...this.#pools, ...this.#pluginPools]
  }

  get addresses(): Gateway['addresses'] {
    const listening = this.#options.listeners.flatMap((options, at) => {
      const listener = this.#listeners[at]
      return listener === undefined ? [] : { name: options.name, url: urlOf(listener, options) }
    })
    const redirecting = this.#redirects.map(({ name, listener }) => ({
      name,
      url: urlOf(listener),
    }))
    return [...listening, ...redirecting]
  }

  get adminUrl(): string | undefined {
    return this.#admin && urlOf(this.#admin)
  }

  async start(): Promise<void> {
    await this.#audit.open()
    const keys = await this.#sessionKeys()
    const reporter = createReporter(this.#log, this.#metrics, this.#options.log)
    const viaName = `sallyport-${randomBytes(4).toString('hex')}`
    const context = { log: this.#log, metrics: this.#metrics, clock: this.#clock, keys, viaName }
    const plugins = buildPlugins(this.#options.plugins, this.#pluginPools, context)
    this.#plugins = plugins
    const mcp = buildMcp(this.#options, this.#pools, {
      ...context,
      hooksOf: (names) => plugins.hooksOf(names),
      onCall: (report) => reporter.onCall(report),
    })
    this.#mcp = mcp
    await Promise.all(this.#allPools.map((pool) => pool.start()))
    await mcp.start()
    for (const listener of this.#options.listeners) await this.#listen(listener, mcp, reporter)
    await this.#listenAdmin(reporter)
    await this.#tlsWatch.start()
    this.#readiness = 'ready'
    this.#tellUnsafe()
  }

  /** Where no listener speaks HTTP there are no sessions, and no reason to want a folder that can be written. */
  async #sessionKeys(): Promise<readonly string[]> {
    const { sessions, stateDir, routes } = this.#options
    if (sessions.keys.length > 0) return sessions.keys
    return [routes.length > 0 ? await keptSessionKey(stateDir) : randomBytes(32).toString('hex')]
  }

  async reload(): Promise<void> {
    this.#log.info({}, 'reading certificates, keys and authorities anew')
    await this.#audit.reopen()
    await this.#tlsWatch.reloadNow()
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stopWithin(this.#options.drainTimeoutMs)
    return this.#stopping
  }

  stopNow(): Promise<void> {
    return this.#stopWithin(0)
  }

  async #stopWithin(deadlineMs: number): Promise<void> {
    this.#readiness = 'draining'
    if (deadlineMs > 0) this.#log.info({ count: this.#mcp?.endpoint.inFlight ?? 0 }, 'draining')
    const redirects = this.#redirects.map(({ listener }) => listener)
    const listenersEnd = Promise.all(
      [...this.#listeners, ...redirects].map((it) => it.stop(deadlineMs)),
    )
    this.#mcp?.endpoint.drain()
    this.#mcp?.channels.drain()
    await listenersEnd
    await this.#mcp?.stop(deadlineMs)
    await this.#plugins?.stop()
    await Promise.all(this.#allPools.map((pool) => pool.stop(deadlineMs)))
    await this.#tlsWatch.stop()
    await this.#admin?.stop(0)
    await this.#audit.stop()
    this.#log.info({}, 'stopped')
    await this.#log.flush()
  }

  #health(audience: Audience): HealthSource {
    return {
      readiness: () => this.#readiness,
      pools: this.#allPools,
      warnings: () => this.#tlsWatch.warnings(audience),
    }
  }

  async #listen(options: GatewayListenerOptions, mcp: McpParts, reporter: Reporter): Promise<void> {
    if (options.passthrough !== undefined) {
      await this.#listenPassthrough(options, options.passthrough)
      return
    }
    const webSocket = this.#options.routes.some(({ channels }) => channels.webSocket)
    const listener: Listener = createListener(
      { ...options, webSocket },
      {
        log: this.#log.with({ listener: options.name }),
        metrics: this.#metrics,
        clock: this.#clock,
        audit: this.#audit.events,
        // What replicas share, if they share anything; sessions of TLS that outlive a restart are not worth a key on disk.
        ticketSecret: this.#options.sessions.keys[0],
        onExchange: (exchange) => pipeline(exchange),
        onRefusal: (error, remote, id) => reporter.onSocketRefusal(error, remote, id),
      },
    )
    this.#listeners.push(listener)
    await listener.start()
    const hostOrigin = new HostOriginCheck({
      ...options,
      boundHost: options.host,
      certificateHosts: listener.certificateHosts,
    })
    listener.tls?.onChange(() => hostOrigin.replaceCertificateHosts(listener.certificateHosts))
    const pipeline = createPipeline({
      hostOrigin,
      health: this.#health('public'),
      router: createRouter(mcp.routes),
      mcp: mcp.endpoint,
      channels: mcp.channels,
      onRefusal: (exchange, error) => reporter.onRefusal(exchange, error),
    })
    this.#log.info({ address: urlOf(listener, options) }, 'listening')
    const redirecting = createRedirectListener(options, {
      log: this.#log,
      metrics: this.#metrics,
      clock: this.#clock,
      reporter,
      hostOrigin,
      target: listener,
    })
    if (redirecting === undefined) return
    this.#redirects.push({ name: options.redirect?.name ?? '', listener: redirecting })
    await redirecting.start()
    this.#log.info({ address: urlOf(redirecting) }, 'redirecting')
  }

  async #listenPassthrough(
    { name, host, port, limits }: GatewayListenerOptions,
    targets: readonly PassthroughTarget[],
  ): Promise<void> {
    const listener = createPassthroughListener(
      { name, host, port, targets, limits },
      {
        log: this.#log.with({ listener: name }),
        metrics: this.#metrics,
        clock: this.#clock,
        ownConnections: this.#ownConnections,
        hasAccessLog: this.#options.log.access,
      },
    )
    this.#listeners.push(listener)
    await listener.start()
    this.#log.info({ address: urlOf(listener, { passthrough: targets }) }, 'passing on')
  }

  async #listenAdmin(reporter: Reporter): Promise<void> {
    const { admin, listeners } = this.#options
    const limits = listeners[0]?.limits
    if (admin === undefined || limits === undefined) return
    this.#admin = createAdminListener(admin, {
      log: this.#log,
      metrics: this.#metrics,
      clock: this.#clock,
      limits,
      health: this.#health('admin'),
      reporter,
    })
    await this.#admin.start()
    this.#log.info({ address: urlOf(this.#admin) }, 'admin listening')
  }

  #tellUnsafe(): void {
    const ofAll = unsafeAsWhole(this.#options)
    for (const { problem } of ofAll) this.#log.warn({}, problem)
    const addresses = this.addresses.map(({ url }) => url)
    this.#audit.started(addresses, [...ofAll, ...this.#tlsWatch.unsafe])
  }
}
