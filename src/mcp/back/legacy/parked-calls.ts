// Calls that wait while a client gets the input that their server asked for. A call waits once under one id: whoever comes
// with an id that was used, or after the deadline, finds nothing.
import { randomBytes } from 'node:crypto'
import { Deadlines, GatewayError, Wait, type Clock } from '../../../core/index.ts'
import type { JsonObject } from '../../../wire/index.ts'
import type { ViewRequest } from '../../view/server-view.ts'
import type { RetryReader } from './call-reader.ts'
import type { Answered, Question } from './questions.ts'

const ID_BYTES = 12
/** Of all results together that came although nobody had answered, and are held for whoever asks again. */
export const MAX_HELD_BYTES = 67_108_864

/** Something that waits for a client's input. */
export interface Parkable {
  readonly callerKey: string
  /** Of the request: only a retry of the same is its retry. */
  readonly digest: string
  /** What nobody has answered. */
  readonly questions: readonly Question[]
  readonly serverInfo: JsonObject | undefined
  /** Goes on with these answers, in a retry. `reader` hears nothing before this has returned. */
  resume(reader: RetryReader, retry: ViewRequest, answers: readonly Answered[]): void
  /** Nobody came in time: the server is told. */
  abandon(): void
}

export interface ParkedCallsOptions {
  readonly clock: Clock
  readonly maxParkedCalls: number
  readonly maxParkedCallsPerCaller: number
  readonly parkedCallTimeoutMs: number
}

/** Where one waits. */
class Place {
  readonly id = randomBytes(ID_BYTES).toString('base64url')
  readonly wait = new Wait<Place>(this)
  readonly parkable: Parkable

  constructor(parkable: Parkable) {
    this.parkable = parkable
  }
}

export class ParkedCalls {
  readonly #options: ParkedCallsOptions
  readonly #deadlines: Deadlines<Place>
  readonly #byId = new Map<string, Place>()
  readonly #countByCaller = new Map<string, number>()
  #heldBytes = 0

  constructor(options: ParkedCallsOptions) {
    this.#options = options
    this.#deadlines = new Deadlines({
      clock: options.clock,
      timeoutMs: options.parkedCallTimeoutMs,
      onExpired: (place) => this.#giveUp(place),
    })
  }

  get size(): number {
    return this.#byId.size
  }

  /** Lets it wait, under the id that comes back; or says why it cannot. */
  park(parkable: Parkable): string | GatewayError {
    const { maxParkedCalls, maxParkedCallsPerCaller } = this.#options
    const ofCaller = this.#countByCaller.get(parkable.callerKey) ?? 0
    if (this.#byId.size >= maxParkedCalls || ofCaller >= maxParkedCallsPerCaller) {
      return new GatewayError(
        'GW_UPSTREAM_OVERLOADED',
        'the server asks for input, but too many calls wait for theirs (max_parked_calls, max_parked_calls_per_caller)',
      )
    }
    const place = new Place(parkable)
    this.#byId.set(place.id, place)
    this.#countByCaller.set(parkable.callerKey, ofCaller + 1)
    this.#deadlines.watch(place.wait)
    return place.id
  }

  find(id: string): Parkable | undefined {
    return this.#byId.get(id)?.parkable
  }

  /** Its deadline begins anew. */
  keep(id: string): void {
    const place = this.#byId.get(id)
    if (place !== undefined) this.#deadlines.watch(place.wait)
  }

  /** It waits no longer. */
  take(id: string): void {
    const place = this.#byId.get(id)
    if (place !== undefined) this.#leave(place)
  }

  /** Nobody will come for it. */
  giveUp(id: string): void {
    const place = this.#byId.get(id)
    if (place !== undefined) this.#giveUp(place)
  }

  /** True when a result of this size may be held; `release` gives the room back. */
  hold(bytes: number): boolean {
    if (this.#heldBytes + bytes > MAX_HELD_BYTES) return false
    this.#heldBytes += bytes
    return true
  }

  release(bytes: number): void {
    this.#heldBytes -= bytes
  }

  /** The caller will not come any more. */
  forgetCaller(callerKey: string): void {
    if (!this.#countByCaller.has(callerKey)) return
    for (const place of this.#byId.values()) {
      if (place.parkable.callerKey === callerKey) this.#giveUp(place)
    }
  }

  /** Nobody will come any more. */
  close(): void {
    for (const place of this.#byId.values()) this.#giveUp(place)
    this.#deadlines.stop()
  }

  #giveUp(place: Place): void {
    this.#leave(place)
    place.parkable.abandon()
  }

  #leave(place: Place): void {
    this.#deadlines.unwatch(place.wait)
    this.#byId.delete(place.id)
    const { callerKey } = place.parkable
    const left = (this.#countByCaller.get(callerKey) ?? 1) - 1
    if (left === 0) this.#countByCaller.delete(callerKey)
    else this.#countByCaller.set(callerKey, left)
  }
}
