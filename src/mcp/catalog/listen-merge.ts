// One client's subscription, made of subscriptions at the servers it concerns: one acknowledgement, changes in the words of
// the view, bursts of the same change told once. Keeping the servers' ends alive is server-ear.ts's business.
import type { Clock, GatewayError, Timer } from '../../core/index.ts'
import { RESOURCE_UPDATED, unionOf, type ListChange } from '../translate/listen-filter.ts'
import type {
  ListenFilter,
  ListenRequest,
  ListenSink,
  RpcNotification,
  ServerView,
  ViewCall,
} from '../view/server-view.ts'
import type { CatalogueKind } from './catalogue.ts'
import { mapNotification, type ResultWords } from './result-mapping.ts'
import { ServerEar, type EarSink } from './server-ear.ts'
import { exposedTaskId } from './task-ids.ts'

/** What of a subscription concerns one server. */
export interface ServerShare {
  /** Place of the server in the configuration. */
  readonly server: number
  readonly filter: ListenFilter
  /** The server's own URIs to those that the client subscribed to. */
  readonly clientUris: ReadonlyMap<string, string>
  /** Of one server alone nothing is changed. */
  readonly words: ResultWords | undefined
}

export interface ListenMergeSurroundings {
  readonly clock: Clock
  readonly random: () => number
  /** By server. */
  readonly views: readonly ServerView[]
  /** Time for the servers to acknowledge. */
  readonly timeoutMs: number
  /** Hears of changed lists before the client does. */
  readonly onListChange: (server: number, kinds: readonly CatalogueKind[]) => void
}

/** Which lists a change is about. */
export const CHANGED_LISTS: Readonly<Record<ListChange, readonly CatalogueKind[]>> = {
  'notifications/tools/list_changed': ['tools'],
  'notifications/prompts/list_changed': ['prompts'],
  'notifications/resources/list_changed': ['resources', 'templates'],
}

/** The same change of a list, however often and from however many servers in this time, is told once. */
const CHANGE_WINDOW_MS = 50
/** Changes kept until the acknowledgement. */
const MAX_EARLY = 256

export class MergedListen implements ViewCall {
  readonly request: ListenRequest
  readonly #sink: ListenSink
  readonly #around: ListenMergeSurroundings
  readonly #calls: ViewCall[] = []
  /** What the servers honour, by server, in the client's words; undefined while one has not said. */
  readonly #honoured = new Map<number, ListenFilter | undefined>()
  readonly #changed = new Set<string>()
  /** Changes that came before the acknowledgement; as many as the servers' acknowledgements can be apart. */
  readonly #early: RpcNotification[] = []
  #deadline: Timer | undefined
  #window: Timer | undefined
  #isAcknowledged = false
  #isOver = false
  readonly #onOver: (listen: MergedListen) => void

  constructor(
    request: ListenRequest,
    sink: ListenSink,
    around: ListenMergeSurroundings,
    onOver: (listen: MergedListen) => void,
  ) {
    this.request = request
    this.#sink = sink
    this.#around = around
    this.#onOver = onOver
  }

  /** Begins, in a turn after the client's call has returned. */
  open(shares: readonly ServerShare[]): void {
    if (this.#isOver) return
    const { clock, views, timeoutMs } = this.#around
    for (const { server } of shares) this.#honoured.set(server, undefined)
    this.#deadline = clock.after(timeoutMs, () => this.#acknowledge())
    for (const share of shares) {
      const { server, filter } = share
      const sink: EarSink = {
        // Who cannot be reached now honours nothing, and may tell of changes later all the same.
        onHonoured: (honoured = {}) => this.#onHonoured(share, honoured),
        onChange: (change) => this.#onChange(share, change),
      }
      const view = views[server] as ServerView
      const call = new ServerEar(view, { ...this.request, filter }, sink, this.#around)
      this.#calls.push(call)
    }
    if (shares.length === 0) this.#acknowledge()
  }

  /** Tells of a list that is known to have changed, if the client wants to hear of it. */
  tellChanged(method: ListChange): void {
    if (this.#isOver) return
    this.#changed.add(method)
    if (!this.#isAcknowledged) return
    this.#window ??= this.#around.clock.after(CHANGE_WINDOW_MS, () => this.#flush())
  }

  /** The view is closing. */
  end(): void {
    if (this.#isOver) return
    this.#acknowledge()
    this.#close()
    this.#sink.onEnd()
  }

  fail(error: GatewayError): void {
    if (this.#isOver) return
    this.#close()
    this.#sink.onFailure(error)
  }

  cancel(): void {
    if (!this.#isOver) this.#close()
  }

  #close(): void {
    this.#isOver = true
    this.#deadline?.cancel()
    this.#window?.cancel()
    for (const call of this.#calls) call.cancel()
    this.#onOver(this)
  }

  #onHonoured({ server, clientUris, words }: ServerShare, honoured: ListenFilter): void {
    if (this.#isAcknowledged) return
    const { resourceSubscriptions: uris, taskIds, ...flags } = honoured
    const name = words?.server
    this.#honoured.set(server, {
      ...flags,
      ...(uris && { resourceSubscriptions: uris.map((uri) => clientUris.get(uri) ?? uri) }),
      ...(taskIds && {
        taskIds:
          name === undefined
            ? taskIds
            : taskIds.map((taskId) => exposedTaskId({ server: name, taskId })),
      }),
    })
    const isWhole = [...this.#honoured.values()].every((it) => it !== undefined)
    if (isWhole) this.#acknowledge()
  }

  /** Once, with what is known by then; a server that is late may still tell of changes. */
  #acknowledge(): void {
    if (this.#isAcknowledged || this.#isOver) return
    this.#isAcknowledged = true
    this.#deadline?.cancel()
    const honoured = [...this.#honoured.values()].filter((it) => it !== undefined)
    this.#sink.onAcknowledged(unionOf(honoured))
    for (const change of this.#early.splice(0)) this.#sink.onNotification(change)
    this.#flush()
  }

  #onChange(share: ServerShare, change: RpcNotification): void {
    const kinds = Object.hasOwn(CHANGED_LISTS, change.method)
      ? CHANGED_LISTS[change.method as ListChange]
      : undefined
    if (kinds !== undefined) {
      this.#around.onListChange(share.server, kinds)
      this.tellChanged(change.method as ListChange)
      return
    }
    const mapped = inClientWords(share, change)
    if (this.#isAcknowledged) this.#sink.onNotification(mapped)
    else if (this.#early.length < MAX_EARLY) this.#early.push(mapped)
  }

  #flush(): void {
    this.#window = undefined
    for (const method of this.#changed) {
      this.#changed.delete(method)
      if (!this.#isOver) this.#sink.onNotification({ method })
    }
  }
}

function inClientWords(
  { clientUris, words }: ServerShare,
  change: RpcNotification,
): RpcNotification {
  if (words === undefined) return change
  const uri = change.params?.['uri']
  if (change.method !== RESOURCE_UPDATED || typeof uri !== 'string') {
    return mapNotification(change, words)
  }
  // A change of a part of what was subscribed to comes with the part's own URI.
  const exposed = clientUris.get(uri) ?? words.expose(uri)
  return exposed === uri ? change : { ...change, params: { ...change.params, uri: exposed } }
}
