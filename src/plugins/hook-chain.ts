// The plugins that are asked at a hook, one after the other, and what their words mean for the call by their modes. Which call
// it is, and what becomes of a changed payload, is the protocol stage's business.
import { type Clock, GatewayError } from '../core/index.ts'
import type { Log } from '../observability/index.ts'
import { isObject, type JsonObject } from '../wire/index.ts'
import type { ExternalPlugin } from './external.ts'
import type { HookAnswer } from './hook-answer.ts'
import { HOOK_NAMES, type HookName } from './options.ts'
import { takeModified } from './payloads.ts'

/** What a plugin said, whatever its mode makes of that. */
export type HookOutcome = 'passed' | 'changed' | 'denied' | 'failed'

export interface HookObserver {
  /** Not called for a hook whose call was cancelled. */
  onHook(plugin: string, hook: HookName, outcome: HookOutcome, durationMs: number): void
}

export interface HookChainContext {
  readonly clock: Clock
  readonly log: Log
  readonly observer: HookObserver
}

/** One call on its way through its hooks. What a plugin answered as context it is given back at the next hook. */
export interface HookContext {
  /** What plugins are told of every call; `global_context` of theirs. */
  readonly about: JsonObject
  /** By plugin. Lasts as long as the call. */
  readonly remembered: Map<string, JsonObject>
}

export interface HookChain {
  /** Whether any plugin is asked there, as far as that is known: one that has not said its hooks yet may have any. */
  has(hook: HookName): boolean
  /** Whether any plugin may be asked there, now or later. Stays what it is. */
  couldHave(hook: HookName): boolean
  /**
   * Asks all of them in turn. Resolves to the payload after the last: the very object when none has changed it. An aborted
   * signal cancels the call of the plugin that is being asked.
   *
   * @throws GatewayError GW_PLUGIN_DENIED, GW_PLUGIN_FAILED; GW_CLIENT_GONE when the signal was aborted
   */
  run(
    hook: HookName,
    payload: JsonObject,
    context: HookContext,
    signal: AbortSignal,
  ): Promise<JsonObject>
}

/** Those that are disabled are left out. */
export function createHookChain(
  plugins: readonly ExternalPlugin[],
  context: HookChainContext,
): HookChain {
  return new Chain(plugins, context)
}

const NOTHING: JsonObject = {}

class Chain implements HookChain {
  readonly #context: HookChainContext
  /** Those that could be asked there. */
  readonly #pluginsAt: ReadonlyMap<HookName, readonly ExternalPlugin[]>

  constructor(plugins: readonly ExternalPlugin[], context: HookChainContext) {
    this.#context = context
    const inOrder = plugins
      .filter(({ options }) => options.mode !== 'disabled')
      .toSorted((a, b) => a.options.priority - b.options.priority)
    this.#pluginsAt = new Map(
      HOOK_NAMES.map((hook) => [hook, inOrder.filter((plugin) => plugin.couldHave(hook))]),
    )
  }

  has(hook: HookName): boolean {
    return this.#at(hook).some((plugin) => plugin.has(hook) ?? true)
  }

  couldHave(hook: HookName): boolean {
    return this.#at(hook).length > 0
  }

  async run(
    hook: HookName,
    payload: JsonObject,
    context: HookContext,
    signal: AbortSignal,
  ): Promise<JsonObject> {
    let current = payload
    for (const plugin of this.#at(hook)) {
      current = await this.#ask(plugin, { hook, payload: current, context, signal })
    }
    return current
  }

  #at(hook: HookName): readonly ExternalPlugin[] {
    return this.#pluginsAt.get(hook) ?? []
  }

  async #ask(plugin: ExternalPlugin, step: Step): Promise<JsonObject> {
    const { hook, payload, context, signal } = step
    const { name } = plugin.options
    const beganMs = this.#context.clock.monotonicMs()
    const report = (outcome: HookOutcome): void => {
      const durationMs = this.#context.clock.monotonicMs() - beganMs
      this.#context.observer.onHook(name, hook, outcome, durationMs)
    }
    let answer: HookAnswer
    let after: JsonObject
    try {
      const isAsked = plugin.has(hook) ?? (await plugin.learnWhether(hook, signal))
      if (!isAsked) return payload
      const question = { hook, payload, context: contextFor(name, context) }
      answer = await plugin.at(question, signal)
      after = answer.modified === undefined ? payload : takeModified(hook, answer.modified, payload)
    } catch (thrown) {
      if (signal.aborted) throw thrown
      plugin.forgetLearned()
      report('failed')
      return this.#onFailure(plugin, step, thrown)
    }
    if (answer.context !== undefined) context.remembered.set(name, answer.context)
    if (answer.violation !== undefined) {
      report('denied')
      return this.#onViolation(plugin, step, answer.violation)
    }
    report(after === payload ? 'passed' : 'changed')
    return plugin.options.mode === 'permissive' ? payload : after
  }

  /** @throws GatewayError GW_PLUGIN_DENIED */
  #onViolation({ options }: ExternalPlugin, { hook, payload }: Step, text: string): JsonObject {
    const { name, mode } = options
    const message = `refused by the plugin "${name}"${text === '' ? '' : `: ${text}`}`
    const error = new GatewayError('GW_PLUGIN_DENIED', message)
    if (mode !== 'permissive') throw error
    this.#context.log.warn({ error }, `a plugin has no say at ${hook}: its mode is permissive`)
    return payload
  }

  /** Who lets a call pass that a plugin has not looked at wants to know of each. @throws GatewayError GW_PLUGIN_FAILED */
  #onFailure({ options }: ExternalPlugin, { hook, payload }: Step, cause: unknown): JsonObject {
    const { name, mode } = options
    const error = new GatewayError('GW_PLUGIN_FAILED', `the plugin "${name}" failed at ${hook}`, {
      cause,
    })
    if (mode === 'enforce') throw error
    this.#context.log.warn({ error }, `a call passes without a plugin: its mode is ${mode}`)
    return payload
  }
}

interface Step {
  readonly hook: HookName
  readonly payload: JsonObject
  readonly context: HookContext
  readonly signal: AbortSignal
}

/** State and notes are the plugin's own; what the call is, it cannot change. */
function contextFor(plugin: string, { about, remembered }: HookContext): JsonObject {
  const own = remembered.get(plugin)
  const shared = objectAt(own, 'global_context')
  return {
    state: objectAt(own, 'state'),
    global_context: { ...about, state: objectAt(shared, 'state') },
    metadata: objectAt(own, 'metadata'),
  }
}

function objectAt(object: JsonObject | undefined, name: string): JsonObject {
  const value = object?.[name]
  return isObject(value) ? value : NOTHING
}
