// A command as an Upstream: sorts requests by era into the two lanes, and owns the life of both. Nothing is started
// before the first request needs it.
import type { Clock } from '../../core/index.ts'
import type { Log, Metrics } from '../../observability/index.ts'
import type { StdioEndpointOptions } from '../options.ts'
import type { AnswerStream } from '../session/answer-stream.ts'
import { Answering, type Answerer } from '../session/answering.ts'
import type { AnswerSink, Upstream, UpstreamCall, UpstreamRequest } from '../upstream.ts'
import { startFailure } from './child-end.ts'
import { Children } from './children.ts'
import { findCommand } from './command-lookup.ts'
import { LegacyLane } from './legacy-lane.ts'
import { ModernLane } from './modern-lane.ts'

export interface StdioContext {
  /** Name of the endpoint, for logs and errors. */
  readonly name: string
  readonly server: string
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  /** The gateway's environment, of which children get the few variables in BASE_VARIABLES. */
  readonly baseEnv: Readonly<Record<string, string | undefined>>
}

export function createStdioUpstream(
  options: StdioEndpointOptions,
  context: StdioContext,
): Upstream {
  return new StdioUpstream(options, context)
}

class StdioUpstream implements Upstream, Answerer {
  readonly #options: StdioEndpointOptions
  readonly #context: StdioContext
  readonly #children: Children
  readonly #modern: ModernLane
  readonly #legacy: LegacyLane
  readonly #answering: Answering

  constructor(options: StdioEndpointOptions, context: StdioContext) {
    const { name, server, clock } = context
    const log = context.log.with({ server, endpoint: name })
    this.#options = options
    this.#context = context
    this.#children = new Children(options, { ...context, onTick: () => this.#tick() })
    const children = this.#children
    this.#modern = new ModernLane({
      name,
      options,
      children,
      clock,
      onReplaced: () => this.#legacy.forgetEra(),
    })
    this.#legacy = new LegacyLane({ name, options, children, modern: this.#modern, clock, log })
    this.#answering = new Answering(clock, this)
  }

  async start(): Promise<void> {}

  send(request: UpstreamRequest, sink: AnswerSink): UpstreamCall {
    return this.#answering.send(request, sink)
  }

  /**
   * Resolves while a child is alive, or when the command is there and is not held back after a failure. Starts nothing:
   * a process per look would be a high price, and an old failure says more than a new start.
   */
  async probe(): Promise<void> {
    if (this.#children.count > 0) return
    const failure = this.#children.backedOff()
    if (failure !== undefined) throw failure
    const { command, cwd, env } = this.#options
    const path = env['PATH'] ?? this.#context.baseEnv['PATH']
    if ((await findCommand(command, path, cwd)) !== undefined) return
    const missing = Object.assign(new Error(`no executable ${command}`), { code: 'ENOENT' })
    throw startFailure(this.#options, missing)
  }

  async stop(deadlineMs: number): Promise<void> {
    await this.#answering.stop(deadlineMs)
  }

  answer(request: UpstreamRequest, answer: AnswerStream): void {
    if (request.inbound?.era === 'modern') this.#modern.send(request, answer)
    else this.#legacy.send(request, answer)
  }

  retire(): void {
    this.#legacy.retire()
    this.#modern.retire()
  }

  async cut(now: boolean): Promise<void> {
    this.#legacy.stop()
    this.#modern.retire()
    await this.#children.stopAll(now)
  }

  #tick(): void {
    this.#legacy.tick()
    this.#modern.tick()
  }
}
