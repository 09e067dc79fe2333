// Starts the replicas of the demo's server as processes and ends them again.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

export interface Replica {
  readonly name: string
  readonly url: string
  readonly pid: number
  /** Resolves when the process is gone, asked to or not. */
  readonly ended: Promise<void>
  stop(): Promise<void>
}

/** A replica that does not end by itself is killed after this. */
const STOP_TIMEOUT_MS = 2_000

export async function startReplicas(names: readonly string[]): Promise<readonly Replica[]> {
  const started = await Promise.allSettled(names.map(startReplica))
  const replicas = started.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []))
  const failed = started.find((it) => it.status === 'rejected')
  if (failed === undefined) return replicas
  await Promise.all(replicas.map((replica) => replica.stop()))
  throw failed.reason
}

async function startReplica(name: string): Promise<Replica> {
  const child = fork(new URL('replica.ts', import.meta.url), [name], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const ended = once(child, 'exit').then(() => undefined)
  const url = await Promise.race([
    once(child, 'message').then(([message]) => (message as { url: string }).url),
    ended,
  ])
  if (url === undefined || child.pid === undefined) {
    throw new Error(`replica ${name} ended before it was ready`)
  }
  return { name, url, pid: child.pid, ended, stop: () => stop(child, ended) }
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.connected) child.disconnect()
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
  await ended
  clearTimeout(timer)
}
