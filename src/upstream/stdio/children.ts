// The children of one endpoint: starts them within max_children and the back-off, counts them, ends them. Which child
// serves whom is decided by the lanes.
import { GatewayError, type Timer } from '../../core/index.ts'
import type { StdioEndpointOptions } from '../options.ts'
import { BackOff } from './back-off.ts'
import { startFailure } from './child-end.ts'
import { draining } from '../session/refusals.ts'
import {
  ServerChild,
  type ChildListener,
  type ChildRole,
  type ServerChildContext,
} from './server-child.ts'

export interface ChildrenContext extends ServerChildContext {
  /** Called about once a second while a child is alive. */
  readonly onTick: () => void
}

const TICK_MS = 1_000

export class Children {
  readonly #options: StdioEndpointOptions
  readonly #context: ChildrenContext
  readonly #backOff: BackOff
  readonly #alive = new Set<ServerChild>()
  #lastFailure: GatewayError | undefined
  #tick: Timer | undefined
  #isStopped = false

  constructor(options: StdioEndpointOptions, context: ChildrenContext) {
    this.#options = options
    this.#context = context
    this.#backOff = new BackOff(context.clock)
  }

  /** Processes that are not gone yet, those that are ending included. */
  get count(): number {
    return this.#alive.size
  }

  /** Starts a child. An error is returned when none may be started now; one that then fails tells its listener. */
  start(role: ChildRole, listener: ChildListener): ServerChild | GatewayError {
    const refusal = this.#isStopped ? draining() : (this.backedOff() ?? this.#full())
    if (refusal !== undefined) return refusal
    const { clock, metrics, server, onTick } = this.#context
    const labels = { server }
    const child: ServerChild = new ServerChild({
      role,
      listener: {
        onMessage: (message) => listener.onMessage(message),
        onEnd: (end, asked) => {
          if (end.kind === 'not-started') this.noteFailure(startFailure(this.#options, end.error))
          listener.onEnd(end, asked)
        },
      },
      options: this.#options,
      context: this.#context,
      onGone: () => {
        this.#alive.delete(child)
        metrics.children.dec(labels)
        if (this.#alive.size === 0) this.#tick?.cancel()
      },
    })
    if (this.#alive.size === 0) this.#tick = clock.every(TICK_MS, onTick)
    this.#alive.add(child)
    metrics.children.inc(labels)
    child.start()
    return child
  }

  /** Makes the next start wait, longer each time. */
  noteFailure(failure: GatewayError): void {
    this.#lastFailure = failure
    this.#backOff.fail()
  }

  /** The last failure, while it keeps the command from being started again. */
  backedOff(): GatewayError | undefined {
    const { remainingMs } = this.#backOff
    if (remainingMs === 0 || this.#lastFailure === undefined) return undefined
    const retryAfterSeconds = Math.ceil(remainingMs / 1_000)
    return new GatewayError(
      'GW_CHILD_FAILED',
      `${this.#lastFailure.message}; it is started again in ${retryAfterSeconds} s`,
      { cause: this.#lastFailure.cause, retryAfterSeconds },
    )
  }

  /** Ends all of them for good and resolves when they are gone; `now` skips the order of a good end. */
  async stopAll(now: boolean): Promise<void> {
    this.#isStopped = true
    await Promise.all(
      [...this.#alive].map((child) => (now ? child.kill('shutdown') : child.stop('shutdown'))),
    )
  }

  #full(): GatewayError | undefined {
    const { maxChildren } = this.#options
    if (this.#alive.size < maxChildren) return undefined
    return new GatewayError(
      'GW_UPSTREAM_OVERLOADED',
      `the server "${this.#context.name}" has all its ${maxChildren} processes in use (max_children)`,
      { retryAfterSeconds: 1 },
    )
  }
}
