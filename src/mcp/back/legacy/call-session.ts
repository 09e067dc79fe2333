// What a call needs of the session it runs on.
import type { Clock, Deadlines, RawHeaders } from '../../../core/index.ts'
import type { RoutedSink } from '../../../routing/index.ts'
import type { UpstreamCall } from '../../../upstream/index.ts'
import type { JsonObject, RpcId } from '../../../wire/index.ts'
import type { AskingSession } from './asking-session.ts'
import type { CallAnswer } from './call-answer.ts'
import type { Question } from './questions.ts'
import type { ServerCall } from './server-call.ts'
import type { SessionLogLevel } from './session-log-level.ts'

/** Keys of endpoints are undefined where any endpoint will do, or none is known yet. */
export interface CallSession extends AskingSession {
  readonly clock: Clock
  readonly drains: Deadlines<CallAnswer>
  readonly logLevel: SessionLogLevel
  /** False: the server keeps no sessions. */
  readonly hasId: boolean
  nextId(): number
  send(message: JsonObject, headers: RawHeaders, sink: RoutedSink): UpstreamCall
  /** Asks for what came after an event on the stream of a call. */
  resume(lastEventId: string, from: string | undefined, sink: RoutedSink): UpstreamCall
  /** A request or notification of the server on this call's stream. */
  onServerMessage(message: JsonObject, call: ServerCall): void
  /** Finds another place for a question whose call is over. */
  readdress(question: Question): void
  cancelled(id: RpcId, from: string | undefined): void
  /** A message that belongs to nothing. */
  countStray(): void
  /** The session takes no new calls. */
  retire(): void
  leave(call: ServerCall): void
}
