// The connections that this process has opened to pass others on, by their own address: one that comes back in has been
// here before. Shared by the listeners of a gateway, for a loop may lead over several of them.
import type { Socket } from 'node:net'

export class OwnConnections {
  readonly #addresses = new Set<string>()

  /** Takes a connected socket, and forgets it when it is closed. */
  add(outgoing: Socket): void {
    const key = keyOf(outgoing.localAddress, outgoing.localPort)
    this.#addresses.add(key)
    outgoing.once('close', () => this.#addresses.delete(key))
  }

  /** True for the accepted end of one of them. */
  isOtherEnd(accepted: Socket): boolean {
    return this.#addresses.has(keyOf(accepted.remoteAddress, accepted.remotePort))
  }
}

/** An IPv4 connection has a mapped address on a socket for both families (RFC 4291 §2.5.5.2). */
function keyOf(address: string | undefined, port: number | undefined): string {
  return `${address?.replace(/^::ffff:/, '')} ${port}`
}
