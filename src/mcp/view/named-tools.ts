// Tools of a view whose place their name alone tells, so that a call can go to its server past the view.
import type { JsonObject } from '../../wire/index.ts'
import type { StraightServer } from '../route.ts'
import type { ViewOrigin } from './server-view.ts'
import type { VerbatimCall, VerbatimRequest, VerbatimSink } from './verbatim.ts'

export interface NamedTools {
  /** Undefined: it has to be looked up, or there is none. */
  at(name: string): NamedTool | undefined
}

export interface NamedTool {
  readonly server: StraightServer
  /** What the server calls it. */
  readonly name: string
  /** The server's answer in the words of the view. */
  word(result: JsonObject, origin: ViewOrigin): JsonObject
  /**
   * Sends a call in the bytes of its client. Undefined: it has to be made, through the view. What goes on as one like any other
   * does so in the words of the view.
   */
  callVerbatim(
    request: Omit<VerbatimRequest, 'toolName'>,
    sink: VerbatimSink,
  ): VerbatimCall | undefined
}
