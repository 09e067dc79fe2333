// Several servers as one, or one with rules for its tools: which server a request goes to, and in which words. Lists, names,
// URIs and subscriptions are made in files of their own.
import { toGatewayError, type Clock } from '../../core/index.ts'
import type {
  ListenRequest,
  ListenSink,
  ServerView,
  ViewCall,
  ViewOrigin,
  ViewRequest,
  ViewSink,
} from '../view/server-view.ts'
import { isObject, type JsonObject } from '../../wire/index.ts'
import { ListenHub } from '../back/listen-hub.ts'
import { fail, invalidParams, methodNotFound } from './answers.ts'
import { CatalogCache } from './catalog-cache.ts'
import { CatalogWatch } from './catalog-watch.ts'
import type { CatalogueKind } from './catalogue.ts'
import type { CatalogContext, CatalogMember } from './context.ts'
import { WordedSink } from './forward.ts'
import { ListAnswers, type OwnAnswer } from './list-answers.ts'
import type { MaybeLater } from './maybe-later.ts'
import { MergedNames, type FoundName, type Lookup, type NamedKind } from './merged-names.ts'
import { MergedUris, type UriLookup } from './merged-uris.ts'
import type { NameConflict } from './name-table.ts'
import { askInTurn, cannotTell, later, PendingCall, refuse } from './pending-call.ts'
import {
  mapPromptResult,
  mapReadResult,
  mapTaskResult,
  mapToolResult,
  type ResultWords,
} from './result-mapping.ts'
import { ToolRules } from './rules.ts'
import { heldTask, withOwnTaskIds } from './task-ids.ts'
import { ViewListens } from './view-listens.ts'

export interface MergedView extends ServerView {
  /** Tools and prompts that are left out, since a server before theirs has the name. */
  readonly conflicts: readonly NameConflict[]
  /** Where a tool is, if its name alone tells that; undefined: it has to be looked up, or there is none. */
  toolAt(name: string): FoundName | undefined
  /** What a member says in answer to `tools/call`, in the words of the view. */
  wordTool(server: number, result: JsonObject, origin: ViewOrigin): JsonObject
  /** Who hears the answer to `tools/call` at a member so that `sink` hears it in the words of the view. */
  toolSink(server: number, origin: ViewOrigin, sink: ViewSink): ViewSink
  start(): void
  /** Ends subscriptions in good order, and what it reads by itself. Calls under way go on. */
  close(): void
}

type MapResult = (result: JsonObject, words: ResultWords) => JsonObject

const asItIs: MapResult = (result) => result

/** @throws TypeError when there is no member, or two share a name. */
export function createMergedView(
  members: readonly CatalogMember[],
  context: CatalogContext,
): MergedView {
  if (members.length === 0) throw new TypeError('expected at least one server')
  return new Merged(members, context)
}

class Merged implements MergedView {
  readonly name: string
  readonly #views: readonly ServerView[]
  readonly #servers: readonly string[]
  readonly #cache: CatalogCache
  readonly #watch: CatalogWatch
  readonly #names: MergedNames
  readonly #uris: MergedUris
  readonly #answers: ListAnswers
  readonly #listens: ViewListens

