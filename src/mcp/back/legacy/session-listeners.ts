// Who listens to the changes that a session tells of, and what the server has to be asked for so that it does.
import { isObject, type JsonObject } from '../../../wire/index.ts'
import { wants } from '../../translate/listen-filter.ts'
import type { ListenFilter, RpcNotification } from '../../view/server-view.ts'
import { ResourceSubscriptions, type AskAbout } from './resource-subscriptions.ts'

/** Listeners of one session. */
export const MAX_LISTENERS = 1_024
/** Resources that one listener may subscribe to; the acknowledgement leaves out what is beyond. */
export const MAX_RESOURCES = 256
/** Requests about resources at once, for one listener. */
const LANES = 8

export interface SessionListener {
  onChange(change: RpcNotification): void
  /** Changes may have been missed. */
  onGap(): void
  /** The session has ended, or will; another one takes its place. */
  onSessionOver(): void
}

interface Listening {
  filter: ListenFilter
  /** Resources that are subscribed to on its account. */
  resources: readonly string[]
}

export class SessionListeners {
  readonly #listening = new Map<SessionListener, Listening>()
  readonly #subscriptions: ResourceSubscriptions

  constructor(ask: AskAbout) {
    this.#subscriptions = new ResourceSubscriptions(ask)
  }

  get size(): number {
    return this.#listening.size
  }

  /** Takes a place, without hearing anything yet. False: there are too many. */
  reserve(listener: SessionListener): boolean {
    if (this.#listening.size >= MAX_LISTENERS) return false
    this.#listening.set(listener, { filter: {}, resources: [] })
    return true
  }

  /** Resolves to what the server honours. Changes may be heard before. Nothing for one that has left its place. */
  async begin(
    listener: SessionListener,
    asked: ListenFilter,
    capabilities: JsonObject,
  ): Promise<ListenFilter> {
    const listening = this.#listening.get(listener)
    if (listening === undefined) return {}
    listening.filter = asked
    const uris = [...new Set(asked.resourceSubscriptions)].slice(0, MAX_RESOURCES)
    const resources = isSet(capabilities, 'resources', 'subscribe')
      ? await this.#subscribe(uris)
      : []
    const honoured: ListenFilter = {
      ...announcedLists(asked, capabilities),
      ...(resources.length > 0 && { resourceSubscriptions: resources }),
    }
    listening.filter = honoured
    listening.resources = resources
    // It may have left meanwhile.
    if (this.#listening.get(listener) !== listening) this.#release(listening)
    return honoured
  }

  remove(listener: SessionListener): void {
    const listening = this.#listening.get(listener)
    if (listening === undefined) return
    this.#listening.delete(listener)
    this.#release(listening)
  }

  onChange(change: RpcNotification): void {
    for (const [listener, { filter }] of this.#listening) {
      if (wants(filter, change)) listener.onChange(change)
    }
  }

  onGap(): void {
    for (const listener of this.#listening.keys()) listener.onGap()
  }

  /** Tells all of them that the session is over for them, and forgets them. */
  dismiss(): void {
    const listeners = [...this.#listening.keys()]
    this.#listening.clear()
    for (const listener of listeners) listener.onSessionOver()
  }

  /** Those that the server sends updates of, in the order they were asked for. */
  async #subscribe(uris: readonly string[]): Promise<readonly string[]> {
    const active = new Set<string>()
    let next = 0
    const lane = async (): Promise<void> => {
      for (let uri = uris[next++]; uri !== undefined; uri = uris[next++]) {
        if (await this.#subscriptions.acquire(uri)) active.add(uri)
      }
    }
    await Promise.all(Array.from({ length: LANES }, lane))
    return uris.filter((uri) => active.has(uri))
  }

  #release({ resources }: Listening): void {
    for (const uri of resources) this.#subscriptions.release(uri)
  }
}

/** The lists whose changes the server announces, of those that are asked about. */
function announcedLists(asked: ListenFilter, capabilities: JsonObject): ListenFilter {
  const has = (name: string): boolean => isSet(capabilities, name, 'listChanged')
  return {
    ...(asked.toolsListChanged === true && has('tools') && { toolsListChanged: true }),
    ...(asked.promptsListChanged === true && has('prompts') && { promptsListChanged: true }),
    ...(asked.resourcesListChanged === true && has('resources') && { resourcesListChanged: true }),
  }
}

function isSet(capabilities: JsonObject, name: string, flag: string): boolean {
  const capability = capabilities[name]
  return isObject(capability) && capability[flag] === true
}
