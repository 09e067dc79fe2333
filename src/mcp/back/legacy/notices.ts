// Messages to a server that nobody waits for: cancellations, refusals of its requests, the end of a session. Sent a few
// at a time, so that a thousand calls given up at once are not a thousand connections at once.
import type { Clock } from '../../../core/index.ts'
import type { Pool, RoutedSink } from '../../../routing/index.ts'
import type { UpstreamRequest } from '../../../upstream/index.ts'

const MAX_UNDER_WAY = 16
/** Beyond this the oldest is forgotten: the server finds out by its own timeouts. */
const MAX_WAITING = 8_192
/** A server that does not even take notice must not hold up notices about others. */
const GIVE_UP_AFTER_MS = 5_000

interface Notice {
  readonly request: UpstreamRequest
  readonly boundTo: string | undefined
}

export class Notices {
  readonly #pool: Pool
  readonly #clock: Clock
  #waiting: Notice[] = []
  #underWay = 0
  readonly #onIdle: (() => void)[] = []

  constructor(pool: Pool, clock: Clock) {
    this.#pool = pool
    this.#clock = clock
  }

  post(request: UpstreamRequest, boundTo: string | undefined): void {
    this.#waiting.push({ request, boundTo })
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift()
    this.#next()
  }

  /** Resolves once all are sent and answered, or given up. */
  whenIdle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve()
    return new Promise((resolve) => this.#onIdle.push(resolve))
  }

  get #isIdle(): boolean {
    return this.#underWay === 0 && this.#waiting.length === 0
  }

  #next(): void {
    while (this.#underWay < MAX_UNDER_WAY) {
      const notice = this.#waiting.shift()
      if (notice === undefined) return
      this.#send(notice)
    }
  }

  #send({ request, boundTo }: Notice): void {
    this.#underWay++
    let isOver = false
    const over = (): void => {
      if (isOver) return
      isOver = true
      timer.cancel()
      this.#underWay--
      this.#next()
      if (this.#isIdle) for (const resolve of this.#onIdle.splice(0)) resolve()
    }
    // What the server makes of it changes nothing.
    const sink: RoutedSink = {
      onHead: () => {},
      onData: () => true,
      onEnd: over,
      onFailure: over,
    }
    const call = this.#pool.send(request, sink, boundTo)
    const timer = this.#clock.after(GIVE_UP_AFTER_MS, () => {
      call.abort()
      over()
    })
  }
}
