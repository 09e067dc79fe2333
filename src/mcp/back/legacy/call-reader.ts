// Who hears what becomes of one request at a legacy server, in that era's words.
import type { GatewayError } from '../../../core/index.ts'
import type { JsonObject } from '../../../wire/index.ts'
import type { RpcError, RpcNotification, ViewCall } from '../../view/server-view.ts'
import type { AskingSession } from './asking-session.ts'

/** `unsent`: it never left. `refused`: the server did not take it, because it does not know the session any more. */
export type Fate = 'unsent' | 'refused' | 'unknown'

export interface CallReader {
  onNotification(notification: RpcNotification): void
  onResult(result: JsonObject): void
  /** The `input_required` result, made by the gateway; or why the client cannot be asked. */
  onAsked(asked: JsonObject | GatewayError): void
  onError(error: RpcError): void
  onFailure(error: GatewayError, fate: Fate): void
}

/** The reader of a retry, whose request may have to be sent after all. */
export interface RetryReader extends CallReader {
  /** The call that goes on, and where it runs. */
  onResumed(call: ViewCall, session: AskingSession): void
  /** Sends the request as if it came for the first time. */
  sendAnew(): void
}
