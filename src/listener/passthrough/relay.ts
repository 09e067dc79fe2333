// Moves bytes between two TCP connections, both ways, as fast as the slower one takes them. When there has been too long a
// silence is the owner's business.
import type { Socket } from 'node:net'

export interface RelayEnds {
  readonly client: Socket
  readonly server: Socket
  /** Called whenever bytes came or went. */
  readonly onActivity: () => void
}

/** Both sockets must allow half-open connections: one side may be done while the other still sends. */
export function relay({ client, server, onActivity }: RelayEnds): void {
  relayOneWay(client, server, onActivity)
  relayOneWay(server, client, onActivity)
}

function relayOneWay(from: Socket, to: Socket, onActivity: () => void): void {
  from.on('data', (chunk: Buffer) => {
    onActivity()
    if (!to.write(chunk)) from.pause()
  })
  to.on('drain', () => {
    onActivity()
    from.resume()
  })
  // A paused socket with nothing left to read tells its end at once, so it may be known already.
  if (from.readableEnded) to.end()
  else from.once('end', () => to.end())
  from.once('close', (hadError: boolean) => {
    // A connection that broke must look broken on the other side, not like one that came to its end.
    if (hadError || !from.readableEnded) to.resetAndDestroy()
  })
}
