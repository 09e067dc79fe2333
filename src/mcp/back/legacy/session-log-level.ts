// The log level of a session, which is one for all of its calls (`logging/setLevel`): the least severe that a call under
// way wants to hear. What the others do not want to hear is sorted out per call.
import { isAtLeast, isLogLevel, leastSevere } from '../../translate/log-levels.ts'

export class SessionLogLevel {
  readonly #set: (level: string) => Promise<boolean>
  readonly #callsByLevel = new Map<string, number>()
  #current: string | undefined
  #setting: Promise<void> | undefined
  #isRefused = false

  /** `set` tells the server; false: it refused, or has no logs. */
  constructor(set: (level: string) => Promise<boolean>) {
    this.#set = set
  }

  /** A call that wants to hear messages of this level begins: once this resolves, or at once. */
  enter(level: string | undefined): Promise<void> | undefined {
    if (level === undefined || !isLogLevel(level)) return undefined
    this.#callsByLevel.set(level, (this.#callsByLevel.get(level) ?? 0) + 1)
    if (this.#setting === undefined) return this.#adjust()
    return this.#setting.then(() => this.#adjust())
  }

  /** The call has ended. The level is set anew only when the next call begins that wants logs. */
  leave(level: string | undefined): void {
    const count = level === undefined ? undefined : this.#callsByLevel.get(level)
    if (level === undefined || count === undefined) return
    if (count === 1) this.#callsByLevel.delete(level)
    else this.#callsByLevel.set(level, count - 1)
  }

  #adjust(): Promise<void> | undefined {
    const wanted = leastSevere(this.#callsByLevel.keys())
    if (this.#isRefused || wanted === undefined || wanted === this.#current) return this.#setting
    if (this.#setting !== undefined) return this.#setting.then(() => this.#adjust())
    const isHeard = this.#current !== undefined && isAtLeast(wanted, this.#current)
    const setting = this.#change(wanted)
    this.#setting = setting
    // Too many messages do no harm, so nobody waits for less of them.
    return isHeard ? undefined : setting
  }

  async #change(level: string): Promise<void> {
    if (await this.#set(level)) this.#current = level
    else this.#isRefused = true
    this.#setting = undefined
  }
}
