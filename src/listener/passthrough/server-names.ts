// Which target a server name leads to. Names are in lower case on both sides.
import type { PassthroughTarget } from '../options.ts'

/** Every name that nothing else takes, and no name at all. */
const ANY_NAME = '*'

export class ServerNames {
  readonly #byName = new Map<string, PassthroughTarget>()

  /** The config has made sure that no name is there twice; the first one counts. */
  constructor(targets: readonly PassthroughTarget[]) {
    for (const target of targets) {
      for (const name of target.serverNames) {
        if (!this.#byName.has(name)) this.#byName.set(name, target)
      }
    }
  }

  /** Exact before wildcard, which stands for exactly one label (RFC 9525 §6.3), before any. */
  targetOf(serverName: string | undefined): PassthroughTarget | undefined {
    const any = this.#byName.get(ANY_NAME)
    if (serverName === undefined) return any
    const wildcard = `*${serverName.slice(serverName.indexOf('.'))}`
    const isBelowOther = serverName.includes('.')
    return (
      this.#byName.get(serverName) ?? (isBelowOther ? this.#byName.get(wildcard) : undefined) ?? any
    )
  }
}
