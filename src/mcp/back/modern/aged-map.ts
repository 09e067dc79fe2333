// A map that forgets: what is old, and what was used longest ago when it is full.
import type { Clock } from '../../../core/index.ts'

export interface AgedMapLimits {
  readonly maxEntries: number
  readonly maxAgeMs: number
}

interface Entry<V> {
  readonly value: V
  readonly untilMs: number
}

export class AgedMap<K, V> {
  readonly #limits: AgedMapLimits
  readonly #clock: Clock
  // In the order of use: a Map keeps the order in which keys were added.
  readonly #entries = new Map<K, Entry<V>>()

  constructor(limits: AgedMapLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  get size(): number {
    return this.#entries.size
  }

  /** Its age begins anew. */
  set(key: K, value: V): void {
    const { maxEntries, maxAgeMs } = this.#limits
    this.#entries.delete(key)
    this.#entries.set(key, { value, untilMs: this.#clock.monotonicMs() + maxAgeMs })
    if (this.#entries.size <= maxEntries) return
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      return
    }
  }

  get(key: K): V | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    if (this.#clock.monotonicMs() >= entry.untilMs) return undefined
    this.#entries.set(key, entry)
    return entry.value
  }
}