  constructor(members: readonly CatalogMember[], context: CatalogContext) {
    const { options, clock, random, log, observer } = context
    this.name = context.name
    this.#views = members.map(({ view }) => sharingListens(view, clock, random))
    this.#servers = members.map((it) => it.name)
    const onListChange = (server: number, kinds: readonly CatalogueKind[]): void => {
      for (const kind of kinds) this.#cache.invalidate(server, kind)
    }
    this.#watch = new CatalogWatch({ clock, random, views: this.#views, onListChange })
    this.#cache = new CatalogCache(
      this.#views,
      { ...options, clock, random, log, observer },
      {
        onChange: (change) => this.#listens.onChange(change),
        onUse: (server, origin) => this.#watch.watch(server, origin),
        onIdle: () => this.#watch.end(),
      },
    )
    this.#names = new MergedNames({
      servers: this.#servers,
      rules: members.map((it) => new ToolRules(it.rules)),
      mode: options.names,
      cache: this.#cache,
      log,
      observer,
    })
    this.#uris = new MergedUris(this.#servers, this.#cache)
    const [servers, cache, names, uris] = [this.#servers, this.#cache, this.#names, this.#uris]
    this.#answers = new ListAnswers({ servers, cache, names, uris, context })
    const { timeoutMs } = options
    this.#listens = new ViewListens({
      servers,
      clock,
      random,
      views: this.#views,
      cache,
      uris,
      timeoutMs,
    })
  }

  get conflicts(): readonly NameConflict[] {
    return this.#names.conflicts
  }

  toolAt(name: string): FoundName | undefined {
    return this.#names.findByNameAlone(name)
  }

  wordTool(server: number, result: JsonObject, origin: ViewOrigin): JsonObject {
    return this.#views.length === 1 ? result : mapToolResult(result, this.#wordsOf(server, origin))
  }

  toolSink(server: number, origin: ViewOrigin, sink: ViewSink): ViewSink {
    if (this.#views.length === 1) return sink
    return new WordedSink(sink, this.#wordsOf(server, origin), mapToolResult)
  }

  start(): void {
    this.#cache.start()
  }

  close(): void {
    this.#listens.end()
    this.#watch.end()
    this.#cache.close()
  }

  call(request: ViewRequest, sink: ViewSink): ViewCall {
    try {
      return this.#dispatch(request, sink)
    } catch (thrown) {
      return new PendingCall().soon(() => sink.onFailure(toGatewayError(thrown)))
    }
  }

  listen(request: ListenRequest, sink: ListenSink): ViewCall {
    return this.#listens.listen(request, sink)
  }

  /** What the view reads and hears by itself as this caller has to end first, or the servers would begin for it anew. */
  forgetCaller(callerKey: string): void {
    this.#cache.forgetCaller(callerKey)
    this.#watch.forgetCaller(callerKey, (server) => this.#cache.originFor(server))
    for (const view of this.#views) view.forgetCaller?.(callerKey)
  }

  /** Only its own server can make anything of a state. */
  abandon(callerKey: string, requestState: string): void {
    for (const view of this.#views) view.abandon?.(callerKey, requestState)
  }

  #dispatch(request: ViewRequest, sink: ViewSink): ViewCall {
    switch (request.method) {
      case 'tools/call':
        return this.#byName('tools', request, sink)
      case 'prompts/get':
        return this.#byName('prompts', request, sink)
      case 'resources/read':
        return this.#read(request, sink)
      case 'completion/complete':
        return this.#complete(request, sink)
      case 'tasks/get':
      case 'tasks/update':
      case 'tasks/cancel':
        return this.#byTask(request, sink)
      default:
        return this.#own(this.#answers.answer(request), request, sink)
    }
  }

  /** What the view answers itself; of one server alone the rest is that server's business. */
  #own(answer: MaybeLater<OwnAnswer> | undefined, request: ViewRequest, sink: ViewSink): ViewCall {
    if (answer === undefined) {
      if (this.#views.length > 1) return refuse(sink, methodNotFound(request.method))
      return this.#forward(0, request, { params: request.params, map: asItIs }, sink)
    }
    return later(answer, sink, (it) =>
      new PendingCall().soon(() => {
        if (it.result !== undefined) sink.onResult(it.result)
        else fail(sink, it.error)
      }),
    )
  }

  #byName(kind: NamedKind, request: ViewRequest, sink: ViewSink): ViewCall {
    const { params } = request
    const { name } = params
    const what = kind === 'tools' ? 'tool' : 'prompt'
    if (typeof name !== 'string')
      return refuse(sink, invalidParams(`expected the name of a ${what}`))
    const map = kind === 'tools' ? mapToolResult : mapPromptResult
    return later(this.#names.find(kind, name, request), sink, (found: Lookup) => {
      if (found === 'unknown') return refuse(sink, invalidParams(`Unknown ${what}: ${name}`))
      if (found === 'missing') return refuse(sink, cannotTell(what))
      const own = found.name === name ? params : { ...params, name: found.name }
      return this.#forward(found.server, request, { params: own, map }, sink)
    })
  }

  #read(request: ViewRequest, sink: ViewSink): ViewCall {
    const { uri } = request.params
    if (typeof uri !== 'string')
      return refuse(sink, invalidParams('expected the URI of a resource'))
    if (this.#views.length === 1) return this.#readAt(0, uri, request, sink)
    return later(this.#uris.find(uri, request), sink, (found: UriLookup) => {
      if ('server' in found) return this.#readAt(found.server, found.uri, request, sink)
      const ask = (server: number, askSink: ViewSink) => this.#readAt(server, uri, request, askSink)
      const unknown = invalidParams(`Resource not found: ${uri}`, { uri })
      return askInTurn({ servers: found.askable, ask, unknown }, sink)
    })
  }

  #readAt(server: number, uri: string, request: ViewRequest, sink: ViewSink): ViewCall {
    const asked = request.params['uri']
    const params = uri === asked ? request.params : { ...request.params, uri }
    // What was asked for keeps the URI by which it was.
    const map: MapResult = (result, { server: name, expose }) =>
      mapReadResult(result, {
        server: name,
        expose: (own) => (own === uri ? (asked as string) : expose(own)),
      })
    return this.#forward(server, request, { params, map }, sink)
  }

  #complete(request: ViewRequest, sink: ViewSink): ViewCall {
    const { params } = request
    const { ref } = params
    const { name, uri } = isObject(ref) ? ref : {}
    const isSingle = this.#views.length === 1
    if (isSingle) return this.#forward(0, request, { params, map: asItIs }, sink)
    const at = (server: number, to: JsonObject, answer = sink): ViewCall => {
      const own = { ...params, ref: { ...(ref as JsonObject), ...to } }
      return this.#forward(server, request, { params: own, map: asItIs }, answer)
    }
    if (typeof name === 'string') {
      return later(this.#names.find('prompts', name, request), sink, (found: Lookup) => {
        if (found === 'unknown') return refuse(sink, invalidParams(`Unknown prompt: ${name}`))
        if (found === 'missing') return refuse(sink, cannotTell('prompt'))
        return at(found.server, { name: found.name })
      })
    }
    if (typeof uri !== 'string')
      return refuse(sink, invalidParams('expected a prompt or a resource'))
    return later(this.#uris.findTemplate(uri, request), sink, (found: UriLookup) => {
      if ('server' in found) return at(found.server, { uri: found.uri })
      const unknown = invalidParams(`Unknown resource template: ${uri}`)
      return askInTurn({ servers: found.askable, ask: (it, s) => at(it, {}, s), unknown }, sink)
    })
  }

  #byTask(request: ViewRequest, sink: ViewSink): ViewCall {
    const { params } = request
    const isSingle = this.#views.length === 1
    if (isSingle) return this.#forward(0, request, { params, map: asItIs }, sink)
    const held = heldTask(params['taskId'])
    const server = held === undefined ? -1 : this.#servers.indexOf(held.server)
    if (server < 0) return refuse(sink, invalidParams('Unknown task'))
    return this.#forward(server, request, { params, map: mapTaskResult }, sink)
  }

  #forward(
    server: number,
    request: ViewRequest,
    { params, map }: { readonly params: JsonObject; readonly map: MapResult },
    sink: ViewSink,
  ): ViewCall {
    const view = this.#views[server] as ServerView
    if (this.#views.length === 1) return view.call({ ...request, params }, sink)
    const words = this.#wordsOf(server, request)
    return view.call(
      { ...request, params: withOwnTaskIds(params, words.server) },
      new WordedSink(sink, words, map),
    )
  }

  #wordsOf(server: number, origin: ViewOrigin): ResultWords {
    const name = this.#servers[server] as string
    return { server: name, expose: this.#uris.exposeFor(server, origin) }
  }
}

/** A server that shares its streams already is not made to do so twice. */
function sharingListens(view: ServerView, clock: Clock, random: () => number): ServerView {
  return view instanceof ListenHub ? view : new ListenHub(view, clock, random)
}
