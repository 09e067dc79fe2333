// From a server's questions to the client's retry: what waits, and the sealed state by which the retry finds it.
import { GatewayError } from '../../../core/index.ts'
import type { JsonObject } from '../../../wire/index.ts'
import type { ViewRequest } from '../../view/server-view.ts'
import type { RetryReader } from './call-reader.ts'
import type { Parkable, ParkedCalls } from './parked-calls.ts'
import { answersOf, inputRequired } from './questions.ts'
import { digestOf, invalidState, type RequestStates } from './request-state.ts'

export class Parking {
  readonly calls: ParkedCalls
  readonly #states: RequestStates
  readonly #lastsForMs: number

  constructor(calls: ParkedCalls, states: RequestStates, lastsForMs: number) {
    this.calls = calls
    this.#states = states
    this.#lastsForMs = lastsForMs
  }

  /** Parks it and makes the result that asks its client; or says why it cannot wait. */
  ask(parkable: Parkable): JsonObject | GatewayError {
    const id = this.calls.park(parkable)
    return id instanceof GatewayError ? id : this.#question(parkable, id)
  }

  /** A request with a `requestState`: goes on with what it is the retry of. `reader` hears nothing before this has returned. */
  retry(request: ViewRequest, reader: RetryReader): void {
    const { caller, method, params } = request
    const id = this.#states.open(caller.key, params['requestState'], () => digestOf(method, params))
    const parkable = id === undefined ? undefined : this.calls.find(id)
    if (id === undefined || parkable === undefined) {
      queueMicrotask(() => reader.onError(invalidState()))
      return
    }
    const answers = answersOf(parkable.questions, params['inputResponses'])
    // "Missing answers: ask again, not an error" (MCP 2026-07-28 MRTR). The server may have stopped waiting, though.
    if (answers.length === 0 && parkable.questions.length > 0) {
      this.calls.keep(id)
      const question = this.#question(parkable, id)
      queueMicrotask(() => reader.onAsked(question))
      return
    }
    this.calls.take(id)
    parkable.resume(reader, request, answers)
  }

  /** The caller will not come back with this state: what waits for it waits no longer. */
  abandon(callerKey: string, requestState: string): void {
    const id = this.#states.open(callerKey, requestState)
    if (id !== undefined) this.calls.giveUp(id)
  }

  #question(parkable: Parkable, id: string): JsonObject {
    const { callerKey, digest, questions, serverInfo } = parkable
    const state = this.#states.seal(callerKey, id, { digest, lastsForMs: this.#lastsForMs })
    return inputRequired(questions, state, serverInfo)
  }
}
