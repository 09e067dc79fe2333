// Hears from every server of a view when its lists change, so that what is kept of them is read anew. One subscription per
// server, for whichever caller asked first: a change heard of is taken for a change for all.
import type { Clock } from '../../core/index.ts'
import type { ListChange } from '../translate/listen-filter.ts'
import type { ListenFilter, ServerView, ViewCall, ViewOrigin } from '../view/server-view.ts'
import type { CatalogueKind } from './catalogue.ts'
import { CHANGED_LISTS } from './listen-merge.ts'
import { ServerEar, type EarSink } from './server-ear.ts'

export interface WatchSurroundings {
  readonly clock: Clock
  readonly random: () => number
  /** By server. */
  readonly views: readonly ServerView[]
  readonly onListChange: (server: number, kinds: readonly CatalogueKind[]) => void
}

const ALL_LISTS: ListenFilter = {
  toolsListChanged: true,
  promptsListChanged: true,
  resourcesListChanged: true,
}
/** A server that tells of no changes is asked again this long after. */
const ASK_AGAIN_AFTER_MS = 60_000

interface Watched {
  readonly call: ViewCall
  readonly callerKey: string
  /** When a server that honours nothing was asked; undefined while it may tell of changes. */
  givenUpAtMs: number | undefined
  /** The caller has gone: another has to take its place. */
  isLeft: boolean
}

export class CatalogWatch {
  readonly #around: WatchSurroundings
  readonly #watched = new Map<number, Watched>()

  constructor(around: WatchSurroundings) {
    this.#around = around
  }

  /** Begins to watch, unless that is done already. */
  watch(server: number, origin: ViewOrigin): void {
    const { clock, views } = this.#around
    const known = this.#watched.get(server)
    if (known !== undefined && !known.isLeft) {
      if (known.givenUpAtMs === undefined) return
      if (clock.monotonicMs() - known.givenUpAtMs < ASK_AGAIN_AFTER_MS) return
    }
    const request = { caller: origin.caller, headers: origin.headers, filter: ALL_LISTS }
    const sink: EarSink = {
      onHonoured: (honoured) => {
        if (honoured === undefined || this.#watched.get(server) !== watched) return
        if (Object.keys(honoured).length === 0) this.#giveUp(watched)
        // It was not heard for a while: what is kept may be old.
        else if (known !== undefined) this.#tell(server, Object.values(CHANGED_LISTS).flat())
      },
      onChange: ({ method }) => this.#tell(server, CHANGED_LISTS[method as ListChange] ?? []),
    }
    const call = new ServerEar(views[server] as ServerView, request, sink, this.#around)
    const watched: Watched = {
      call,
      callerKey: origin.caller.key,
      givenUpAtMs: undefined,
      isLeft: false,
    }
    this.#watched.set(server, watched)
  }

  /** Watches as somebody else, now where there is one, or as who asks next. */
  forgetCaller(callerKey: string, successorFor: (server: number) => ViewOrigin | undefined): void {
    for (const [server, watched] of this.#watched) {
      const isListening = !watched.isLeft && watched.givenUpAtMs === undefined
      if (!isListening || watched.callerKey !== callerKey) continue
      watched.isLeft = true
      watched.call.cancel()
      const successor = successorFor(server)
      if (successor !== undefined) this.watch(server, successor)
    }
  }

  /** Nobody asks for lists any more. */
  end(): void {
    for (const { call } of this.#watched.values()) call.cancel()
    this.#watched.clear()
  }

  #giveUp(watched: Watched): void {
    watched.givenUpAtMs = this.#around.clock.monotonicMs()
    watched.call.cancel()
  }

  #tell(server: number, kinds: readonly CatalogueKind[]): void {
    this.#around.onListChange(server, kinds)
  }
}
