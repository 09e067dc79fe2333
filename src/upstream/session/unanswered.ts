// Calls of a session that end without an answer of the server: their time is over, the client cancelled them, or the
// server cannot be reached.
import type { Clock, GatewayError } from '../../core/index.ts'
import type { Log } from '../../observability/index.ts'
import type { SessionLimits } from '../options.ts'
import { errorAnswer } from './lost-messages.ts'
import type { Refused } from './post.ts'
import { timedOut } from './refusals.ts'
import { cancellation } from './server-message.ts'
import type { SessionCall, SessionCalls } from './session-calls.ts'

/** After the client cancelled a request, how long its stream stays open for an answer that usually does not come. */
export const CANCEL_GRACE_MS = 5_000

export interface UnansweredContext {
  readonly calls: SessionCalls
  readonly limits: SessionLimits
  readonly clock: Clock
  readonly log: Log
  /** Sends to the server. */
  readonly tell: (line: Buffer) => void
  /** `initialize` was not answered: there is no session. */
  readonly onNoSession: (failure: GatewayError) => void
}

export class Unanswered {
  readonly #context: UnansweredContext

  constructor(context: UnansweredContext) {
    this.#context = context
  }

  /** Starts the wait for the call's answer anew; not while the server itself waits for the client. */
  await(call: SessionCall): void {
    const { clock, limits } = this.#context
    call.timer?.cancel()
    if (call.questions > 0 || call.open.size === 0) return
    call.timer = clock.after(limits.responseTimeoutMs, () => this.#onTimeout(call))
  }

  /** The client has cancelled the request with this key. */
  onCancelled(key: string | undefined): void {
    const { calls, clock } = this.#context
    const call = calls.byId(key)
    if (call === undefined || key === undefined || call.isInitialize) return
    call.timer?.cancel()
    call.timer = clock.after(CANCEL_GRACE_MS, () => {
      if (calls.settle(call, key)) call.stream.end()
      else this.await(call)
    })
  }

  /** Ends the call. On a stream that can be resumed the failure has to be an answer itself. */
  fail(call: SessionCall, { error, sent }: Refused): void {
    const { calls, log } = this.#context
    const { stream } = call
    const ids = [...call.open.values()]
    calls.leave(call)
    if (!stream.isResumable) {
      stream.fail(error, sent)
      return
    }
    log[error.row.level]({ code: error.code, error }, 'a call on an event stream failed')
    for (const id of ids) stream.message(errorAnswer(error, id))
    stream.end()
  }

  #onTimeout(call: SessionCall): void {
    const error = timedOut(this.#context.limits)
    // `initialize` must not be cancelled (MCP 2025-11-25 cancellation §Behavior requirements).
    if (call.isInitialize) {
      this.#context.onNoSession(error)
      return
    }
    for (const id of call.open.values()) {
      this.#context.tell(cancellation(id, 'no answer in time'))
    }
    this.fail(call, { error, sent: true })
  }
}
