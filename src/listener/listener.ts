// A listener that speaks HTTP: hands accepted connections to the front, and exchanges to whoever it was made for. What is
// spoken on a connection is the front's business, what a request means that of the stages behind.
import { type Clock, Deadlines, type Exchange, GatewayError, type Part } from '../core/index.ts'
import { type Audit, type Log, type Metrics, noAudit } from '../observability/index.ts'
import { createServerTls, type ServerTls } from '../tls/index.ts'
import { Acceptor, type ListenerAddress } from './acceptor.ts'
import { answerError } from './error-answer.ts'
import { Front } from './front.ts'
import type { ListenerOptions } from './options.ts'
import { SecurityHeaders } from './security-headers.ts'
import { createExchangeIds, LINGER_MS, type CutReason, type Surroundings } from './surroundings.ts'

export interface ListenerContext {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  /** Told of clients that are refused for their certificate. Absent: nobody is. */
  readonly audit?: Audit
  /** Seals TLS session tickets. Listeners that share it resume each other's sessions. Undefined: a random one. */
  readonly ticketSecret?: string | undefined
  /** Called with every request that is framed well and within the budgets. */
  readonly onExchange: (exchange: Exchange) => void
  /** Told of every request that the listener answers by itself; counting and logging it is the caller's. */
  readonly onRefusal: (
    error: GatewayError,
    remoteAddress: string | undefined,
    requestId: string,
  ) => void
}

export interface Listener extends Part {
  /** Where it listens, with the port that the system chose. Known once started. */
  readonly address: ListenerAddress
  /** DNS names and IP addresses in its certificate; empty without TLS. Known once started. */
  readonly certificateHosts: readonly string[]
  /** What its TLS is made of, to be watched. Undefined: plain HTTP, or not started. */
  readonly tls: ServerTls | undefined
  /** Closes the socket that accepts; connections that are open go on. */
  stopAccepting(): void
}

/** Builds a listener. Nothing is bound or read before `start`, which rejects with Node's error or a TlsMaterialError. */
export function createListener(options: ListenerOptions, context: ListenerContext): Listener {
  return new SocketListener(options, context)
}

class SocketListener implements Listener {
  readonly #options: ListenerOptions
  readonly #context: ListenerContext
  readonly #surroundings: Surroundings
  readonly #acceptor: Acceptor
  #front: Front | undefined
  #tls: ServerTls | undefined
  #starting: Promise<void> | undefined
  #isDraining = false

  constructor(options: ListenerOptions, context: ListenerContext) {
    this.#options = options
    this.#context = context
    this.#surroundings = this.#createSurroundings()
    const { name, host, port, tls, limits } = options
    // Half-open as in Node's own servers: a plain HTTP client may close its side while the answer is on its way.
    this.#acceptor = new Acceptor(
      { name, host, port, allowHalfOpen: tls === undefined, limits },
      { ...context, onArrival: (arrival) => this.#front?.accept(arrival) },
    )
  }

  get address(): ListenerAddress {
    return this.#acceptor.address
  }

  get certificateHosts(): readonly string[] {
    return this.#tls?.certificateHosts ?? []
  }

  get tls(): ServerTls | undefined {
    return this.#tls
  }

  start(): Promise<void> {
    this.#starting ??= this.#bind()
    return this.#starting
  }

  stopAccepting(): void {
    this.#acceptor.close()
  }

  /** May be called again with a shorter deadline, which then holds. */
  async stop(deadlineMs: number): Promise<void> {
    // A start that fails is reported to whoever started; here it only has to be over.
    if (!this.#acceptor.isBound) await this.#starting?.catch(() => {})
    this.stopAccepting()
    if (!this.#isDraining) {
      this.#isDraining = true
      this.#front?.drain()
    }
    await this.#acceptor.end(deadlineMs)
    const { slowReaders, lateBodies, idleSessions, lingering } = this.#surroundings
    for (const waits of [slowReaders, lateBodies, idleSessions, lingering]) waits.stop()
    this.#front?.stop()
  }

  async #bind(): Promise<void> {
    const { name, tls, http2 } = this.#options
    const { log, clock, audit = noAudit, ticketSecret } = this.#context
    this.#tls = tls && createServerTls(tls, { name: `listener ${name}`, clock, ticketSecret })
    for (const warning of this.#tls?.warnings ?? []) log.warn({}, warning)
    this.#front = new Front({
      surroundings: this.#surroundings,
      tls: this.#tls,
      http2,
      log,
      clock,
      audit,
    })
    await this.#acceptor.bind()
  }

  /** Nothing that a stage behind does wrong may end the process or leave the client without an answer. */
  #onExchange(exchange: Exchange): void {
    const { answer, id, remoteAddress } = exchange
    if (this.#isDraining) {
      const error = new GatewayError('GW_DRAINING', 'the gateway is stopping')
      this.#context.onRefusal(error, remoteAddress, id)
      answerError(answer, error, id)
      return
    }
    try {
      this.#context.onExchange(exchange)
    } catch (thrown) {
      const error = new GatewayError('GW_INTERNAL', 'a request was not handled', { cause: thrown })
      this.#context.onRefusal(error, remoteAddress, id)
      if (answer.started) answer.abort()
      else answerError(answer, error, id)
    }
  }

  #createSurroundings(): Surroundings {
    const { name, tls, limits, securityHeaders, webSocket = false } = this.#options
    const { clock, log, metrics, onRefusal } = this.#context
    const watch = <T>(timeoutMs: number, onExpired: (item: T) => void): Deadlines<T> =>
      new Deadlines({ clock, timeoutMs, onExpired })
    return {
      identity: {
        name,
        secure: tls !== undefined,
        forwardsPeer: tls?.forwardClientIdentity ?? false,
      },
      limits,
      security: new SecurityHeaders(securityHeaders),
      takesWebSocket: webSocket,
      nextId: createExchangeIds(),
      nowMs: () => clock.nowMs(),
      onExchange: (exchange) => this.#onExchange(exchange),
      onRefusal,
      onSlowReader: (remote, exchange) => {
        metrics.slowReaders.inc({ listener: name })
        log.warn({ remote, exchange, code: 'GW_SLOW_READER' }, 'client does not read its answer')
      },
      onConnectionCut: (reason: CutReason, error?: Error) => {
        metrics.connectionsShed.inc({ listener: name, reason })
        log.debug({ error }, `connection cut: ${reason}`)
      },
      slowReaders: watch(limits.slowReaderTimeoutMs, (item) => item.cutSlowReader()),
      lateBodies: watch(limits.requestTimeoutMs, (item) => item.failLate()),
      idleSessions: watch(limits.idleTimeoutMs, (item) => item.closeIdle()),
      lingering: watch(LINGER_MS, (item) => item.endLingering()),
    }
  }
}
