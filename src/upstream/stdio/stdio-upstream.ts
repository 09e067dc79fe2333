// A command as an Upstream: sorts requests by method and era into the two lanes, and owns the life of both. Nothing is
// started before the first request needs it.
import { GatewayError, type Clock } from '../../core/index.ts'
import type { Log, Metrics } from '../../observability/index.ts'
import type { StdioEndpointOptions } from '../options.ts'
import type { AnswerSink, Upstream, UpstreamCall, UpstreamRequest } from '../upstream.ts'
import { acceptsAnswer } from './accept.ts'
import { AnswerStream } from './answer-stream.ts'
import { startFailure } from './child-end.ts'
import { Children } from './children.ts'
import { findCommand } from './command-lookup.ts'
import { LegacyLane } from './legacy-lane.ts'
import { ModernLane } from './modern-lane.ts'
import { draining } from './refusals.ts'

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

class StdioUpstream implements Upstream {
  readonly #options: StdioEndpointOptions
  readonly #context: StdioContext
  readonly #children: Children
  readonly #modern: ModernLane
  readonly #legacy: LegacyLane
  // Answers that have an end of their own: a drain waits for these.
  readonly #calls = new Set<AnswerStream>()
  readonly #stopped = Promise.withResolvers<void>()
  #isStopping = false
  #isCut = false

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
  }

  async start(): Promise<void> {}

  send(request: UpstreamRequest, sink: AnswerSink): UpstreamCall {
    const answer = new AnswerStream(sink, this.#context.clock, (over) => this.#onOver(over))
    if (!request.longLived) this.#calls.add(answer)
    // The sink must hear nothing before the caller has the call in hand.
    queueMicrotask(() => this.#dispatch(request, answer))
    return answer
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
    if (deadlineMs <= 0) return this.#cut(true)
    const cut = this.#context.clock.after(deadlineMs, () => void this.#cut(false))
    if (!this.#isStopping) {
      this.#isStopping = true
      this.#legacy.retire()
      this.#modern.retire()
      if (this.#calls.size === 0) void this.#cut(false)
    }
    await this.#stopped.promise
    cut.cancel()
  }

  #dispatch(request: UpstreamRequest, answer: AnswerStream): void {
    if (answer.isOver) return
    const { method, headers, inbound, sessionId } = request
    if (this.#isStopping) {
      answer.fail(draining(), false)
      return
    }
    if (method === 'DELETE') {
      this.#legacy.end(sessionId, answer)
      return
    }
    if (!acceptsAnswer(headers, method)) {
      answer.fail(notAcceptable(method), false)
      return
    }
    if (method === 'GET') this.#legacy.open(sessionId, answer)
    else if (inbound?.era === 'modern') this.#modern.send(request, answer)
    else this.#legacy.post(request, answer)
  }

  #tick(): void {
    this.#legacy.tick()
    this.#modern.tick()
  }

  #onOver(answer: AnswerStream): void {
    if (!this.#calls.delete(answer) || !this.#isStopping || this.#calls.size > 0) return
    void this.#cut(false)
  }

  /** Ends the children; what is still under way fails with them. `now` leaves them no time to end well. */
  async #cut(now: boolean): Promise<void> {
    this.#isStopping = true
    if (!this.#isCut || now) {
      this.#isCut = true
      this.#legacy.stop()
      this.#modern.retire()
      await this.#children.stopAll(now)
      this.#stopped.resolve()
    }
    await this.#stopped.promise
  }
}

function notAcceptable(method: 'POST' | 'GET'): GatewayError {
  const expected = method === 'GET' ? 'text/event-stream' : 'application/json and text/event-stream'
  return new GatewayError('GW_NOT_ACCEPTABLE', `Accept: expected ${expected}`)
}
