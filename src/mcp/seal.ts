// Short texts that clients carry for the gateway: sealed, so that any replica with the key can read them, nobody can make
// one up, and none opens for another purpose or in other hands. Nothing is stored per text.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const ALGORITHM = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const FORMAT = 1

/** AES-256-GCM (NIST SP 800-38D) under keys by HKDF-SHA-256 (RFC 5869), one per secret and purpose. */
export class Seal {
  readonly #keys: readonly Buffer[]

  /** The first secret seals, all of them open: that is how keys are rotated. `purpose` keeps kinds of texts apart. */
  constructor(secrets: readonly string[], purpose: string) {
    if (secrets.length === 0) throw new TypeError('expected at least one key to seal with')
    this.#keys = secrets.map((secret) =>
      Buffer.from(hkdfSync('sha256', secret, '', purpose, KEY_BYTES)),
    )
  }

  /** The sealed text in base64url. It opens only with the same `bound`: what it belongs to, such as a server or a caller. */
  seal(plain: string, bound: string): string {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(ALGORITHM, this.#keys[0] as Buffer, nonce)
    cipher.setAAD(Buffer.from(bound))
    const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
    return Buffer.concat([Buffer.of(FORMAT), nonce, body, cipher.getAuthTag()]).toString(
      'base64url',
    )
  }

  /** Undefined for anything that was not sealed with one of these keys for the same `bound`. */
  open(sealed: string, bound: string): string | undefined {
    const bytes = Buffer.from(sealed, 'base64url')
    // Decoding ignores foreign characters; only the one canonical spelling may open.
    if (bytes.toString('base64url') !== sealed || bytes[0] !== FORMAT) return undefined
    if (bytes.length < 1 + NONCE_BYTES + TAG_BYTES) return undefined
    const nonce = bytes.subarray(1, 1 + NONCE_BYTES)
    const body = bytes.subarray(1 + NONCE_BYTES, -TAG_BYTES)
    for (const key of this.#keys) {
      const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
      decipher.setAAD(Buffer.from(bound))
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
      const plain = finish(decipher, body)
      if (plain !== undefined) return plain
    }
    return undefined
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
