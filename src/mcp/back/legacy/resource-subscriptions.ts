// The resources that one session is subscribed to, each once however many listeners want to hear of it: subscribed for the
// first, unsubscribed after the last.

/** Resources of one session. Further ones are not subscribed to, which the listener is told. */
export const MAX_SUBSCRIBED = 1_024

interface Subscribed {
  listeners: number
  /** What was asked of the server last; requests about one resource never overtake each other. True: it sends updates. */
  isActive: Promise<boolean>
}

/** Asks the server; false: it refused. */
export type AskAbout = (
  method: 'resources/subscribe' | 'resources/unsubscribe',
  uri: string,
) => Promise<boolean>

export class ResourceSubscriptions {
  readonly #ask: AskAbout
  readonly #byUri = new Map<string, Subscribed>()

  constructor(ask: AskAbout) {
    this.#ask = ask
  }

  get size(): number {
    return this.#byUri.size
  }

  /** False: the server sends no updates of it, and there is nothing to release. */
  async acquire(uri: string): Promise<boolean> {
    const subscribed = this.#byUri.get(uri) ?? this.#add(uri)
    if (subscribed === undefined) return false
    subscribed.listeners++
    if (subscribed.listeners === 1) {
      subscribed.isActive = subscribed.isActive.then(
        (isActive) => isActive || this.#ask('resources/subscribe', uri),
      )
    }
    const isActive = await subscribed.isActive
    if (!isActive) this.release(uri)
    return isActive
  }

  release(uri: string): void {
    const subscribed = this.#byUri.get(uri)
    if (subscribed === undefined) return
    subscribed.listeners--
    if (subscribed.listeners > 0) return
    subscribed.isActive = subscribed.isActive.then((isActive) =>
      this.#endUnlessWanted(uri, subscribed, isActive),
    )
  }

  #add(uri: string): Subscribed | undefined {
    if (this.#byUri.size >= MAX_SUBSCRIBED) return undefined
    const subscribed = { listeners: 0, isActive: Promise.resolve(false) }
    this.#byUri.set(uri, subscribed)
    return subscribed
  }

  async #endUnlessWanted(uri: string, subscribed: Subscribed, isActive: boolean): Promise<boolean> {
    if (subscribed.listeners > 0) return isActive
    if (isActive) await this.#ask('resources/unsubscribe', uri)
    if (subscribed.listeners === 0) this.#byUri.delete(uri)
    return false
  }
}
