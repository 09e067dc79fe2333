// The tools of a merged view by name alone, each with the server that has it.
import type { JsonObject } from '../../wire/index.ts'
import type { StraightServer } from '../route.ts'
import type { NamedTool, NamedTools } from '../view/named-tools.ts'
import type {
  ServerView,
  ViewCall,
  ViewOrigin,
  ViewRequest,
  ViewSink,
} from '../view/server-view.ts'
import type { VerbatimCall, VerbatimRequest, VerbatimSink } from '../view/verbatim.ts'
import type { MergedView } from './merged-view.ts'
import type { FoundName } from './merged-names.ts'

/** A server of the view as it is reached past the view. */
export interface ServerOfTools extends StraightServer {
  readonly view: ServerView
}

/** `servers`: in the order of the view's members. */
export function createNamedTools(view: MergedView, servers: readonly ServerOfTools[]): NamedTools {
  return {
    at: (name) => {
      const found = view.toolAt(name)
      const server = found && servers[found.server]
      return server && new ServerTool(view, found, server)
    },
  }
}

class ServerTool implements NamedTool {
  readonly server: ServerOfTools
  readonly #view: MergedView
  readonly #found: FoundName

  constructor(view: MergedView, found: FoundName, server: ServerOfTools) {
    this.#view = view
    this.#found = found
    this.server = server
  }

  get name(): string {
    return this.#found.name
  }

  word(result: JsonObject, origin: ViewOrigin): JsonObject {
    return this.#view.wordTool(this.#found.server, result, origin)
  }

  callVerbatim(
    { content, spans, caller, headers, logLevel }: Omit<VerbatimRequest, 'toolName'>,
    sink: VerbatimSink,
  ): VerbatimCall | undefined {
    const request = { content, spans, caller, headers, logLevel, toolName: this.name }
    const call = this.server.view.callVerbatim?.(request, sink)
    return call && new WordedVerbatim(call, (usual, heard) => this.#goOn(call, usual, heard))
  }

  #goOn(call: VerbatimCall, usual: ViewRequest, sink: ViewSink): ViewCall {
    const request = { ...usual, params: { ...usual.params, name: this.name } }
    return call.goOn(request, this.#view.toolSink(this.#found.server, usual, sink))
  }
}

/** A call in its client's bytes that goes on, if it does, in the words of the view. */
class WordedVerbatim implements VerbatimCall {
  readonly goOn: VerbatimCall['goOn']
  readonly #call: VerbatimCall

  constructor(call: VerbatimCall, goOn: VerbatimCall['goOn']) {
    this.#call = call
    this.goOn = goOn
  }

  cancel(): void {
    this.#call.cancel()
  }
}
