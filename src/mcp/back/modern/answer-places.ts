// Which endpoint has what a later request refers to. Any replica should take the retry of a call that asked for input, and
// any request about a task; but servers keep the key of their `requestState`, and their tasks, in one process
// (the official SDK's default), and there a wrong replica answers that the state is invalid.
import { hash } from 'node:crypto'
import type { Clock } from '../../../core/index.ts'
import type { Pool } from '../../../routing/index.ts'
import { isObject, type JsonObject } from '../../../wire/index.ts'
import { isTaskMethod } from '../../translate/tasks.ts'
import { AgedMap } from './aged-map.ts'

/** Questions that wait for an answer, and the longest time a person may take for it. */
const ROUNDS = { maxEntries: 10_000, maxAgeMs: 3_600_000 }
/** Tasks, and the longest time after which one is still asked for. */
const TASKS = { maxEntries: 10_000, maxAgeMs: 86_400_000 }
/** Tasks of one subscription that are looked up: most are where the first of them is. */
const MAX_LOOKED_UP = 16

/** What a request says about the place it must go to. */
export interface PlacedRequest {
  readonly method: string
  readonly params: JsonObject
  readonly callerKey: string
}

export class AnswerPlaces {
  readonly #pool: Pool
  readonly #rounds: AgedMap<string, string>
  readonly #tasks: AgedMap<string, string>

  constructor(pool: Pool, clock: Clock) {
    this.#pool = pool
    this.#rounds = new AgedMap(ROUNDS, clock)
    this.#tasks = new AgedMap(TASKS, clock)
  }

  /** False with one endpoint: then all is in one place. */
  get isNeeded(): boolean {
    return this.#pool.endpoints().length > 1
  }

  /** The endpoint that a request must go to; undefined: any, or the one is gone and another may do as well. */
  find(request: PlacedRequest): string | undefined {
    const key = this.#find(request)
    return key !== undefined && this.#pool.holds(key) ? key : undefined
  }

  /** Takes note of where a result came from that later requests refer to. */
  note(callerKey: string, result: JsonObject, endpointKey: string): void {
    if (!this.isNeeded) return
    const { resultType, requestState, taskId } = result
    if (resultType === 'input_required' && typeof requestState === 'string') {
      this.#rounds.set(digest(requestState), endpointKey)
    }
    if (resultType === 'task' && typeof taskId === 'string') {
      this.#tasks.set(taskKey(callerKey, taskId), endpointKey)
    }
  }

  #find({ method, params, callerKey }: PlacedRequest): string | undefined {
    const { requestState, taskId, notifications } = params
    if (typeof requestState === 'string') return this.#rounds.get(digest(requestState))
    if (isObject(notifications)) return this.#findAny(notifications['taskIds'], callerKey)
    if (typeof taskId !== 'string' || !isTaskMethod(method)) return undefined
    return this.#tasks.get(taskKey(callerKey, taskId))
  }

  /** A subscription has one stream, so it can hear of the tasks of one endpoint only. */
  #findAny(taskIds: unknown, callerKey: string): string | undefined {
    if (!Array.isArray(taskIds)) return undefined
    for (const taskId of taskIds.slice(0, MAX_LOOKED_UP) as unknown[]) {
      if (typeof taskId !== 'string') continue
      const endpoint = this.#tasks.get(taskKey(callerKey, taskId))
      if (endpoint !== undefined) return endpoint
    }
    return undefined
  }
}

/** States are as long as the server likes. */
function digest(requestState: string): string {
  return hash('sha256', requestState, 'base64url')
}

/** Replicas may give the same id to tasks of different callers. */
function taskKey(callerKey: string, taskId: string): string {
  return hash('sha256', JSON.stringify([callerKey, taskId]), 'base64url')
}
