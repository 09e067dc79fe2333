// Builds the gateway from its options, starts its parts in order and stops them in the opposite one: listeners first,
// then calls, children last.
import { randomBytes } from 'node:crypto'
import { HostOriginCheck } from '../admission/index.ts'
import { systemClock, type Clock } from '../core/index.ts'
import { createListener, type Listener } from '../listener/index.ts'
import { McpEndpoint, SessionSeal } from '../mcp/index.ts'
import { createLog, createMetrics, type Log, type Metrics } from '../observability/index.ts'
import { createRouter, EndpointPool, type Router } from '../routing/index.ts'
import { answerAdmin } from './admin.ts'
import { buildPools } from './build-pools.ts'
import type { HealthSource, Readiness } from './health.ts'
import type { GatewayListenerOptions, GatewayOptions } from './options.ts'
import { createPipeline } from './pipeline.ts'
import { createReporter, type Reporter } from './report.ts'
import { keptSessionKey } from './session-key.ts'

/** What is under one's control once a gateway runs. */
export interface Gateway {
  /** Where it listens, the system's choice of port filled in. */
  readonly addresses: readonly { readonly name: string; readonly url: string }[]
  /** The admin listener's URL, if there is one. */
  readonly adminUrl: string | undefined
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
 * `TLS_MATERIAL` for a certificate or key, `SESSION_KEY` for the kept session key, each with file and mend.
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
  readonly #listeners: Listener[] = []
  #admin: Listener | undefined
  #mcp: McpEndpoint | undefined
  #readiness: Readiness = 'starting'
  #stopping: Promise<void> | undefined

  constructor(options: GatewayOptions, dependencies: GatewayDependencies) {
    this.#options = options
    this.#log = dependencies.log ?? createLog(options.log)
    this.#metrics = dependencies.metrics ?? createMetrics({ processMetrics: true })
    this.#clock = dependencies.clock ?? systemClock
    this.#pools = buildPools(options.servers, {
      log: this.#log,
      metrics: this.#metrics,
      clock: this.#clock,
      baseEnv: options.childEnv,
    })
  }

  get addresses(): Gateway['addresses'] {
    return this.#listeners.map((listener, at) => ({
      name: this.#options.listeners[at]?.name ?? '',
      url: urlOf(listener, this.#options.listeners[at]?.tls !== undefined),
    }))
  }

  get adminUrl(): string | undefined {
    return this.#admin && urlOf(this.#admin, false)
  }

  async start(): Promise<void> {
    const { sessions, stateDir, limits } = this.#options
    const keys = sessions.keys.length > 0 ? sessions.keys : [await keptSessionKey(stateDir)]
    const reporter = createReporter(this.#log, this.#metrics, this.#options.log)
    const { eventStreams } = this.#metrics
    this.#mcp = new McpEndpoint({
      limits,
      seal: new SessionSeal(keys),
      clock: this.#clock,
      viaName: `sallyport-${randomBytes(4).toString('hex')}`,
      onStreamOpen: ({ path }) => eventStreams.inc({ route: path }),
      onStreamClose: ({ path }) => eventStreams.dec({ route: path }),
      onOver: (report) => reporter.onCall(report),
    })
    await Promise.all(this.#pools.map((pool) => pool.start()))
    const router = this.#router()
    for (const listener of this.#options.listeners) {
      await this.#listen(listener, router, this.#mcp, reporter)
    }
    await this.#listenAdmin(reporter)
    this.#readiness = 'ready'
    this.#warnOfUnsafe()
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
    if (deadlineMs > 0) this.#log.info({ count: this.#mcp?.inFlight ?? 0 }, 'draining')
    const listenersEnd = Promise.all(this.#listeners.map((it) => it.stop(deadlineMs)))
    this.#mcp?.drain()
    await listenersEnd
    await Promise.all(this.#pools.map((pool) => pool.stop(deadlineMs)))
    await this.#admin?.stop(0)
    this.#log.info({}, 'stopped')
    await this.#log.flush()
  }

  #router(): Router {
    const byName = new Map(this.#pools.map((pool) => [pool.server, pool]))
    return createRouter(
      this.#options.routes.map(({ path, server }) => {
        const pool = byName.get(server)
        if (pool === undefined) throw new TypeError(`route ${path}: no server "${server}"`)
        return { path, pool }
      }),
    )
  }

  get #health(): HealthSource {
    return { readiness: () => this.#readiness, pools: this.#pools }
  }

  async #listen(
    options: GatewayListenerOptions,
    router: Router,
    mcp: McpEndpoint,
    reporter: Reporter,
  ): Promise<void> {
    const listener: Listener = createListener(options, {
      log: this.#log.with({ listener: options.name }),
      metrics: this.#metrics,
      clock: this.#clock,
      onExchange: (exchange) => pipeline(exchange),
      onRefusal: (error, remote, id) => reporter.onSocketRefusal(error, remote, id),
    })
    this.#listeners.push(listener)
    await listener.start()
    const pipeline = createPipeline({
      hostOrigin: new HostOriginCheck({
        ...options,
        boundHost: options.host,
        certificateHosts: listener.certificateHosts,
      }),
      health: this.#health,
      router,
      mcp,
      onRefusal: (exchange, error) => reporter.onRefusal(exchange, error),
    })
    this.#log.info({ address: urlOf(listener, options.tls !== undefined) }, 'listening')
  }

  async #listenAdmin(reporter: Reporter): Promise<void> {
    const { admin, listeners } = this.#options
    const limits = listeners[0]?.limits
    if (admin === undefined || limits === undefined) return
    const listenerOptions = { ...admin, tls: undefined, http2: false, limits }
    const hostOrigin = new HostOriginCheck({
      allowedHosts: [],
      allowedOrigins: [],
      boundHost: admin.host,
      certificateHosts: [],
    })
    this.#admin = createListener(listenerOptions, {
      log: this.#log.with({ listener: admin.name }),
      metrics: this.#metrics,
      clock: this.#clock,
      onExchange: (exchange) =>
        answerAdmin(exchange, {
          hostOrigin,
          health: this.#health,
          metrics: this.#metrics,
          reporter,
        }),
      onRefusal: (error, remote, id) => reporter.onSocketRefusal(error, remote, id),
    })
    await this.#admin.start()
    this.#log.info({ address: urlOf(this.#admin, false) }, 'admin listening')
  }

  #warnOfUnsafe(): void {
    if (!this.#options.insecureAllowPublic) return
    this.#log.warn({}, 'insecure_allow_public: callers from other machines are not authenticated')
  }
}

function urlOf(listener: Listener, secure: boolean): string {
  const { host, port } = listener.address
  const shown = host.includes(':') ? `[${host}]` : host
  return `${secure ? 'https' : 'http'}://${shown}:${port}`
}
