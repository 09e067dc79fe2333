// One round of questions in the middle of a call: what a modern server wants to know (`input_required`), asked of a legacy
// client as requests of their own, and its answers collected. What follows from them is the call's business.
import { randomUUID } from 'node:crypto'
import type { Clock, Timer } from '../../../core/index.ts'
import { isObject, type JsonObject } from '../../../wire/index.ts'
import {
  canAnswer,
  type InputRequest,
  toLegacyInputRequest,
} from '../../translate/input-requests.ts'
import type { Questions } from './questions.ts'

export interface InputRoundContext {
  readonly questions: Questions
  readonly clock: Clock
  readonly answerTimeoutMs: number
  /** What the client can do. */
  readonly capabilities: JsonObject
  /** Sends to the client. */
  readonly send: (json: string) => void
  /** All questions are answered: the bare results, by the server's keys. */
  readonly onAnswered: (responses: JsonObject) => void
  /** Some question will not be answered. The round is over. */
  readonly onRefused: (reason: string) => void
}

interface OpenQuestion {
  readonly key: string
  readonly method: string
}

const MS_PER_SECOND = 1_000

export class InputRound {
  readonly #context: InputRoundContext
  readonly #open = new Map<number, OpenQuestion>()
  readonly #responses = new Map<string, unknown>()
  #timer: Timer | undefined
  #isOver = false

  constructor(context: InputRoundContext) {
    this.#context = context
  }

  ask(inputRequests: JsonObject): void {
    const entries = Object.entries(inputRequests)
    const { capabilities, clock, answerTimeoutMs } = this.#context
    for (const [, entry] of entries) {
      if (!isInputRequest(entry)) {
        this.#refuse('the server asked for input in a form that is not MCP')
        return
      }
      if (!canAnswer(capabilities, entry)) {
        this.#refuse(`the server asked for ${entry.method}, which this client does not offer`)
        return
      }
    }
    this.#timer = clock.after(answerTimeoutMs, () => {
      const [waiting] = this.#open.values()
      const seconds = answerTimeoutMs / MS_PER_SECOND
      this.#refuse(`the client did not answer ${waiting?.method ?? ''} within ${seconds} seconds`)
    })
    for (const [key, entry] of entries) {
      if (!this.#isOver) this.#askOne(key, entry as InputRequest)
    }
  }

  /** Takes back what is unanswered. */
  cancel(reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#timer?.cancel()
    const { questions, send } = this.#context
    for (const requestId of this.#open.keys()) {
      questions.withdraw(requestId)
      const params = { requestId, reason }
      send(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params }))
    }
    this.#open.clear()
  }

  #askOne(key: string, entry: InputRequest): void {
    const { questions, send } = this.#context
    const { method, params } = toLegacyInputRequest(entry, randomUUID)
    const id = questions.ask((response) => this.#onAnswer(id as number, response))
    if (id === undefined) {
      this.#refuse('the client leaves too many questions unanswered')
      return
    }
    this.#open.set(id, { key, method })
    send(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
  }

  #onAnswer(id: number, response: JsonObject): void {
    const { key, method } = this.#open.get(id) as OpenQuestion
    this.#open.delete(id)
    if (!isObject(response['result'])) {
      this.#refuse(`the client answered ${method} with an error${textOf(response['error'])}`)
      return
    }
    this.#responses.set(key, response['result'])
    if (this.#open.size > 0) return
    this.#isOver = true
    this.#timer?.cancel()
    this.#context.onAnswered(Object.fromEntries(this.#responses))
  }

  #refuse(reason: string): void {
    this.cancel(reason)
    this.#context.onRefused(reason)
  }
}

function isInputRequest(entry: unknown): entry is InputRequest {
  if (!isObject(entry) || typeof entry['method'] !== 'string') return false
  return entry['params'] === undefined || isObject(entry['params'])
}

/** What the client said, which goes back to the same client. */
function textOf(error: unknown): string {
  const message = isObject(error) ? error['message'] : undefined
  return typeof message === 'string' ? `: ${message}` : ''
}
