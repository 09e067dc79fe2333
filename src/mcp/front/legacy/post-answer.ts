// The answer to one POST of a legacy session: to its only request, or to each of a batch. JSON while nothing comes before
// the last response, else a stream that the client may leave and resume. The calls themselves know nothing of that.
import type { Clock, Content, GatewayError, Timer } from '../../../core/index.ts'
import { type Replay, type RpcId, singleLine } from '../../../wire/index.ts'
import { errorJson } from '../../error-answer.ts'
import { EventAnswer, type EventAnswerContext } from '../event-answer.ts'
import type { FrontVisit } from '../visit.ts'
import { lostAnswer } from './loss.ts'
import type { SessionStream } from './session-stream.ts'

export interface PostAnswerContext {
  readonly answers: EventAnswerContext
  readonly clock: Clock
  /** How long calls run on without a client. */
  readonly abandonedCallTimeoutMs: number
  /** Nobody has come back in time: the calls have to be dropped. */
  readonly onAbandoned: (post: PostAnswer) => void
  /** A stream was begun, which the client can resume from now on. */
  readonly onStreams: (post: PostAnswer) => void
}

interface PostRequests {
  readonly visit: FrontVisit
  readonly count: number
  readonly isBatch: boolean
}

interface Response {
  readonly rpcId: RpcId
  readonly json: string | Content
}

interface SentResponse {
  readonly rpcId: RpcId
  readonly eventId: string
}

export class PostAnswer {
  readonly stream: SessionStream
  readonly #context: PostAnswerContext
  readonly #answer: EventAnswer
  readonly #isBatch: boolean
  /** Responses of a batch that may still be answered with an array. */
  readonly #collected: Response[] = []
  readonly #sent: SentResponse[] = []
  #unanswered: number
  #abandoned: Timer | undefined

  constructor(
    stream: SessionStream,
    { visit, count, isBatch }: PostRequests,
    context: PostAnswerContext,
  ) {
    this.stream = stream
    this.#context = context
    this.#unanswered = count
    this.#isBatch = isBatch
    this.#answer = new EventAnswer(visit, context.answers, {
      onOpen: () => this.#onOpen(),
      onGone: () => this.onGone(this.#answer),
    })
    stream.readBy(this.#answer)
  }

  begin(): void {
    this.#answer.begin()
  }

  /** A notification, or a request of the server. */
  message(json: string): void {
    this.stream.send(Buffer.from(json))
  }

  respond(rpcId: RpcId, json: string | Content): void {
    this.#unanswered--
    if (!this.#answer.isWaiting) this.#send({ rpcId, json })
    else if (this.#isBatch) this.#collected.push({ rpcId, json })
    else this.#answer.whole(200, json)
    this.#settle()
  }

  fail(rpcId: RpcId, error: GatewayError): void {
    if (this.#isBatch || !this.#answer.isWaiting) {
      this.respond(rpcId, errorJson(error, this.#answer.exchange.id, rpcId))
      return
    }
    this.#unanswered--
    this.#answer.fail(error, rpcId)
    this.#settle()
  }

  /** The client wants no response to one of the requests. */
  drop(): void {
    this.#unanswered--
    this.#settle()
  }

  /** Goes on with an answer to a GET that resumes the stream. */
  resume(answer: EventAnswer, replay: Replay, notices: readonly string[]): void {
    this.#abandoned?.cancel()
    const kept = new Set(replay.events.map(({ id }) => id))
    const lost = this.#sent.filter(({ eventId }) => replay.missed > 0 && !kept.has(eventId))
    const answers = lost.map(({ rpcId }) => lostAnswer(rpcId))
    this.stream.continueFor(answer, replay, [...notices, ...answers])
  }

  /** A disconnect should not be taken for a cancellation (MCP 2025-11-25 transports §Sending messages): the calls run on, for a while. */
  onGone(answer: EventAnswer): void {
    this.stream.leftBy(answer)
    if (this.#unanswered === 0 || this.stream.reader !== undefined) return
    const { clock, abandonedCallTimeoutMs, onAbandoned } = this.#context
    this.#abandoned?.cancel()
    this.#abandoned = clock.after(abandonedCallTimeoutMs, () => onAbandoned(this))
  }

  /** What was collected for an array goes first on the stream that begins now. */
  #onOpen(): void {
    if (this.stream.isClosed) return
    this.stream.prime()
    this.#context.onStreams(this)
    for (const response of this.#collected.splice(0)) this.#send(response)
  }

  #send({ rpcId, json }: Response): void {
    const eventId = this.stream.send(lineOf(json))
    if (eventId !== undefined) this.#sent.push({ rpcId, eventId })
  }

  #settle(): void {
    if (this.#unanswered > 0) return
    this.#abandoned?.cancel()
    if (this.#answer.isWaiting) {
      // Without a response there is nothing to come back for: the stream ends before it has an id.
      const all = this.#collected.map(({ json }) => String(lineOf(json)))
      if (all.length > 0) this.#answer.whole(200, `[${all.join(',')}]`)
      else this.stream.leftBy(this.#answer)
    }
    this.stream.close()
    this.#answer.end()
  }
}

/** In one piece, and in one line as in an event. */
function lineOf(json: string | Content): Buffer {
  return typeof json === 'string' ? Buffer.from(json) : singleLine(json.bytes())
}
