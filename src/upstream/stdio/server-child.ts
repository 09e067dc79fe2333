// One process that speaks MCP, or should: its messages in and out, and the log and metrics of what it says and how it ends.
import type { Clock } from '../../core/index.ts'
import type { Log, Metrics } from '../../observability/index.ts'
import { Child, childEnvironment, type ChildEnd, type WriteOutcome } from '../child-process.ts'
import type { StdioEndpointOptions } from '../options.ts'
import type { Link, Posting, StopReason } from '../session/link.ts'
import { readServerMessages, type ServerMessage } from '../session/server-message.ts'
import { StderrLog } from './stderr-log.ts'

/** What a child is for: one legacy session, or all modern callers. */
export type ChildRole = 'session' | 'shared'

export interface ChildListener {
  onMessage(message: ServerMessage): void
  /** Called once. `asked`: the end was the gateway's wish. */
  onEnd(end: ChildEnd, asked: boolean): void
}

export interface ServerChildContext {
  /** Name of the endpoint. */
  readonly name: string
  readonly server: string
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  readonly baseEnv: Readonly<Record<string, string | undefined>>
}

interface ServerChildOptions {
  readonly role: ChildRole
  readonly listener: ChildListener
  readonly options: StdioEndpointOptions
  readonly context: ServerChildContext
  /** Nothing of the process or its group is left. */
  readonly onGone: () => void
}

export class ServerChild implements Link {
  readonly startedAtMs: number
  readonly #setup: ServerChildOptions
  #log: Log
  #child: Child | undefined
  #stderr: StderrLog
  #stopReason: StopReason | undefined
  #isNoisy = false

  constructor(setup: ServerChildOptions) {
    const { context, role } = setup
    this.#setup = setup
    this.#log = context.log.with({ server: context.server, endpoint: context.name, child: role })
    this.#stderr = new StderrLog(this.#log, context.clock)
    this.startedAtMs = context.clock.monotonicMs()
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  start(): void {
    const { options, context, onGone } = this.#setup
    const env = childEnvironment(context.baseEnv, options.env)
    const child = new Child({
      command: { command: options.command, args: options.args, env, cwd: options.cwd },
      maxLineBytes: options.maxMessageBytes,
      stopTimeoutMs: options.stopTimeoutMs,
      clock: context.clock,
      onLine: (line) => this.#onLine(line),
      onStderrLine: (line) => this.#stderr.line(line),
      onEnd: (end) => this.#onEnd(end),
    })
    this.#child = child
    if (child.pid !== undefined) {
      this.#log = this.#log.with({ pid: child.pid })
      this.#stderr = new StderrLog(this.#log, context.clock)
      this.#log.info({}, 'stdio server started')
    }
    void child.gone.then(onGone)
  }

  /** What is in the pipe is taken: a child has no way to refuse a message. */
  send(line: Buffer, posting?: Posting): WriteOutcome {
    const outcome = this.#child?.write(line) ?? 'closed'
    if (outcome === 'written') posting?.onTaken()
    return outcome
  }

  async stop(reason: StopReason): Promise<void> {
    this.#stopReason ??= reason
    await this.#child?.stop()
  }

  async kill(reason: StopReason): Promise<void> {
    this.#stopReason ??= reason
    await this.#child?.kill()
  }

  #onLine(line: Buffer): void {
    const messages = readServerMessages(line)
    if (messages === undefined) {
      this.#onNoise(line.length)
      return
    }
    for (const message of messages) this.#setup.listener.onMessage(message)
  }

  /** MCP stdio forbids it, many servers do it: a banner, a stray console.log. */
  #onNoise(bytes: number): void {
    const { metrics, server } = this.#setup.context
    metrics.childNoiseLines.inc({ server })
    const level = this.#isNoisy ? 'debug' : 'warn'
    this.#isNoisy = true
    this.#log[level]({ count: bytes }, 'stdio server wrote a line to stdout that is not JSON-RPC')
  }

  #onEnd(end: ChildEnd): void {
    this.#stderr.flush()
    const { metrics, server } = this.#setup.context
    metrics.childExits.inc({ server, reason: this.#stopReason ?? naturalReason(end) })
    this.#report(end)
    this.#setup.listener.onEnd(end, this.#stopReason !== undefined)
  }

  #report(end: ChildEnd): void {
    if (end.kind === 'not-started') {
      this.#log.error({ error: end.error }, 'stdio server could not be started')
      return
    }
    const { exitCode, signal } = end
    const fields = {
      ...(exitCode !== undefined && { exitCode }),
      ...(signal !== undefined && { signal }),
      code: this.#stopReason ?? naturalReason(end),
    }
    if (this.#stopReason === undefined) this.#log.warn(fields, 'stdio server ended by itself')
    else this.#log.info(fields, 'stdio server was ended')
  }
}

function naturalReason(end: ChildEnd): string {
  if (end.kind === 'not-started') return 'not-started'
  if (end.fault !== undefined) return end.fault
  return end.signal === undefined ? 'exit' : 'signal'
}
