// The one way to a server on which all messages of a session travel: the pipes of a child, or the event stream of an
// HTTP+SSE endpoint and the POSTs beside it. What the messages mean is the session's business.
import type { GatewayError, RawHeaders } from '../../core/index.ts'
import type { ServerMessage } from './server-message.ts'

/** What became of a message at once; a link that answers later says `written` and then calls `onTaken`. */
export type SendOutcome = 'written' | 'full' | 'closed'

/** Why a link was told to end. */
export type StopReason =
  | 'abandoned'
  | 'deleted'
  | 'idle'
  | 'lifetime'
  | 'refused'
  | 'wrong-era'
  | 'shutdown'

/** What a link that carries HTTP needs to know of a client's message. */
export interface Posting {
  /** Fields of the request that brought the message. */
  readonly headers: RawHeaders
  /** Called once after `written`: the server has taken the message, or why it has not. */
  onTaken(refused?: { readonly error: GatewayError; readonly sent: boolean }): void
}

export interface Link {
  /** On the monotonic clock. */
  readonly startedAtMs: number
  /** Sends one message; `line` has no line break. Without a posting it is the gateway's own, and nobody waits for it. */
  send(line: Buffer, posting?: Posting): SendOutcome
  stop(reason: StopReason): Promise<void>
}

/** How a link ended, in the words of the calls that were under way. */
export interface LinkEnd {
  readonly failure: GatewayError
  /** As in AnswerSink.onFailure. */
  readonly sent: boolean
}

export interface LinkListener {
  onMessage(message: ServerMessage): void
  /** Called once. */
  onEnd(end: LinkEnd): void
}
