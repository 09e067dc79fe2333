// The event streams of one legacy session: the standing one, which GET opens, and those of POSTs that a client may resume.
import { GatewayError, type Clock } from '../../../core/index.ts'
import type { Replay, ReplayLog } from '../../../wire/index.ts'
import type { RpcNotification } from '../../view/server-view.ts'
import type { EventAnswer } from '../event-answer.ts'
import { lossNotice } from './loss.ts'
import type { PostAnswer } from './post-answer.ts'
import { SessionStream, type SessionStreamContext } from './session-stream.ts'

export interface SessionStreamsContext extends SessionStreamContext {
  readonly clock: Clock
  readonly log: ReplayLog
}

const STANDING = 'get'

export class SessionStreams {
  /** Of what belongs to no call. Kept from the start, so that nothing is lost before it is read. */
  readonly standing: SessionStream
  readonly #context: SessionStreamsContext
  /** Those that began to stream, until they can no longer be resumed. */
  readonly #posts = new Map<string, PostAnswer>()
  #lastPost = 0

  constructor(context: SessionStreamsContext) {
    this.#context = context
    this.standing = new SessionStream(STANDING, context)
    this.standing.keep()
  }

  /** A stream for the answer to a POST. */
  create(): SessionStream {
    this.#lastPost++
    return new SessionStream(`post${this.#lastPost}`, this.#context)
  }

  /** Sends a notification that belongs to no call. */
  announce({ method, params }: RpcNotification): void {
    this.standing.send(Buffer.from(JSON.stringify({ jsonrpc: '2.0', method, params })))
  }

  /** A stream of a POST has begun: it can be resumed. */
  add(post: PostAnswer): void {
    this.#posts.set(post.stream.name, post)
  }

  forget(name: string): void {
    this.#posts.delete(name)
  }

  /** What a client missed on a stream; without an event, on the standing one. @throws GatewayError GW_EVENT_NOT_FOUND */
  find(lastEventId: string | undefined): FoundStream {
    const { log, clock } = this.#context
    const replay = log.after(lastEventId ?? this.standing.sentId ?? '', clock.monotonicMs())
    const post = replay && this.#posts.get(replay.stream)
    if (replay === undefined || (post === undefined && replay.stream !== STANDING)) {
      throw new GatewayError(
        'GW_EVENT_NOT_FOUND',
        'Last-Event-ID: expected an event of a stream that can still be resumed',
      )
    }
    return { post, replay }
  }

  expire(): void {
    const { log, clock } = this.#context
    log.expire(clock.monotonicMs())
  }

  close(): void {
    this.standing.close()
    for (const post of this.#posts.values()) post.stream.close()
    this.#posts.clear()
  }

  /** Continues a stream for a reader that comes back. */
  resume({ post, replay }: FoundStream, answer: EventAnswer, threshold: string | undefined): void {
    const notices = replay.missed === 0 ? [] : [lossNotice(replay.missed, threshold)]
    if (post === undefined) this.standing.continueFor(answer, replay, notices)
    else post.resume(answer, replay, notices)
  }
}

/** A stream to be resumed. */
export interface FoundStream {
  /** Undefined: the standing stream. */
  readonly post: PostAnswer | undefined
  readonly replay: Replay
}
