// Session ids of the legacy era as clients see them: sealed, so that the endpoint's own id never leaves the gateway.
// Nothing is stored per session.
import { Seal } from '../seal.ts'

/** What a sealed id stands for. */
export interface SealedSession {
  /** Which endpoint holds the session; stable over restarts and reordering of the config. */
  readonly endpointKey: string
  /** The endpoint's own session id. */
  readonly sessionId: string
}

const PURPOSE = 'sallyport session id v1'
/** Sealed ids remembered as opened, so that a session's every call does not pay for decryption again. */
const MAX_REMEMBERED = 10_000
/** No sealed id of ours is longer; anything longer is not worth decoding. */
const MAX_SEALED_CHARS = 2_048

/** Seals and opens session ids. An id is bound to the server it was issued for: opened for another one it does not exist. */
export class SessionSeal {
  readonly #seal: Seal
  readonly #opened = new Map<string, SealedSession>()

  /** The first secret seals, all of them open: that is how keys are rotated. */
  constructor(secrets: readonly string[]) {
    this.#seal = new Seal(secrets, PURPOSE)
  }

  seal(server: string, session: SealedSession): string {
    return this.#seal.seal(`${session.endpointKey}\n${session.sessionId}`, server)
  }

  /** Undefined for anything this gateway, or another with the same key, did not seal for this server. */
  open(server: string, sealed: string): SealedSession | undefined {
    const memory = `${server}\n${sealed}`
    const known = this.#opened.get(memory)
    if (known !== undefined) return known
    if (sealed.length > MAX_SEALED_CHARS) return undefined
    const plain = this.#seal.open(sealed, server)
    if (plain === undefined) return undefined
    const split = plain.indexOf('\n')
    const session = { endpointKey: plain.slice(0, split), sessionId: plain.slice(split + 1) }
    this.#remember(memory, session)
    return session
  }

  #remember(memory: string, session: SealedSession): void {
    if (this.#opened.size >= MAX_REMEMBERED) {
      const oldest = this.#opened.keys().next()
      if (oldest.done !== true) this.#opened.delete(oldest.value)
    }
    this.#opened.set(memory, session)
  }
}
