// The processes of a run: each pinned to its core where the machine can, each ended with the run whatever happens.
import { spawn, spawnSync, type ChildProcess, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'

/** `target`: what is measured. `other`: the load generator and the backend. */
export type Role = 'target' | 'other'

export interface ChildOrder {
  readonly role: Role
  readonly command: string
  readonly args: readonly string[]
  readonly stdio: StdioOptions
}

const CORE_OF: Readonly<Record<Role, string>> = { target: '0', other: '1' }
const END_TIMEOUT_MS = 3_000
const FORCED_END = ['SIGTERM', 'SIGINT'] as const

export class Children {
  readonly isPinned: boolean
  readonly #running = new Set<ChildProcess>()

  constructor(coreCount: number) {
    const taskset = spawnSync('taskset', ['-c', CORE_OF.other, 'true'])
    this.isPinned = coreCount > 1 && taskset.status === 0
    process.once('exit', () => {
      // SIGKILL would orphan nginx's worker; the second signal tells the gateway not to wait for calls under way.
      for (const child of this.#running) for (const signal of FORCED_END) child.kill(signal)
    })
  }

  start({ role, command, args, stdio }: ChildOrder): ChildProcess {
    const [program, argv] = this.isPinned
      ? ['taskset', ['-c', CORE_OF[role], command, ...args]]
      : [command, args]
    const child = spawn(program, argv, { stdio })
    this.#running.add(child)
    child.once('exit', () => this.#running.delete(child))
    return child
  }

  /** Ends one child, in good order if it can. */
  async end(child: ChildProcess): Promise<void> {
    if (!this.#running.has(child)) return
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    const hard = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS)
    await gone
    clearTimeout(hard)
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.#running].map((child) => this.end(child)))
  }
}

/** The next message of a child that answers one message at a time. */
export function nextMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: T): void => {
      child.off('exit', onExit)
      resolve(message)
    }
    const onExit = (code: number | null): void => {
      child.off('message', onMessage)
      reject(new Error(`a process of the bench ended with ${code ?? 'a signal'}`))
    }
    child.once('message', onMessage)
    child.once('exit', onExit)
  })
}
