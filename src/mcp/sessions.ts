// Session ids of the legacy era as clients see them: sealed, so that any replica with the key can serve them, nobody
// can make one up, and the endpoint's own id never leaves the gateway. Nothing is stored per session.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/** What a sealed id stands for. */
export interface SealedSession {
  /** Which endpoint holds the session; stable over restarts and reordering of the config. */
  readonly endpointKey: string
  /** The endpoint's own session id. */
  readonly sessionId: string
}

const ALGORITHM = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const FORMAT = 1
const KEY_PURPOSE = 'sallyport session id v1'
/** Sealed ids remembered as opened, so that a session's every call does not pay for decryption again. */
const MAX_REMEMBERED = 10_000
/** No sealed id of ours is longer; anything longer is not worth decoding. */
const MAX_SEALED_CHARS = 2_048

/**
 * Seals and opens session ids (AES-256-GCM, NIST SP 800-38D; keys by HKDF-SHA-256, RFC 5869). An id is bound to the
 * server it was issued for: opened for another one it does not exist.
 */
export class SessionSeal {
  readonly #keys: readonly Buffer[]
  readonly #opened = new Map<string, SealedSession>()

  /** The first secret seals, all of them open: that is how keys are rotated. */
  constructor(secrets: readonly string[]) {
    if (secrets.length === 0) throw new TypeError('expected at least one session key')
    this.#keys = secrets.map((secret) =>
      Buffer.from(hkdfSync('sha256', secret, '', KEY_PURPOSE, KEY_BYTES)),
    )
  }

  seal(server: string, session: SealedSession): string {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(ALGORITHM, this.#keys[0] as Buffer, nonce)
    cipher.setAAD(Buffer.from(server))
    const plain = `${session.endpointKey}\n${session.sessionId}`
    const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
    const sealed = Buffer.concat([Buffer.of(FORMAT), nonce, body, cipher.getAuthTag()])
    return sealed.toString('base64url')
  }

  /** Undefined for anything this gateway, or another with the same key, did not seal for this server. */
  open(server: string, sealed: string): SealedSession | undefined {
    const memory = `${server}\n${sealed}`
    const known = this.#opened.get(memory)
    if (known !== undefined) return known
    if (sealed.length > MAX_SEALED_CHARS) return undefined
    const bytes = Buffer.from(sealed, 'base64url')
    // Decoding ignores foreign characters; only the one canonical spelling may open.
    if (bytes.toString('base64url') !== sealed || bytes[0] !== FORMAT) return undefined
    const session = this.#decrypt(server, bytes)
    if (session !== undefined) this.#remember(memory, session)
    return session
  }

  #decrypt(server: string, bytes: Buffer): SealedSession | undefined {
    if (bytes.length < 1 + NONCE_BYTES + TAG_BYTES) return undefined
    const nonce = bytes.subarray(1, 1 + NONCE_BYTES)
    const body = bytes.subarray(1 + NONCE_BYTES, -TAG_BYTES)
    for (const key of this.#keys) {
      const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
      decipher.setAAD(Buffer.from(server))
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
      const plain = finish(decipher, body)
      if (plain === undefined) continue
      const split = plain.indexOf('\n')
      return { endpointKey: plain.slice(0, split), sessionId: plain.slice(split + 1) }
    }
    return undefined
  }

  #remember(memory: string, session: SealedSession): void {
    if (this.#opened.size >= MAX_REMEMBERED) {
      const oldest = this.#opened.keys().next()
      if (oldest.done !== true) this.#opened.delete(oldest.value)
    }
    this.#opened.set(memory, session)
  }
}

/** The plain text, or undefined when the tag does not fit: tampered with, or sealed by another key. */
function finish(decipher: ReturnType<typeof createDecipheriv>, body: Buffer): string | undefined {
  try {
    return decipher.update(body, undefined, 'utf8') + decipher.final('utf8')
  } catch {
    // OpenSSL has no code for a wrong tag, only a thrown error; there is no other failure here.
    return undefined
  }
}
