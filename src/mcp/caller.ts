// Who is behind an exchange, as far as it is known. What belongs to one caller is kept under this name and given to
// nobody else.
import type { Exchange } from '../core/index.ts'

/** The parts of an exchange that tell. */
export type CallerTraces = Pick<Exchange, 'peer' | 'remoteAddress'>

/**
 * What outlasts a connection: the identity of a verified client certificate, however often the certificate is renewed.
 * Undefined: nobody has said who they are in a way that can be believed.
 */
export function identityOf({ peer }: CallerTraces): string | undefined {
  if (peer?.verified !== true) return undefined
  return peer.spiffeId ?? `${peer.issuer}\n${peer.subject}`
}

/** Callers with equal keys may share what is private. Those without an identity are told apart by their address. */
export function callerKeyOf(exchange: CallerTraces): string {
  const identity = identityOf(exchange)
  return identity === undefined ? `from ${exchange.remoteAddress}` : `is ${identity}`
}
