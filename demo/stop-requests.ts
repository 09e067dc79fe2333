// The ways in which the demo is asked to end: Ctrl-C, a signal, a closed terminal, or the end of the program it was started by.

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const PARENT_POLL_MS = 500

/** The first asks for an orderly end, the second for one at once, and a third does not wait for it. */
export class StopRequests {
  readonly first: Promise<void>
  readonly second: Promise<void>
  readonly #settlers: (() => void)[]

  constructor() {
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    this.first = first.promise
    this.second = second.promise
    this.#settlers = [first.resolve, second.resolve]
    for (const signal of SIGNALS) process.on(signal, this.ask)
  }

  get isAsked(): boolean {
    return this.#settlers.length < 2
  }

  readonly ask = (): void => {
    const settle = this.#settlers.shift()
    if (settle === undefined) process.exit(1)
    settle()
  }
}

/** Resolves when this process's parent is gone, which no signal tells: another process has become the parent then. */
export function endOfParent(): Promise<void> {
  const parent = process.ppid
  return new Promise((resolve) => {
    const poll = setInterval(() => {
      if (process.ppid === parent) return
      clearInterval(poll)
      resolve()
    }, PARENT_POLL_MS).unref()
  })
}
