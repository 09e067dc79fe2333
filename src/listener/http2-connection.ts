// One HTTP/2 connection: its streams as exchanges, and the waits that Node has no timer for.
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import { Wait } from '../core/index.ts'
import { Http2Exchange, type ReceivedHeaders } from './http2-exchange.ts'
import type { Behind } from './paced-answer.ts'
import type { Arrival, IdleSession, Lingering, Surroundings } from './surroundings.ts'

export class Http2Connection implements Behind {
  readonly surroundings: Surroundings
  readonly arrival: Arrival
  readonly #session: ServerHttp2Session
  readonly #idle = new Wait<IdleSession>(this)
  readonly #lingering = new Wait<Lingering>(this)
  readonly #behind = new Wait<Behind>(this)
  #openStreams = 0
  #isProbing = false

  constructor(session: ServerHttp2Session, arrival: Arrival, surroundings: Surroundings) {
    this.#session = session
    this.arrival = arrival
    this.surroundings = surroundings
    session.on('stream', (stream, headers, flags, rawHeaders) => {
      this.#onStream(stream, { headers, flags, rawHeaders })
    })
    // What ends a session in error is the peer's doing; its streams hear of it by themselves.
    session.on('error', () => this.reset())
    session.once('close', () => this.#onClose())
    // Also for a client that never sends the preface. Only streams count as life, PING frames do not.
    surroundings.idleSessions.watch(this.#idle)
  }

  /** GOAWAY; the session ends with its last stream. */
  closeWhenDone(): void {
    if (!this.#session.closed) this.#session.close()
    if (this.#openStreams === 0) this.surroundings.lingering.watch(this.#lingering)
  }

  /** Called by the exchange on it. */
  streamClosed(): void {
    this.#openStreams -= 1
    if (this.#openStreams > 0 || this.#session.destroyed) return
    if (this.#session.closed) this.surroundings.lingering.watch(this.#lingering)
    else this.surroundings.idleSessions.watch(this.#idle)
  }

  closeIdle(): void {
    this.surroundings.onConnectionCut('idle')
    this.closeWhenDone()
  }

  endLingering(): void {
    this.reset()
  }

  /**
   * A stream was given up because its client does not read. Whether it reads anything at all shows by an answered PING; if
   * not, the connection goes too, or what waits in it would stay.
   */
  probeReader(): void {
    if (this.#isProbing || this.#session.destroyed) return
    this.#isProbing = true
    const { slowReaders } = this.surroundings
    slowReaders.watch(this.#behind)
    this.#session.ping((error) => {
      if (error !== null) return
      this.#isProbing = false
      slowReaders.unwatch(this.#behind)
    })
  }

  cutSlowReader(): void {
    this.reset()
  }

  /** Closes without delivering what is still buffered, here or in the kernel. */
  reset(): void {
    this.#session.destroy()
    this.arrival.socket.resetAndDestroy()
  }

  #onStream(stream: ServerHttp2Stream, received: ReceivedHeaders): void {
    this.surroundings.idleSessions.unwatch(this.#idle)
    this.#openStreams += 1
    // A stream that breaks also closes, and that is where it is handled.
    stream.on('error', () => {})
    new Http2Exchange(this, stream, received).begin()
    // One connection too many: it gets its answer and has to go.
    if (this.arrival.refusal !== undefined) this.closeWhenDone()
  }

  #onClose(): void {
    const { idleSessions, lingering, slowReaders } = this.surroundings
    idleSessions.unwatch(this.#idle)
    lingering.unwatch(this.#lingering)
    slowReaders.unwatch(this.#behind)
  }
}
