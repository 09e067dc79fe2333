// Finds a tool in a server's list, page by page; what the pages say is learned on their way through the view.
import { isObject, type JsonObject } from '../../../wire/index.ts'
import type { ServerView, ViewCall, ViewRequest } from '../../view/server-view.ts'

/** A server whose list never ends must not keep a call for ever. */
const MAX_PAGES = 100

export function lookUpTool(view: ServerView, request: ViewRequest, onOver: () => void): ViewCall {
  return new ToolLookUp(view, request, onOver)
}

class ToolLookUp implements ViewCall {
  readonly #view: ServerView
  readonly #request: ViewRequest
  readonly #onOver: () => void
  #call: ViewCall
  #pages = 0

  constructor(view: ServerView, request: ViewRequest, onOver: () => void) {
    this.#view = view
    this.#request = request
    this.#onOver = onOver
    this.#call = this.#ask({})
  }

  cancel(): void {
    this.#call.cancel()
  }

  #ask(params: JsonObject): ViewCall {
    const { caller, headers } = this.#request
    const request = { caller, headers, method: 'tools/list', params, logLevel: undefined }
    return this.#view.call(request, {
      onNotification: () => {},
      onResult: (result) => this.#onPage(result),
      onError: this.#onOver,
      onFailure: this.#onOver,
    })
  }

  #onPage({ tools, nextCursor }: JsonObject): void {
    this.#pages++
    const name = this.#request.params['name']
    const isThere = Array.isArray(tools) && tools.some((it) => isObject(it) && it['name'] === name)
    const isLast = isThere || typeof nextCursor !== 'string' || this.#pages >= MAX_PAGES
    if (isLast) this.#onOver()
    else this.#call = this.#ask({ cursor: nextCursor })
  }
}
