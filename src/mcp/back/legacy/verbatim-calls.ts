// The calls of one session in their clients' bytes: which may go so, and when they have to give way to calls like any other.
import { LiveSet } from '../../../core/index.ts'
import type { VerbatimRequest, VerbatimSink } from '../../view/verbatim.ts'
import type { ServerMessages } from './server-messages.ts'
import type { SessionLogLevel } from './session-log-level.ts'
import type { SessionWire } from './session-wire.ts'
import { VerbatimServerCall, type VerbatimSession } from './verbatim-call.ts'

/** Calls that do not go so after one was answered with an event stream, which only a call like any other can read. */
const STREAMED_CALLS = 100

/** The session whose calls they are. */
export interface SessionOfCalls {
  readonly logLevel: SessionLogLevel
  nextId(): number
  cancelled(id: number, from: string | undefined): void
}

export interface VerbatimCallsContext {
  readonly messages: ServerMessages
  readonly wire: SessionWire
  /** One is over, or was taken over. */
  readonly onLeft: () => void
}

export class VerbatimCalls implements VerbatimSession {
  readonly #session: SessionOfCalls
  readonly #context: VerbatimCallsContext
  readonly #underWay = new LiveSet<VerbatimServerCall>()
  #streamedCalls = 0

  constructor(session: SessionOfCalls, context: VerbatimCallsContext) {
    this.#session = session
    this.#context = context
  }

  get size(): number {
    return this.#underWay.size
  }

  /** Undefined: something has to be asked, or said, before, or a stream is to be expected. */
  begin(request: VerbatimRequest, sink: VerbatimSink): VerbatimServerCall | undefined {
    const { messages, wire } = this.#context
    if (messages.hasHeld || this.#isStreaming() || !this.#enter(request)) return undefined
    const { logLevel } = request
    const call = new VerbatimServerCall(this, { id: this.#session.nextId(), logLevel }, sink)
    this.#underWay.add(call)
    call.attach(wire.sendVerbatim(request, call.id, call))
    return call
  }

  /** All that are under way become calls like any other. */
  giveWay(): void {
    for (const call of this.#underWay.snapshot()) call.giveWay()
  }

  leave(call: VerbatimServerCall): void {
    this.#underWay.delete(call)
    this.#session.logLevel.leave(call.logLevel)
    this.#context.onLeft()
  }

  cancelled(id: number, from: string | undefined): void {
    this.#session.cancelled(id, from)
  }

  onStreamed(): void {
    this.#streamedCalls = STREAMED_CALLS
  }

  #isStreaming(): boolean {
    if (this.#streamedCalls === 0) return false
    this.#streamedCalls--
    return true
  }

  /** False when the server has to be told of the log level first. */
  #enter({ logLevel }: VerbatimRequest): boolean {
    const ready = this.#session.logLevel.enter(logLevel)
    if (ready !== undefined) this.#session.logLevel.leave(logLevel)
    return ready === undefined
  }
}
