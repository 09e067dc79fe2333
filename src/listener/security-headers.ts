// Puts the listener's security headers on an answer, whoever wrote it. Which fields they are is the options' business.
//
// The origin that a browser sees is the gateway's, so the gateway's word on how browsers treat it counts, not that of one
// server behind it.
import type { RawHeaders } from '../core/index.ts'

/**
 * Never a server's to say, even where the listener sends none of its own: it holds for the whole host, so one server
 * could switch HTTPS off for all others (`max-age=0`) or force it on them; and over plain HTTP it must not be sent at all
 * (RFC 6797 §7.2).
 */
const NEVER_PASSED = 'strict-transport-security'

/** A browser obeys every policy it gets (CSP Level 3 §8.1), so a server's own can only make the rule stricter. */
const ADDS_UP = 'content-security-policy'

/** What a plain listener sends unless it is told more: the one header that cannot do harm before a terminator of any kind. */
export const PLAIN_SECURITY_HEADERS: RawHeaders = ['x-content-type-options', 'nosniff']

export class SecurityHeaders {
  /** Name, value, name, value, …; names in lower case. */
  readonly fields: RawHeaders
  readonly #replaced: ReadonlySet<string>
  /** 1 at the lengths of the replaced names: tells them from most others without lowering names. */
  readonly #lengths: Uint8Array

  constructor(fields: RawHeaders) {
    this.fields = fields
    const names = fields.filter((name, at) => at % 2 === 0 && name !== ADDS_UP)
    this.#replaced = new Set([NEVER_PASSED, ...names])
    const lengths = [...this.#replaced].map(({ length }) => length)
    this.#lengths = new Uint8Array(1 + Math.max(...lengths))
    for (const length of lengths) this.#lengths[length] = 1
  }

  /** A new list: the answer's own fields without those that the listener decides on, then the listener's. */
  addedTo(headers: RawHeaders): string[] {
    for (let at = 0; at < headers.length; at += 2) {
      if (this.#isReplaced(headers[at] ?? '')) return [...this.#kept(headers), ...this.fields]
    }
    return headers.concat(this.fields)
  }

  #kept(headers: RawHeaders): string[] {
    return headers.filter((_, at) => !this.#isReplaced(headers[at - (at % 2)] ?? ''))
  }

  #isReplaced(name: string): boolean {
    return this.#lengths[name.length] === 1 && this.#replaced.has(name.toLowerCase())
  }
}
