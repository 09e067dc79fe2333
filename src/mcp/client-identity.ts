// What a server behind the gateway is told of the client's certificate. Whether it is told, the listener's options say;
// that nobody else can tell it, forwarding.ts sees to.
import type { PeerIdentity } from '../core/index.ts'

/** The field of Envoy, which service meshes and their libraries read. */
export const CLIENT_IDENTITY_FIELD = 'x-forwarded-client-cert'

/** `Hash=…;Subject="…";URI=…;DNS=…`, one part per name. */
export function clientIdentity(peer: PeerIdentity): string {
  return [
    `Hash=${peer.fingerprint256}`,
    // Always in quotes, as Envoy writes it.
    `Subject="${escaped(peer.subject)}"`,
    ...peer.uris.map((uri) => `URI=${part(uri)}`),
    ...peer.dnsNames.map((name) => `DNS=${part(name)}`),
    ...peer.emails.map((email) => `Email=${part(email)}`),
  ].join(';')
}

/** A name could otherwise bring further parts along, or a further certificate. */
function part(value: string): string {
  return /^[^\s",;=\\]+$/.test(value) && isVisibleAscii(value) ? value : `"${escaped(value)}"`
}

/** Within quotes. What a header cannot carry becomes a backslash with two digits per byte (RFC 4514 §2.4). */
function escaped(value: string): string {
  const quoted = value.replaceAll(/["\\]/g, (character) => `\\${character}`)
  return quoted.replaceAll(/[^\x20-\x7e]/gu, (character) =>
    Buffer.from(character)
      .toString('hex')
      .toUpperCase()
      .replaceAll(/../g, (byte) => `\\${byte}`),
  )
}

function isVisibleAscii(value: string): boolean {
  return /^[\x21-\x7e]*$/.test(value)
}
