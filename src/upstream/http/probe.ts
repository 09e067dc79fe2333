// A look at an HTTP endpoint: one connection, made and verified as those of calls are, without a request.
import type { Clock } from '../../core/index.ts'
import type { ClientTls, PeerAddress } from '../../tls/index.ts'
import { createConnector } from './connector.ts'
import { connectFailure } from './failures.ts'

export interface ProbeRequest {
  readonly address: PeerAddress
  readonly tls: ClientTls | undefined
  readonly http2: boolean
  readonly timeoutMs: number
  readonly clock: Clock
}

/** @throws GatewayError GW_UPSTREAM_UNREACHABLE, GW_UPSTREAM_TLS */
export async function probeEndpoint({ address, ...options }: ProbeRequest): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // One of its own, so that every look waits for the server's verdict, whatever earlier ones have shown.
  createConnector(options)(address, (error, socket) => {
    if (error !== null) return reject(connectFailure(error))
    socket.destroy()
    resolve()
  })
  return promise
}
