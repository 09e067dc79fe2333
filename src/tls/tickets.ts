// The key that seals session tickets (RFC 5077), bound to a stretch of time and to who is trusted. Replicas with a common
// secret derive the same one without talking to each other.
import { hkdfSync, randomBytes } from 'node:crypto'

/** Node's: 16 bytes of name, 16 of HMAC key, 16 of AES key. */
const TICKET_KEY_BYTES = 48
const SECRET_BYTES = 32

export interface TicketKeysOptions {
  /**
   * Shared by replicas that resume each other's sessions. Whoever learns it can open recorded tickets, and with those of
   * TLS 1.2 what was said under them. Undefined: random ones, each gone with its turn (RFC 5077 §5.5).
   */
  readonly secret: string | undefined
  readonly rotationMs: number
}

/**
 * Node seals and opens with one key alone, so tickets end when it changes: at each turn, and when trust changes, because a
 * client that resumes shows no certificate that could be looked up in a new revocation list. Both cost a client one full
 * handshake.
 */
export class TicketKeys {
  readonly #secret: string | undefined
  readonly #rotationMs: number
  #own = { turn: -1, secret: randomBytes(SECRET_BYTES) }

  constructor({ secret, rotationMs }: TicketKeysOptions) {
    this.#secret = secret
    this.#rotationMs = rotationMs
  }

  /** The key of this moment. `trust` is a fingerprint of who is let in. */
  keyAt(nowMs: number, trust: Buffer): Buffer {
    const turn = Math.floor(nowMs / this.#rotationMs)
    const info = `sallyport tls tickets ${this.#rotationMs} ${turn}`
    const secret = this.#secret ?? this.#ownSecret(turn)
    return Buffer.from(hkdfSync('sha256', secret, trust, info, TICKET_KEY_BYTES))
  }

  /** Time to the next key. Turns begin at the same moment in every process whose clock is right. */
  untilNextMs(nowMs: number): number {
    return this.#rotationMs - (nowMs % this.#rotationMs)
  }

  #ownSecret(turn: number): Buffer {
    if (turn !== this.#own.turn) this.#own = { turn, secret: randomBytes(SECRET_BYTES) }
    return this.#own.secret
  }
}
