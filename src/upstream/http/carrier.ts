// The contract between a call and whatever connections carry it to an HTTP endpoint: HTTP/1.1 on connections of our own,
// or HTTP/2 through undici.
import type { Content, RawHeaders } from '../../core/index.ts'

/** What is to be sent. */
export interface OutgoingRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  /** Without Host, Content-Length, Transfer-Encoding and Connection, which are the connection's own. */
  readonly headers: RawHeaders
  readonly body: Buffer | Content | undefined
}

/** Whom the answer is told. Exactly one of `onEnd` and `onFailure` comes, and before `onSent` only `onFailure`. */
export interface AnswerHandler {
  /** The request is about to leave. From now on it may have run. */
  onSent(): void
  onHead(status: number, headers: RawHeaders): void
  /** False asks to pause until `resume`; what was read already still comes. */
  onData(data: Buffer): boolean
  onEnd(trailers: RawHeaders): void
  onFailure(error: Error): void
}

/** The handle of a request; no-ops once it is over. */
export interface CarriedRequest {
  /** Gives the request up, and over HTTP/1.1 its connection with it: what is on its way there is no use to anybody else. */
  abort(reason: Error): void
  /** Goes on after an `onData` that returned false. */
  resume(): void
  /** While true, silence within the answer is no failure. */
  expectSilence?(isExpected: boolean): void
}

export interface Carrier {
  /** @throws Error for what cannot be written, before anything has left. */
  dispatch(request: OutgoingRequest, handler: AnswerHandler): CarriedRequest
  /** Takes nothing new; resolves once what waits and what is under way has come to its end. */
  close(): Promise<void>
  /** Ends all connections at once; requests on them and those that wait fail. */
  destroy(): Promise<void>
}

/** The endpoint did not begin to answer, or fell silent, within the time it has. */
export class AnswerTimeout extends Error {
  override readonly name = 'AnswerTimeout'
  readonly phase: 'head' | 'body'

  constructor(phase: 'head' | 'body', options?: ErrorOptions) {
    super(phase === 'head' ? 'no answer in time' : 'silence within the answer', options)
    this.phase = phase
  }
}
