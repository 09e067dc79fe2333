// The connections to one HTTP/1.1 endpoint, and the requests that wait for one. One request at a time on each: with
// more, a slow answer would hold up those behind it (RFC 9112 §9.3.2).
import type { Socket } from 'node:net'
import { type Clock, Deadlines, LiveSet, type Timer } from '../../../core/index.ts'
import type { AnswerHandler, CarriedRequest, Carrier, OutgoingRequest } from '../carrier.ts'
import { Connection, type ConnectionOwner } from './connection.ts'
import { Http1Request } from './request.ts'

export interface Http1PoolOptions {
  /** Value of Host. */
  readonly authority: string
  /** Begins a connection and tells once how that went. */
  readonly connect: (onConnected: (error: Error | null, socket: Socket | null) => void) => void
  readonly maxConnections: number
  /** From the request to the head of its answer. */
  readonly headTimeoutMs: number
  /** Silence within an answer; 0: for ever. */
  readonly bodyTimeoutMs: number
  readonly clock: Clock
}

/** How long a connection without a request is kept when the endpoint says nothing; Node's own servers give five seconds. */
const IDLE_MS = 4_000
/** No longer, whatever the endpoint promises. */
const MAX_IDLE_MS = 60_000
/** Kept back from what an endpoint promises: a request must not meet a connection that is just being closed. */
const IDLE_MARGIN_MS = 1_000
/** Requests that have left the queue's front and are still in its memory; then the queue is made anew. */
const MAX_TAKEN_KEPT = 64
const SWEEP_PERIOD_MS = 1_000
const FOR_EVER_MS = 2 ** 30

export class Http1Pool implements Carrier, ConnectionOwner {
  readonly heads: Deadlines<Connection>
  readonly bodies: Deadlines<Connection>
  readonly #options: Http1PoolOptions
  readonly #connections = new LiveSet<Connection>()
  /** The one used last is used next, so that surplus ones grow old. */
  readonly #idle: Connection[] = []
  /** In order; taken from the front, which `#waitingFrom` marks. */
  #waiting: Http1Request[] = []
  #waitingFrom = 0
  #connecting = 0
  #sweep: Timer | undefined
  #isDestroyed = false
  /** Set once the pool is closing. */
  #onQuiet: (() => void) | undefined

  constructor(options: Http1PoolOptions) {
    this.#options = options
    const { clock, headTimeoutMs, bodyTimeoutMs } = options
    this.heads = new Deadlines({
      clock,
      timeoutMs: headTimeoutMs,
      onExpired: (connection) => connection.expire('head'),
    })
    this.bodies = new Deadlines({
      clock,
      timeoutMs: bodyTimeoutMs === 0 ? FOR_EVER_MS : bodyTimeoutMs,
      onExpired: (connection) => connection.expire('body'),
    })
  }

  dispatch(options: OutgoingRequest, handler: AnswerHandler): CarriedRequest {
    const request = new Http1Request(options, this.#options.authority, handler)
    const connection = this.#idle.pop()
    if (connection !== undefined) {
      connection.send(request)
    } else if (this.#isDestroyed || this.#onQuiet !== undefined) {
      queueMicrotask(() => request.fail(closed()))
    } else {
      this.#waiting.push(request)
      this.#connectAsNeeded()
    }
    return request
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onQuiet = resolve
    for (const connection of this.#idle.slice()) connection.fail(closed())
    this.#endIfQuiet()
    await promise
  }

  async destroy(): Promise<void> {
    this.#isDestroyed = true
    for (const connection of this.#connections.snapshot()) connection.fail(closed())
    for (let next = this.#nextWaiting(); next !== undefined; next = this.#nextWaiting()) {
      next.fail(closed())
    }
    this.#end()
  }

  onIdle(connection: Connection, idleForMs: number | undefined): void {
    const next = this.#nextWaiting()
    if (next !== undefined) {
      connection.send(next)
      return
    }
    if (this.#isDestroyed || this.#onQuiet !== undefined) {
      connection.fail(closed())
      return
    }
    const promised = idleForMs === undefined ? IDLE_MS : idleForMs - IDLE_MARGIN_MS
    connection.idleUntilMs = this.#options.clock.monotonicMs() + Math.min(promised, MAX_IDLE_MS)
    this.#idle.push(connection)
    this.#sweep ??= this.#options.clock.every(SWEEP_PERIOD_MS, () => this.#closeIdle())
  }

  onGone(connection: Connection): void {
    this.#connections.delete(connection)
    const place = this.#idle.indexOf(connection)
    if (place !== -1) this.#idle.splice(place, 1)
    this.#connectAsNeeded()
    this.#endIfQuiet()
  }

  /** The next request that somebody still wants. */
  #nextWaiting(): Http1Request | undefined {
    let found: Http1Request | undefined
    while (found === undefined && this.#waitingFrom < this.#waiting.length) {
      const request = this.#waiting[this.#waitingFrom++] as Http1Request
      if (!request.isOver) found = request
    }
    this.#forgetTaken()
    return found
  }

  /** What was taken must not be kept, nor all that hangs on it; moving the rest up each time would cost its length. */
  #forgetTaken(): void {
    const from = this.#waitingFrom
    const isEmptied = from === this.#waiting.length
    if (from === 0 || (!isEmptied && from < MAX_TAKEN_KEPT)) return
    this.#waiting = this.#waiting.slice(from)
    this.#waitingFrom = 0
  }

  #connectAsNeeded(): void {
    const { connect, maxConnections } = this.#options
    while (
      !this.#isDestroyed &&
      this.#connecting < this.#waiting.length - this.#waitingFrom &&
      this.#connecting + this.#connections.size < maxConnections
    ) {
      this.#connecting++
      connect((error, socket) => this.#onConnected(error, socket))
    }
  }

  #onConnected(error: Error | null, socket: Socket | null): void {
    this.#connecting--
    if (socket === null) {
      // Each attempt was made for one request; those behind it have attempts of their own.
      this.#nextWaiting()?.fail(error ?? new Error('no connection'))
      this.#connectAsNeeded()
      this.#endIfQuiet()
      return
    }
    const connection = new Connection(socket, this)
    this.#connections.add(connection)
    this.onIdle(connection, undefined)
  }

  #closeIdle(): void {
    const nowMs = this.#options.clock.monotonicMs()
    for (const connection of this.#idle.slice()) {
      if (connection.idleUntilMs <= nowMs) connection.fail(new Error('idle for too long'))
    }
    if (this.#idle.length === 0) this.#endSweep()
  }

  #endSweep(): void {
    this.#sweep?.cancel()
    this.#sweep = undefined
  }

  #endIfQuiet(): void {
    if (this.#onQuiet === undefined || this.#connecting + this.#connections.size > 0) return
    this.#end()
    this.#onQuiet()
  }

  #end(): void {
    this.heads.stop()
    this.bodies.stop()
    this.#endSweep()
  }
}

function closed(): Error {
  return new Error('the connections of this endpoint are closed')
}
