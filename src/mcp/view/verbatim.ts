// The way of a tool call whose client and server are both of the legacy era, past the words of the modern one: in the bytes
// of its client, which only get another id and the server's own name of the tool. It lasts while nothing out of the
// ordinary happens; then the call goes on as one to the view.
import type { Content } from '../../core/index.ts'
import type { CallSpans, Span } from '../../wire/index.ts'
import type { ViewCall, ViewOrigin, ViewRequest, ViewSink } from './server-view.ts'

/** A `tools/call` with nothing in it that a gateway has to put into other words, or to know of. */
export interface VerbatimRequest extends ViewOrigin {
  /** As its client sent it. Whoever asks holds it until the call is over. */
  readonly content: Content
  readonly spans: CallSpans
  /** What the server calls the tool. */
  readonly toolName: string
  /** As in a ViewRequest. */
  readonly logLevel: string | undefined
}

/** Hears exactly one of the two, nothing before the call was returned, and nothing after its `cancel`. */
export interface VerbatimSink {
  /** The whole answer, a result with nothing in it that leads to a resource or a task, and where its id is. */
  onAnswer(answer: Content, id: Span): void
  /** Anything else has come, or is about to. The call has to `goOn` at once. */
  onUnusual(): void
}

/** A call under way. */
export interface VerbatimCall {
  /** As of a ViewCall. */
  cancel(): void
  /** Goes on as if `request`, which says the same in the server's words, had been sent to the view of the server. */
  goOn(request: ViewRequest, sink: ViewSink): ViewCall
}
