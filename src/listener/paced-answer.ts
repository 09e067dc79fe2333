// What answers have in common on both HTTP versions: state, pacing and the deadline for clients that do not read. How
// bytes get onto the wire is left to the two subclasses.
import {
  type Answer,
  type AnswerEnd,
  type Deadlines,
  type RawHeaders,
  Wait,
} from '../core/index.ts'

/**
 * Largest piece handed to the socket at once. The slow-reader deadline starts anew with each piece, so it demands a pace
 * (64 KiB within the timeout) instead of cutting everyone who needs longer for one big chunk.
 */
export const MAX_PIECE_BYTES = 65_536

/** Something a client has to catch up with. */
export interface Behind {
  /** The client did not catch up in time. */
  cutSlowReader(): void
}

export type SlowReaders = Deadlines<Behind>

export abstract class PacedAnswer implements Answer, Behind {
  readonly #slowReaders: SlowReaders
  readonly #wait = new Wait<Behind>(this)
  #status = 0
  #end: AnswerEnd | undefined
  /** `ending`: end() was called, but pieces are still waiting; `ended`: the end was handed over too. */
  #phase: 'writing' | 'ending' | 'ended' = 'writing'
  /** A piece was not taken, and `drained` has not come since. */
  #isBehind = false
  /** Rest of a big chunk and what was written after it; holds more than one chunk only if a writer ignores `false`. */
  #queue: Uint8Array[] = []
  #trailers: RawHeaders | undefined
  #onDrain: (() => void) | undefined
  #onClose: ((end: AnswerEnd) => void)[] | undefined

  constructor(slowReaders: SlowReaders) {
    this.#slowReaders = slowReaders
  }

  get started(): boolean {
    return this.#status !== 0
  }

  get closed(): boolean {
    return this.#end !== undefined
  }

  get status(): number {
    return this.#status
  }

  start(status: number, headers: RawHeaders): void {
    if (this.#status !== 0) return
    this.#status = status
    if (!this.closed) this.sendHead(status, headers)
  }

  write(chunk: Uint8Array, onTaken?: () => void): boolean {
    if (this.closed || this.#phase !== 'writing') return true
    if (this.#queue.length > 0) {
      this.#queue.push(chunk)
      return false
    }
    if (chunk.length <= MAX_PIECE_BYTES) return this.#send(chunk, onTaken)
    this.#queue.push(chunk)
    return this.#pump()
  }

  end(chunk?: Uint8Array, trailers?: RawHeaders): void {
    if (this.closed || this.#phase !== 'writing') return
    const isSmall = chunk === undefined || chunk.length <= MAX_PIECE_BYTES
    if (this.#queue.length === 0 && isSmall) {
      this.#finish(chunk, trailers)
      return
    }
    this.#phase = 'ending'
    this.#trailers = trailers
    const isWaiting = this.#queue.length > 0
    if (chunk !== undefined) this.#queue.push(chunk)
    if (!isWaiting && this.#pump()) this.#finish(undefined, trailers)
  }

  abort(): void {
    if (this.closed) return
    this.#phase = 'ended'
    this.#queue = []
    this.breakOff()
  }

  onDrain(listener: () => void): void {
    this.#onDrain = listener
  }

  onClose(listener: (end: AnswerEnd) => void): void {
    if (this.#end !== undefined) listener(this.#end)
    else if (this.#onClose === undefined) this.#onClose = [listener]
    else this.#onClose.push(listener)
  }

  cutSlowReader(): void {
    if (this.closed) return
    this.over('slow-reader')
    this.cut()
  }

  protected abstract sendHead(status: number, headers: RawHeaders): void
  /** False: the client is behind, `drained` will follow. `onTaken` as in `Answer.write`. */
  protected abstract send(piece: Uint8Array, onTaken?: () => void): boolean
  /** Sends the last piece and the end. Calls `awaitFlush` once everything is handed over. */
  protected abstract finish(piece: Uint8Array | undefined, trailers: RawHeaders | undefined): void
  /** Breaks the transfer so that the client notices. */
  protected abstract breakOff(): void
  /** Gets rid of a client that does not read, and of what is buffered for it. */
  protected abstract cut(): void

  /** To be called by the subclass when the socket has taken everything. */
  protected drained(): void {
    if (this.closed) return
    this.#isBehind = false
    this.#slowReaders.unwatch(this.#wait)
    if (!this.#pump()) return
    if (this.#phase === 'ending') this.#finish(undefined, this.#trailers)
    else if (this.#phase === 'writing') this.#onDrain?.()
  }

  /** From here on the client has the slow-reader timeout to take the rest. */
  protected awaitFlush(): void {
    this.#slowReaders.watch(this.#wait)
  }

  /** To be called by the subclass when the answer is over. Idempotent. */
  protected over(end: AnswerEnd): void {
    if (this.#end !== undefined) return
    this.#end = end
    this.#queue = []
    this.#slowReaders.unwatch(this.#wait)
    const listeners = this.#onClose ?? []
    this.#onClose = undefined
    for (const listener of listeners) listener(end)
  }

  /** Sends what waits, piece by piece, until the client is behind. True when it is not. */
  #pump(): boolean {
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const isLast = next.length <= MAX_PIECE_BYTES
      if (isLast) this.#queue.shift()
      else this.#queue[0] = next.subarray(MAX_PIECE_BYTES)
      if (!this.#send(isLast ? next : next.subarray(0, MAX_PIECE_BYTES))) return false
    }
    return true
  }

  #send(piece: Uint8Array, onTaken?: () => void): boolean {
    const isTaken = this.send(piece, onTaken)
    // Whoever writes on regardless must not put the deadline off.
    if (!isTaken && !this.#isBehind) {
      this.#isBehind = true
      this.#slowReaders.watch(this.#wait)
    }
    return isTaken
  }

  #finish(piece: Uint8Array | undefined, trailers: RawHeaders | undefined): void {
    this.#phase = 'ended'
    this.finish(piece, trailers)
  }
}
