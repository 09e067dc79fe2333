// A bound TCP socket, whatever is spoken on it: accepts or sheds connections, counts them, and ends them all. What happens
// on an accepted connection is its owner's business.
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { GatewayError, type Clock, type Timer } from '../core/index.ts'
import type { Log, Metrics } from '../observability/index.ts'
import {
  ConnectionGate,
  type GateLimits,
  type ShedReason,
  type Verdict,
} from './connection-gate.ts'
import type { Arrival } from './surroundings.ts'

/** When a client that was one too many may come back. */
const RETRY_AFTER_SECONDS = 1

/** Dropped connections are logged as a sum, at most this often: a flood must not become one of the log. */
const DROP_LOG_PERIOD_MS = 10_000

export interface ListenerAddress {
  readonly host: string
  readonly port: number
}

export interface AcceptorOptions {
  /** The configured address as written, for logs and metrics. */
  readonly name: string
  /** '' means all interfaces. */
  readonly host: string
  readonly port: number
  /** Whether a client may close its side while it waits for the other (RFC 9293 §3.6). */
  readonly allowHalfOpen: boolean
  readonly limits: GateLimits
}

export interface AcceptorContext {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  /** Takes over a connection. One with a refusal is to be told so, or closed. */
  readonly onArrival: (arrival: Arrival) => void
}

export class Acceptor {
  readonly #options: AcceptorOptions
  readonly #context: AcceptorContext
  readonly #gate: ConnectionGate
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #closed: Promise<void>
  #address: AddressInfo | undefined
  #dropped = 0
  #dropLog: Timer | undefined

  constructor(options: AcceptorOptions, context: AcceptorContext) {
    this.#options = options
    this.#context = context
    this.#gate = new ConnectionGate(options.limits, context.clock)
    this.#server = createServer({ allowHalfOpen: options.allowHalfOpen, noDelay: true })
    this.#server.on('connection', (socket) => this.#onConnection(socket))
    this.#closed = new Promise((resolve) => this.#server.once('close', resolve))
  }

  get address(): ListenerAddress {
    const { address: host, port } = this.#address ?? { address: this.#options.host, port: 0 }
    return { host, port }
  }

  get isBound(): boolean {
    return this.#address !== undefined
  }

  /** Rejects with Node's error when the address cannot be had. */
  async bind(): Promise<void> {
    const { host, port } = this.#options
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

  /** Closes the socket that accepts; connections that are open go on. */
  close(): void {
    if (this.#server.listening) this.#server.close()
  }

  /** Resolves when every connection is closed; those that are not by the deadline are cut. */
  async end(deadlineMs: number): Promise<void> {
    this.close()
    if (this.isBound) {
      const cut = deadlineMs > 0 && this.#context.clock.after(deadlineMs, () => this.#cutAll())
      if (cut === false) this.#cutAll()
      await this.#closed
      // Node says so before it tells the last sockets, and those before they tell their answers.
      while (this.#sockets.size > 0) await nextTurn()
      await nextTurn()
      if (cut !== false) cut.cancel()
    }
    this.#dropLog?.cancel()
  }

  #cutAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #onConnection(socket: Socket): void {
    const { remoteAddress } = socket
    // The client may be gone before its connection is looked at.
    if (remoteAddress === undefined) {
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
    this.#context.onArrival({
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
