// What is known of the eras that a server speaks: told by the config, or learned from what the server does. Nothing is
// asked in advance of the first call that needs to know.
import { systemClock, type Clock, type RawHeaders } from '../../core/index.ts'
import type { Pool } from '../../routing/index.ts'
import type { Era } from '../../wire/index.ts'
import { probeEra, type ProbedEra } from './era-probe.ts'

/** What the config says of the protocol of a server; `http_sse` is a transport of the legacy era. */
export type ServerProtocol = 'auto' | 'modern' | 'legacy' | 'http_sse'

/** How long it is believed that a server does not speak an era: it may be replaced by one that does. */
const BELIEVED_FOR_MS = 600_000
/** What a probe has shown is not asked again for this long, however many calls raise a doubt. */
const PROBE_HOLDS_MS = 60_000
/** Nor is one that showed nothing: the server has other troubles. */
const RETRY_AFTER_MS = 5_000
const PROBE_TIMEOUT_MS = 10_000

export interface ErasContext {
  readonly protocol: ServerProtocol
  readonly pool: Pool
  readonly clock?: Clock
}

export class ServerEras {
  readonly #pool: Pool
  readonly #clock: Clock
  readonly #isPinned: boolean
  readonly #speaks: Record<Era, boolean | undefined>
  /** When a `false` was learned. */
  #learnedAtMs = 0
  #probe: Promise<ProbedEra> | undefined
  #probeHoldsUntilMs = Number.NEGATIVE_INFINITY

  constructor({ protocol, pool, clock = systemClock }: ErasContext) {
    this.#pool = pool
    this.#clock = clock
    this.#isPinned = protocol !== 'auto'
    this.#speaks = this.#isPinned
      ? { modern: protocol === 'modern', legacy: protocol !== 'modern' }
      : { modern: undefined, legacy: undefined }
  }

  /** True when nothing is to be learned, because the config has said it. */
  get isPinned(): boolean {
    return this.#isPinned
  }

  /** Undefined: not known yet, or not for certain any more. */
  speaks(era: Era): boolean | undefined {
    const known = this.#speaks[era]
    if (known !== false || this.#isPinned) return known
    if (this.#clock.monotonicMs() - this.#learnedAtMs < BELIEVED_FOR_MS) return false
    this.#speaks[era] = undefined
    return undefined
  }

  /** Takes note of what a server did. What the config says stands above it. */
  learn(era: Era, speaks: boolean): void {
    if (this.#isPinned || this.#speaks[era] === speaks) return
    this.#speaks[era] = speaks
    if (!speaks) this.#learnedAtMs = this.#clock.monotonicMs()
  }

  /** What was learned has turned out wrong. */
  forget(): void {
    if (this.#isPinned) return
    this.#speaks.modern = undefined
    this.#speaks.legacy = undefined
    this.#probeHoldsUntilMs = Number.NEGATIVE_INFINITY
  }

  /**
   * Whether the server speaks the modern era, by asking it unless that is known; callers at the same time share the
   * question. Undefined: it could not be found out. Never rejects.
   */
  async speaksModern(headers: RawHeaders): Promise<boolean | undefined> {
    const known = this.speaks('modern')
    if (known === false || this.#isPinned) return known
    if (this.#clock.monotonicMs() < this.#probeHoldsUntilMs) return known
    this.#probe ??= this.#ask(headers)
    await this.#probe
    return this.speaks('modern')
  }

  async #ask(headers: RawHeaders): Promise<ProbedEra> {
    const clock = this.#clock
    const era = await probeEra(this.#pool, { headers, timeoutMs: PROBE_TIMEOUT_MS, clock })
    this.#probe = undefined
    const holdsForMs = era === undefined ? RETRY_AFTER_MS : PROBE_HOLDS_MS
    this.#probeHoldsUntilMs = clock.monotonicMs() + holdsForMs
    if (era !== undefined) this.learn('modern', era === 'modern')
    return era
  }
}
