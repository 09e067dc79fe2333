// Brings home the alert with which OpenSSL gives up on a handshake, so that the client learns why. What was wrong is told by
// the TLS front.
import { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { type Deadlines, Wait } from '../core/index.ts'
import { type Lingering, MAX_DISCARD_BYTES } from './surroundings.ts'

/** What a TLS socket has besides what its types say. Not documented: where it is missing, the connection is just closed. */
interface Internals {
  /** The socket below. */
  readonly _parent?: unknown
  /** What sits between the two. */
  readonly ssl?: { readonly destroySSL?: () => void } | null
}

/**
 * To be called on `tlsClientError`, after which Node destroys the socket below. In TLS 1.3 a client sends its first request
 * before it knows that it is not let in. Closing with that unread makes the kernel send a reset, and the client reports it
 * instead of the alert. So Node's next `destroy` only ends our side; the connection is closed when the client has closed
 * it, when it has sent MAX_DISCARD_BYTES, or when `lingering` is over, whichever comes first.
 */
export function lingerForAlert(socket: TLSSocket, lingering: Deadlines<Lingering>): void {
  const { _parent: below, ssl } = socket as unknown as Internals
  if (!(below instanceof Socket) || below.destroyed || ssl?.destroySSL === undefined) return
  below.destroy = () => {
    // From here on it is the method of the class again.
    Reflect.deleteProperty(below, 'destroy')
    const wait = new Wait<Lingering>({ endLingering: () => void below.destroy() })
    lingering.watch(wait)
    below.once('close', () => lingering.unwatch(wait))
    below.end()
    // OpenSSL may still be on the stack. Once it is gone, what is read comes to the socket below.
    setImmediate(() => {
      ssl.destroySSL?.()
      discard(below)
    })
    return below
  }
}

function discard(socket: Socket): void {
  const limit = socket.bytesRead + MAX_DISCARD_BYTES
  socket.on('data', () => {
    if (socket.bytesRead > limit) socket.destroy()
  })
  // Half of the connection is closed already.
  socket.once('end', () => socket.destroy())
}
