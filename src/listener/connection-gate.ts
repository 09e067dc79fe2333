// Decides at accept, before any cryptography, whether a connection is taken, taken only to be told that it is too many,
// or dropped. Counting the answers and closing sockets is the listener's.
import type { Clock } from '../core/index.ts'
import type { SocketLimits } from './options.ts'

/**
 * Connections that wait at once for their 503. Each costs a handshake and a socket, so beyond this a flood is dropped
 * unanswered: refusing politely must not become the attack.
 */
export const MAX_WAITING_REFUSALS = 128

const MS_PER_SECOND = 1_000

export type ShedReason = 'accept_rate' | 'max_connections'

export type Verdict =
  | { readonly kind: 'admit' }
  | { readonly kind: 'refuse' | 'drop'; readonly reason: ShedReason }

const ADMIT: Verdict = { kind: 'admit' }

export type GateLimits = Pick<
  SocketLimits,
  'acceptRatePerSecond' | 'acceptBurst' | 'maxConnections'
>

export class ConnectionGate {
  readonly #limits: GateLimits
  readonly #clock: Clock
  /** Token bucket: one token per connection, refilled continuously. */
  #tokens: number
  #refilledAtMs: number
  #admitted = 0
  #refusing = 0

  constructor(limits: GateLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#tokens = limits.acceptBurst
    this.#refilledAtMs = clock.monotonicMs()
  }

  /** Every connection but a dropped one must be given back with `release`. */
  admit(): Verdict {
    this.#refill()
    if (this.#admitted >= this.#limits.maxConnections) return this.#shed('max_connections')
    if (this.#tokens < 1) return this.#shed('accept_rate')
    this.#tokens -= 1
    this.#admitted += 1
    return ADMIT
  }

  release(verdict: Verdict): void {
    if (verdict.kind === 'admit') this.#admitted -= 1
    if (verdict.kind === 'refuse') this.#refusing -= 1
  }

  #shed(reason: ShedReason): Verdict {
    if (this.#refusing >= MAX_WAITING_REFUSALS) return { kind: 'drop', reason }
    this.#refusing += 1
    return { kind: 'refuse', reason }
  }

  #refill(): void {
    const nowMs = this.#clock.monotonicMs()
    const { acceptRatePerSecond, acceptBurst } = this.#limits
    const gained = ((nowMs - this.#refilledAtMs) / MS_PER_SECOND) * acceptRatePerSecond
    this.#tokens = Math.min(acceptBurst, this.#tokens + gained)
    this.#refilledAtMs = nowMs
  }
}
