// The hooks of a plugin as it says them itself: asked for once for all calls that wait, and kept for a while. What its answer
// means is said in config-answer.ts.
import type { Clock } from '../core/index.ts'
import type { Log } from '../observability/index.ts'
import type { JsonObject } from '../wire/index.ts'
import { readConfigAnswer } from './config-answer.ts'
import { failure, refuseToolError } from './hook-answer.ts'
import { callGone, inTime } from './in-time.ts'
import type { HookName } from './options.ts'

export type Hooks = ReadonlySet<HookName>

export interface LearnedHooksContext {
  /** Of the plugin. */
  readonly name: string
  /** Calls the tool that knows, with these arguments. */
  readonly ask: (tool: string, args: JsonObject, signal: AbortSignal) => Promise<JsonObject>
  readonly timeoutMs: number
  readonly clock: Clock
  readonly log: Log
}

/** A plugin may be replaced by one with other hooks, which nobody tells the gateway. */
const KEPT_FOR_MS = 60_000
const GET_PLUGIN_CONFIG = 'get_plugin_config'

interface Question {
  readonly answer: Promise<Hooks>
  /** Ends it. */
  readonly gone: AbortController
  waiting: number
}

export class LearnedHooks {
  readonly #context: LearnedHooksContext
  #known: { readonly hooks: Hooks; readonly untilMs: number } | undefined
  /** Under way. */
  #question: Question | undefined
  /** Unknown hooks that the log has. */
  #toldOthers = ''

  constructor(context: LearnedHooksContext) {
    this.#context = context
  }

  /** Undefined: to be asked for. */
  get known(): Hooks | undefined {
    const known = this.#known
    if (known === undefined) return undefined
    return this.#context.clock.monotonicMs() < known.untilMs ? known.hooks : undefined
  }

  /** A plugin that has failed may be another one when it is back. */
  forget(): void {
    this.#known = undefined
  }

  /**
   * Waits for the question that is under way, if there is one. It is cancelled when nobody waits for it any more.
   *
   * @throws GatewayError GW_PLUGIN_FAILED; GW_CLIENT_GONE when the signal was aborted
   */
  async learn(signal: AbortSignal): Promise<Hooks> {
    if (signal.aborted) throw callGone()
    const question = (this.#question ??= this.#newQuestion())
    const { promise, resolve, reject } = Promise.withResolvers<Hooks>()
    const onGone = (): void => reject(callGone())
    signal.addEventListener('abort', onGone, { once: true })
    question.waiting++
    question.answer.then(resolve, reject)
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', onGone)
      question.waiting--
      if (question.waiting === 0) this.#leave(question)
    }
  }

  #newQuestion(): Question {
    const gone = new AbortController()
    const question = { answer: this.#ask(gone.signal), gone, waiting: 0 }
    const end = (hooks?: Hooks): void => {
      // Nobody waited for it, and another may be under way.
      if (this.#question !== question) return
      this.#question = undefined
      if (hooks === undefined) return
      this.#known = { hooks, untilMs: this.#context.clock.monotonicMs() + KEPT_FOR_MS }
    }
    question.answer.then(end, () => end())
    return question
  }

  #leave(question: Question): void {
    if (this.#question !== question) return
    this.#question = undefined
    question.gone.abort()
  }

  async #ask(signal: AbortSignal): Promise<Hooks> {
    const { name, ask, timeoutMs, clock } = this.#context
    try {
      const result = await inTime((own) => ask(GET_PLUGIN_CONFIG, { name }, own), {
        clock,
        timeoutMs,
        signal,
      })
      refuseToolError(result)
      const { hooks, others } = readConfigAnswer(result)
      this.#tellOthers(others)
      return hooks
    } catch (thrown) {
      throw failure('it did not say its hooks, which are not written either', thrown)
    }
  }

  /** Somebody counts on hooks that do not exist. */
  #tellOthers(others: string): void {
    const { name, log } = this.#context
    const isNews = others !== this.#toldOthers && others !== ''
    this.#toldOthers = others
    if (isNews) log.warn({}, `the plugin "${name}" has hooks that are not known here: ${others}`)
  }
}
