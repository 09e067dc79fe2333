// A listener that passes TLS connections on by server name, undecrypted. Accepting, shedding and counting them is the
// acceptor's business, what happens on one that of the connection.
import { type Clock, Deadlines } from '../../core/index.ts'
import type { Log, Metrics } from '../../observability/index.ts'
import { Acceptor, type ListenerAddress } from '../acceptor.ts'
import type { Listener } from '../listener.ts'
import type { PassthroughOptions, PassthroughTarget } from '../options.ts'
import { LINGER_MS, type Arrival } from '../surroundings.ts'
import {
  PassthroughConnection,
  type Late,
  type PassedOn,
  type PassthroughSurroundings,
  type TargetWaits,
} from './connection.ts'
import type { OwnConnections } from './own-connections.ts'
import { ServerNames } from './server-names.ts'
import { UnreachableLog } from './unreachable-log.ts'

export interface PassthroughContext {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  /** One for all listeners of the gateway. */
  readonly ownConnections: OwnConnections
  /** Write a line about every connection, like the access log of exchanges. */
  readonly hasAccessLog: boolean
}

/** Builds a listener that passes TLS on. Nothing is bound before `start`, which rejects with Node's error. */
export function createPassthroughListener(
  options: PassthroughOptions,
  context: PassthroughContext,
): Listener {
  return new PassthroughListener(options, context)
}

class PassthroughListener implements Listener {
  /** Certificates are those of the servers behind. */
  readonly certificateHosts: readonly string[] = []
  readonly tls = undefined
  readonly #options: PassthroughOptions
  readonly #context: PassthroughContext
  readonly #acceptor: Acceptor
  readonly #connections = new Set<PassthroughConnection>()
  readonly #waits: ReadonlyMap<PassthroughTarget, TargetWaits>
  readonly #unreachable: UnreachableLog
  readonly #surroundings: PassthroughSurroundings
  #starting: Promise<void> | undefined

  constructor(options: PassthroughOptions, context: PassthroughContext) {
    this.#options = options
    this.#context = context
    const { name, host, port, limits, targets } = options
    this.#acceptor = new Acceptor(
      { name, host, port, limits, allowHalfOpen: true },
      { ...context, onArrival: (arrival) => this.#onArrival(arrival) },
    )
    const watch = (timeoutMs: number): Deadlines<Late> =>
      new Deadlines({ clock: context.clock, timeoutMs, onExpired: ({ onLate }) => onLate() })
    this.#waits = new Map(
      targets.map((target) => [
        target,
        { connecting: watch(target.connectTimeoutMs), idle: watch(target.idleTimeoutMs) },
      ]),
    )
    this.#unreachable = new UnreachableLog(context.log, context.clock)
    this.#surroundings = this.#createSurroundings(watch(limits.handshakeTimeoutMs))
  }

  get address(): ListenerAddress {
    return this.#acceptor.address
  }

  start(): Promise<void> {
    this.#starting ??= this.#acceptor.bind()
    return this.#starting
  }

  stopAccepting(): void {
    this.#acceptor.close()
  }

  /** Nobody but the two sides knows when they are done, so what was passed on goes on until the deadline. */
  async stop(deadlineMs: number): Promise<void> {
    // A start that fails is reported to whoever started; here it only has to be over.
    if (!this.#acceptor.isBound) await this.#starting?.catch(() => {})
    this.stopAccepting()
    for (const connection of this.#connections) connection.drain()
    await this.#acceptor.end(deadlineMs)
    const { hellos, lingering } = this.#surroundings
    const ofTargets = [...this.#waits.values()].flatMap(({ connecting, idle }) => [
      connecting,
      idle,
    ])
    for (const waits of [hellos, lingering, ...ofTargets]) waits.stop()
    this.#unreachable.stop()
  }

  #onArrival({ socket, remoteAddress, refusal }: Arrival): void {
    // There is nobody to answer for the server behind, and no handshake to answer in.
    if (refusal !== undefined) {
      socket.resetAndDestroy()
      return
    }
    const connection = new PassthroughConnection(socket, remoteAddress, this.#surroundings)
    this.#connections.add(connection)
    socket.once('close', () => this.#connections.delete(connection))
  }

  #createSurroundings(hellos: Deadlines<Late>): PassthroughSurroundings {
    const { name, targets } = this.#options
    const { clock, log, metrics, ownConnections } = this.#context
    const names = new ServerNames(targets)
    return {
      targetOf: (serverName) => names.targetOf(serverName),
      waitsOf: (target) => this.#waitsOf(target),
      hellos,
      lingering: new Deadlines({
        clock,
        timeoutMs: LINGER_MS,
        onExpired: (item) => item.endLingering(),
      }),
      ownConnections,
      nowMs: () => clock.monotonicMs(),
      onCut: (reason, remote, error) => {
        metrics.connectionsShed.inc({ listener: name, reason })
        log.debug({ remote, error }, `connection cut: ${reason}`)
        if (reason === 'loop') this.#unreachable.tell('a connection came back to the gateway')
      },
      onUnreachable: ({ host, port }, error) => {
        this.#unreachable.tell(`no connection to ${host}:${port}`, error)
      },
      onPassedOn: (passed) => this.#logPassedOn(passed),
    }
  }

  #waitsOf(target: PassthroughTarget): TargetWaits {
    const waits = this.#waits.get(target)
    if (waits === undefined) throw new TypeError('a target of another listener')
    return waits
  }

  #logPassedOn({ remoteAddress, serverName, target, startedMs }: PassedOn): void {
    const { log, clock, hasAccessLog } = this.#context
    const level = hasAccessLog ? 'info' : 'debug'
    if (!log.isEnabled(level)) return
    const fields = {
      remote: remoteAddress,
      ...(serverName !== undefined && { serverName }),
      endpoint: `${target.host}:${target.port}`,
      durationMs: Math.round(clock.monotonicMs() - startedMs),
    }
    log[level](fields, 'connection passed on')
  }
}
