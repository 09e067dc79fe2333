// Finds the port the demo listens on.
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { isNodeError } from '../src/core/index.ts'

/** The preferred port when it is free on 127.0.0.1, else one that the system chooses; 0 always lets it choose. */
export async function freePort(preferred: number): Promise<number> {
  const probe = createServer()
  try {
    probe.listen(preferred, '127.0.0.1')
    await once(probe, 'listening')
  } catch (thrown) {
    const isTaken = isNodeError(thrown, 'EADDRINUSE') || isNodeError(thrown, 'EACCES')
    if (!isTaken || preferred === 0) throw thrown
    return freePort(0)
  }
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
