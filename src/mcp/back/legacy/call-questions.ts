// The questions of one call that wait for answers, and the moment at which they are put to the client.
import type { Clock, Timer } from '../../../core/index.ts'
import type { JsonObject, RpcId } from '../../../wire/index.ts'
import { canAnswer, type InputRequest } from '../../translate/input-requests.ts'
import { MAX_QUESTIONS, questionOf, type Answered, type Question } from './questions.ts'

/** Servers that ask several things at once send one request after the other; they become one question to the client. */
export const COALESCING_MS = 25

export class CallQuestions {
  readonly #clock: Clock
  readonly #onTime: () => void
  #open: Question[] = []
  #count = 0
  #coalescing: Timer | undefined

  /** `onTime`: what has come so far is to be asked now. */
  constructor(clock: Clock, onTime: () => void) {
    this.#clock = clock
    this.#onTime = onTime
  }

  get open(): readonly Question[] {
    return this.#open
  }

  /** False: there are too many already. */
  add(asked: InputRequest, rpcId: RpcId): boolean {
    if (this.#open.length >= MAX_QUESTIONS) return false
    this.#count++
    this.#open.push(questionOf(asked, rpcId, this.#count))
    return true
  }

  /** The server does not wait for the answer any more. False: it is not a question of this call. */
  withdraw(rpcId: unknown): boolean {
    const at = this.#open.findIndex((question) => question.rpcId === rpcId)
    if (at < 0) return false
    this.#open.splice(at, 1)
    if (this.#open.length === 0) this.stop()
    return true
  }

  /** These are answered. */
  settle(answers: readonly Answered[]): void {
    const answered = new Set(answers.map(({ question }) => question))
    this.#open = this.#open.filter((question) => !answered.has(question))
  }

  /** Takes out what a client with these capabilities cannot be asked: a retry may declare less than the request did. */
  takeUnanswerable(capabilities: JsonObject): readonly Question[] {
    const taken = this.#open.filter(({ asked }) => !canAnswer(capabilities, asked))
    if (taken.length > 0) this.#open = this.#open.filter((question) => !taken.includes(question))
    return taken
  }

  /** Nobody will answer them: hands them out, to be refused. */
  takeAll(): readonly Question[] {
    this.stop()
    return this.#open.splice(0)
  }

  /** Has them asked before long, unless that is due already. */
  askSoon(): void {
    this.#coalescing ??= this.#clock.after(COALESCING_MS, () => {
      this.#coalescing = undefined
      this.#onTime()
    })
  }

  stop(): void {
    this.#coalescing?.cancel()
    this.#coalescing = undefined
  }
}
