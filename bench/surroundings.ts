// Everything around the targets: the backend and the load generator, each a process, for all parts of a run.
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import type { BackendPorts } from './backend.ts'
import type { CertificateFiles } from './certificate.ts'
import { nextMessage, type Children } from './children.ts'
import type { LoadResult } from './load/measure.ts'
import type { Answer, Order } from './process/load.ts'
import type { Target } from './target/target.ts'

export interface BackendCounts {
  readonly callCount: number
  /** Of the servers behind the lanes: everything that is not a call. */
  readonly otherCount: number
}

export class Surroundings {
  readonly ports: BackendPorts
  readonly #backend: ChildProcess
  readonly #load: ChildProcess

  private constructor(ports: BackendPorts, backend: ChildProcess, load: ChildProcess) {
    this.ports = ports
    this.#backend = backend
    this.#load = load
  }

  static async start(
    children: Children,
    { certFile, keyFile }: CertificateFiles,
  ): Promise<Surroundings> {
    const start = (entry: string, ...args: string[]): ChildProcess =>
      children.start({
        role: 'other',
        command: process.execPath,
        args: [join(import.meta.dirname, 'process', entry), ...args],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
    const backend = start('backend.ts', certFile, keyFile)
    const { ports } = await nextMessage<{ ports: BackendPorts }>(backend)
    const load = start('load.ts')
    await nextMessage(load)
    return new Surroundings(ports, backend, load)
  }

  /** The backend, asked without anything before it. */
  get direct(): Target {
    return {
      name: 'direct',
      ports: { ...this.ports, http2: this.ports.https },
      pids: this.companionPids,
      tidy: () => {},
    }
  }

  get companionPids(): readonly number[] {
    return [this.#backend.pid as number]
  }

  /** Has an order carried out that measures something. */
  async measure(order: Order): Promise<LoadResult> {
    const result = await this.carryOut(order)
    if (result === undefined) throw new Error('the load generator measured nothing')
    return result
  }

  async carryOut(order: Order): Promise<LoadResult | undefined> {
    const next = nextMessage<Answer>(this.#load)
    this.#load.send(order)
    const answer = await next
    if (!answer.done) throw new Error(answer.failure)
    return answer.result
  }

  async backendCallCount(): Promise<number> {
    return (await this.backendCounts()).callCount
  }

  /** What the backend was asked so far. */
  async backendCounts(): Promise<BackendCounts> {
    const answer = nextMessage<BackendCounts>(this.#backend)
    this.#backend.send('count')
    return await answer
  }
}
