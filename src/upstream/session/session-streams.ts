// The event streams of one session, and what they carried: found again by the event id that a client comes back with.
import type { Clock } from '../../core/index.ts'
import { ReplayLog, type Replay, type RpcId } from '../../wire/index.ts'
import type { ReplayOptions } from '../options.ts'
import { SessionStream, type StreamKeeper } from './session-stream.ts'

/** The first revision whose clients take an event with an id and no data (MCP 2025-11-25 transports §Sending messages). */
const FIRST_PRIMED = '2025-11-25'
const STANDALONE = 'get'

export interface Resumption {
  readonly stream: SessionStream
  readonly replay: Replay
}

export class SessionStreams implements StreamKeeper {
  /** The session's own stream, for what belongs to no call. */
  readonly standalone: SessionStream
  readonly #clock: Clock
  readonly #options: ReplayOptions
  readonly #log: ReplayLog
  // Those that a client has an event id of.
  readonly #byName = new Map<string, SessionStream>()
  #opened = 0
  #primes = false

  constructor(clock: Clock, options: ReplayOptions) {
    this.#clock = clock
    this.#options = options
    this.#log = new ReplayLog(options, (name) => this.#byName.delete(name))
    this.standalone = new SessionStream(STANDALONE, this)
  }

  get primes(): boolean {
    return this.#primes
  }

  /** The version that client and server agreed on. */
  agree(version: unknown): void {
    this.#primes = typeof version === 'string' && version >= FIRST_PRIMED
  }

  /** A stream for the answers to the requests of a POST. */
  open(requests: readonly RpcId[]): SessionStream {
    this.#opened++
    return new SessionStream(String(this.#opened), this, requests)
  }

  /** The stream that an event was on, with what came after it. Undefined: no such event, or its stream is forgotten. */
  find(eventId: string): Resumption | undefined {
    const replay = this.#log.after(eventId, this.#clock.monotonicMs())
    const stream = replay && this.#byName.get(replay.stream)
    return stream && { stream, replay }
  }

  /** Lets go of what is too old. */
  expire(): void {
    if (this.#byName.size > 0) this.#log.expire(this.#clock.monotonicMs())
  }

  record(stream: SessionStream, line: Buffer): string {
    this.#byName.set(stream.name, stream)
    // A copy: the line may be a part of a chunk, and would hold all of it in memory. One that is too long is not kept.
    const json = line.length > this.#options.maxBytes ? line : Buffer.from(line)
    return this.#log.record(stream.name, json, this.#clock.monotonicMs())
  }

  prime(stream: SessionStream): string {
    this.#byName.set(stream.name, stream)
    return this.#log.prime(stream.name, this.#clock.monotonicMs())
  }

  onClosed(stream: SessionStream): void {
    this.#log.close(stream.name)
  }
}
