// A bound socket: accepts or sheds connections, hands them to the front, and ends them all. What is spoken on a
// connection is the front's business, what a request means that of the stages behind.
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { GatewayError, type Clock, type Exchange, type Part, type Timer } from '../core/index.ts'
import type { Log, Metrics } from '../observability/index.ts'
import { loadServerContext } from '../tls/index.ts'
import { ConnectionGate, type ShedReason, type Verdict } from './connection-gate.ts'
import { Deadlines } from './deadlines.ts'
import { answerError } from './error-answer.ts'
import { Front } from './front.ts'
import type { ListenerOptions } from './options.ts'
import { createExchangeIds, LINGER_MS, type CutReason, type Surroundings } from './surroundings.ts'

/** When a client that was one too many may come back. */
const RETRY_AFTER_SECONDS = 1

/** Dropped connections are logged as a sum, at most this often: a flood must not become one of the log. */
const DROP_LOG_PERIOD_MS = 10_000

export interface ListenerAddress {
  readonly host: string
  readonly port: number
}

export interface ListenerContext {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
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
  readonly #gate: ConnectionGate
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #closed: Promise<void>
  #front: Front | undefined
  #certificateHosts: readonly string[] = []
  #address: AddressInfo | undefined
  #starting: Promise<void> | undefined
  #isDraining = false
  #dropped = 0
  #dropLog: Timer | undefined

  constructor(options: ListenerOptions, context: ListenerContext) {
    this.#options = options
    this.#context = context
    this.#surroundings = this.#createSurroundings()
    this.#gate = new ConnectionGate(options.limits, context.clock)
    // Half-open as in Node's own servers: a plain HTTP client may close its side while the answer is on its way.
    this.#server = createServer({ allowHalfOpen: options.tls === undefined, noDelay: true })
    this.#server.on('connection', (socket) => this.#onConnection(socket))
    this.#closed = new Promise((resolve) => this.#server.once('close', resolve))
  }

  get address(): ListenerAddress {
    const { address: host, port } = this.#address ?? { address: this.#options.host, port: 0 }
    return { host, port }
  }

  get certificateHosts(): readonly string[] {
    return this.#certificateHosts
  }

  start(): Promise<void> {
    this.#starting ??= this.#bind()
    return this.#starting
  }

  stopAccepting(): void {
    if (this.#server.listening) this.#server.close()
  }

  /** May be called again with a shorter deadline, which then holds. */
  async stop(deadlineMs: number): Promise<void> {
    // A start that fails is reported to whoever started; here it only has to be over.
    if (this.#address === undefined) await this.#starting?.catch(() => {})
    const isBound = this.#address !== undefined
    this.stopAccepting()
    if (!this.#isDraining) {
      this.#isDraining = true
      this.#front?.drain()
    }
    if (isBound) {
      const cut = deadlineMs > 0 && this.#context.clock.after(deadlineMs, () => this.#cutAll())
      if (cut === false) this.#cutAll()
      await this.#closed
      // Node says so before it tells the last sockets, and those before they tell their answers.
      while (this.#sockets.size > 0) await nextTurn()
      await nextTurn()
      if (cut !== false) cut.cancel()
    }
    this.#end()
  }

  async #bind(): Promise<void> {
    const { tls, http2, host, port } = this.#options
    const context = tls && loadServerContext(tls, this.#context.clock.nowMs())
    this.#certificateHosts = context?.hosts ?? []
    this.#front = new Front({ surroundings: this.#surroundings, tls: context, http2 })
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ port, ...(host !== '' && { host }) }, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    this.#address = this.#server.address() as AddressInfo
    // From here on an error is a failed accept, such as no free descriptor: the connection is lost, the listener lives.
    this.#server.on('error', (error) => this.#context.log.error({ error }, 'accept failed'))
  }

  #end(): void {
    const { slowReaders, lateBodies, idleSessions, lingering } = this.#surroundings
    for (const waits of [slowReaders, lateBodies, idleSessions, lingering]) waits.stop()
    this.#dropLog?.cancel()
    this.#front?.stop()
  }

  #cutAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #onConnection(socket: Socket): void {
    const { remoteAddress } = socket
    const front = this.#front
    // The client may be gone before its connection is looked at.
    if (remoteAddress === undefined || front === undefined) {
      socket.destroy()
      return
    }
    const verdict = this.#gate.admit()
    if (verdict.kind !== 'admit') this.#countShed(verdict.reason, verdict.kind === 'drop')
    if (verdict.kind === 'drop') {
      socket.resetAndDestroy()
      return
    }
    this.#track(socket, verdict)
    front.accept({
      socket,
      remoteAddress: withoutMapping(remoteAddress),
      refusal: verdict.kind === 'admit' ? undefined : tooManyConnections(verdict.reason),
    })
  }

  #track(socket: Socket, verdict: Verdict): void {
    const { connections } = this.#context.metrics
    const labels = { listener: this.#options.name }
    this.#sockets.add(socket)
    connections.inc(labels)
    // A peer that resets is no event; without a listener it would end the process.
    socket.on('error', () => {})
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#gate.release(verdict)
      connections.dec(labels)
    })
  }

  #countShed(reason: ShedReason, isDropped: boolean): void {
    const { metrics, clock, log } = this.#context
    metrics.connectionsShed.inc({ listener: this.#options.name, reason })
    if (!isDropped) return
    this.#dropped += 1
    this.#dropLog ??= clock.after(DROP_LOG_PERIOD_MS, () => {
      this.#dropLog = undefined
      log.warn({ count: this.#dropped }, 'connections dropped unanswered: too many at once')
      this.#dropped = 0
    })
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
    const { name, tls, limits } = this.#options
    const { clock, log, metrics, onRefusal } = this.#context
    const watch = <T>(timeoutMs: number, onExpired: (item: T) => void): Deadlines<T> =>
      new Deadlines({ clock, timeoutMs, onExpired })
    return {
      identity: { name, secure: tls !== undefined },
      limits,
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

function tooManyConnections(reason: ShedReason): GatewayError {
  return new GatewayError('GW_TOO_MANY_CONNECTIONS', `connection refused: limits.${reason}`, {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  })
}

/** An IPv4 client on a socket for both families comes as ::ffff:192.0.2.1 (RFC 4291 §2.5.5.2). */
function withoutMapping(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
