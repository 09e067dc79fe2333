// What it takes to put a question of a server to a client, and to bring the answer back.
import type { GatewayError } from '../../../core/index.ts'
import type { JsonObject, RpcId } from '../../../wire/index.ts'
import type { RpcError } from '../../view/server-view.ts'
import type { Parking } from './parking.ts'

/** `from`: key of the endpoint that asked; undefined: that of the session. */
export interface AskingSession {
  readonly parking: Parking
  readonly serverInfo: JsonObject | undefined
  /** Answers a request of the server. Undefined: it took the answer. */
  reply(id: RpcId, result: JsonObject, from: string | undefined): Promise<GatewayError | undefined>
  /** The same without a result; nobody waits. */
  refuse(id: RpcId, error: RpcError, from: string | undefined): void
  /** Takes no further calls; those under way may finish. */
  retire(): void
}
