// What all calls to one server of the modern era share: its pool, the ids of requests, and what was learned of it.
import type { Clock } from '../../../core/index.ts'
import type { Log } from '../../../observability/index.ts'
import type { Pool } from '../../../routing/index.ts'
import type { ServerView, ViewCall, ViewRequest } from '../../view/server-view.ts'
import { MAX_MESSAGE_BYTES, type AnswerLimits } from '../answer-reader.ts'
import { AnswerPlaces } from './answer-places.ts'
import { ToolHeaders } from './tool-headers.ts'
import { lookUpTool } from './tool-look-up.ts'

/** Tools that get a line in the log for being left out, each once. */
const MAX_FAULTS_LOGGED = 100
const MAX_LOGGED_CHARS = 200

export interface ModernBackContext {
  readonly clock: Clock
  readonly log: Log
  /** A server answered in a way that raises a doubt about its era. */
  onWrongEra(): void
  /** Where answers came from; given when another lane sends to the pool as well (default: kept by the back alone). */
  readonly places?: AnswerPlaces
  /** Largest message of an answer (default MAX_MESSAGE_BYTES). */
  readonly maxMessageBytes?: number
}

export class ModernServer {
  readonly pool: Pool
  readonly clock: Clock
  readonly limits: AnswerLimits
  readonly places: AnswerPlaces
  readonly tools: ToolHeaders
  readonly #view: ServerView
  readonly #context: ModernBackContext
  #lastId = 0
  #strayCount = 0
  readonly #faulty = new Set<string>()

  /** `view`: the server itself, to ask it for its tools. */
  constructor(pool: Pool, view: ServerView, context: ModernBackContext) {
    this.pool = pool
    this.clock = context.clock
    this.limits = { maxMessageBytes: context.maxMessageBytes ?? MAX_MESSAGE_BYTES }
    this.places = context.places ?? new AnswerPlaces(pool, context.clock)
    this.tools = new ToolHeaders(context.clock, (tool, fault) => this.#onFault(tool, fault))
    this.#view = view
    this.#context = context
  }

  get name(): string {
    return this.pool.server
  }

  nextId(): number {
    return ++this.#lastId
  }

  onWrongEra(): void {
    this.#context.onWrongEra()
  }

  /** Learns the headers of the tool that a request names, and calls back when it did or could not. */
  lookUpTool(request: ViewRequest, onOver: () => void): ViewCall {
    return lookUpTool(this.#view, request, onOver)
  }

  /** A message that has no place in an answer. The first is worth a line; a server that sends one sends many. */
  onStrayMessage(what: string): void {
    this.#strayCount++
    if (this.#strayCount > 1) return
    this.#context.log.warn(
      { server: this.name },
      `the server sent ${what} in an answer, which is ignored here and from now on`,
    )
  }

  #onFault(tool: string, fault: string): void {
    if (this.#faulty.has(tool) || this.#faulty.size >= MAX_FAULTS_LOGGED) return
    this.#faulty.add(tool)
    const what = `${tool}: ${fault}`.slice(0, MAX_LOGGED_CHARS)
    this.#context.log.warn({ server: this.name }, `a tool was left out of the list: ${what}`)
  }
}
