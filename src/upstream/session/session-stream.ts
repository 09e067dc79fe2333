// One event stream of a session. What it carries is kept under event ids, so that a client that lost the stream can come
// back for the rest (MCP 2025-11-25 transports §Resumability). The reader may change; the stream is the same.
import type { Replay, RpcId } from '../../wire/index.ts'
import type { AnswerStream } from './answer-stream.ts'

/** What clients are told to wait before they come back to a stream that they lost. */
export const RETRY_MS = 1_000

/** What a stream asks of whoever keeps what it carried. */
export interface StreamKeeper {
  /** True for clients that take an event without data for what it is. */
  readonly primes: boolean
  /** Keeps a message and returns its event id. */
  record(stream: SessionStream, line: Buffer): string
  /** The id of an event without a message. */
  prime(stream: SessionStream): string
  /** Nothing more will come. */
  onClosed(stream: SessionStream): void
}

export class SessionStream {
  readonly name: string
  /** The requests that are answered on it; none on the session's own stream. */
  readonly requests: readonly RpcId[]
  readonly #keeper: StreamKeeper
  #reader: AnswerStream | undefined
  #isResumable = false
  #isClosed = false

  constructor(name: string, keeper: StreamKeeper, requests: readonly RpcId[] = []) {
    this.name = name
    this.requests = requests
    this.#keeper = keeper
  }

  /** True while somebody reads, as far as anybody can tell. */
  get isRead(): boolean {
    return this.#reader?.isOver === false
  }

  /** True once the client has an event id that it can come back with. */
  get isResumable(): boolean {
    return this.#isResumable
  }

  /** True once nothing more will come. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Makes this the one who reads. `onLost` is called when it leaves. */
  attach(reader: AnswerStream, onLost: () => void): void {
    this.#reader = reader
    reader.onOpen = () => this.#prime(reader)
    reader.onAbandoned = () => {
      if (this.#reader === reader) this.#reader = undefined
      onLost()
    }
  }

  /**
   * Hands the stream to a client that came back for it: first what it missed, then what comes. A reader from before has
   * lost it, whether that was noticed or not. `signals` stand for what fell out.
   */
  resume(
    reader: AnswerStream,
    { events, missed }: Replay,
    signals: readonly Buffer[],
    onLost: () => void,
  ): void {
    this.release()?.end()
    this.attach(reader, onLost)
    // It has an id to come back with already.
    reader.onOpen = undefined
    reader.openStream()
    if (missed > 0) reader.comment(Buffer.from(`: ${missed} messages are no longer kept\n`))
    for (const signal of signals) reader.message(signal)
    for (const { id, json } of events) reader.message(json, id)
    if (this.#isClosed) this.release()?.end()
  }

  /** A message that is not the last. One that nobody reads is kept, if somebody may come back for it. */
  message(line: Buffer): void {
    // The head, and with it the priming event, come before the first message.
    this.#reader?.openStream()
    if (!this.isRead && !this.#isResumable) return
    this.#isResumable = true
    const id = this.#keeper.record(this, line)
    this.#reader?.message(line, id)
  }

  /** The last message: a plain body, if it is the first as well. */
  finish(line: Buffer): void {
    if (this.#reader?.isWaiting === true) this.release()?.finish(line)
    else this.message(line)
    this.end()
  }

  /** Ends the stream in good order. */
  end(): void {
    this.release()?.end()
    this.#close()
  }

  /** Breaks the stream off; only for one that nobody can come back to. */
  fail(...failure: Parameters<AnswerStream['fail']>): void {
    this.release()?.fail(...failure)
    this.#close()
  }

  /** Takes the stream from its reader, which is returned. */
  release(): AnswerStream | undefined {
    const reader = this.#reader
    this.#reader = undefined
    if (reader !== undefined) reader.onAbandoned = undefined
    return reader
  }

  #prime(reader: AnswerStream): void {
    if (!this.#keeper.primes) return
    this.#isResumable = true
    reader.prime(this.#keeper.prime(this), RETRY_MS)
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#keeper.onClosed(this)
  }
}
