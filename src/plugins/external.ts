// One plugin in a process of its own, asked through a tool of its MCP server: in time, or not at all. The way to that server is
// the business of whoever gives `ask`.
import { type Clock, GatewayError } from '../core/index.ts'
import type { Log } from '../observability/index.ts'
import type { JsonObject } from '../wire/index.ts'
import { readHookAnswer, refuseToolError, type HookAnswer } from './hook-answer.ts'
import { inTime } from './in-time.ts'
import { type Hooks, LearnedHooks } from './learned-hooks.ts'
import type { HookName, PluginOptions } from './options.ts'

/**
 * Calls a tool of the plugin's server. Resolves to the CallToolResult, `isError` ones included, and rejects with a
 * GatewayError; one for an error that the server answered with says its code and message. An aborted signal cancels the call.
 */
export type AskPlugin = (tool: string, args: JsonObject, signal: AbortSignal) => Promise<JsonObject>

/** A plugin as it is configured, and the way to it. */
export interface Plugin {
  readonly options: PluginOptions
  readonly ask: AskPlugin
}

/** What a plugin is asked at one hook of one call. */
export interface HookQuestion {
  readonly hook: HookName
  readonly payload: JsonObject
  readonly context: JsonObject
}

const INVOKE_HOOK = 'invoke_hook'
/** How servers say that they have no such tool: by JSON-RPC error, or as the text of a tool that failed. */
const UNKNOWN_TOOL =
  /-3260[12]\b|\bunknown tool\b|\bno such tool\b|\btool\b.*\bnot (?:found|exist)/i

export interface PluginContext {
  readonly clock: Clock
  readonly log: Log
}

/** Shared by all routes on which it is asked: what one of them learns of it, all know. */
export class ExternalPlugin {
  readonly options: PluginOptions
  readonly #ask: AskPlugin
  readonly #clock: Clock
  readonly #written: Hooks | undefined
  readonly #learned: LearnedHooks
  /** Servers have one tool for all hooks, older ones a tool per hook. */
  #hasToolPerHook = false

  constructor({ options, ask }: Plugin, { clock, log }: PluginContext) {
    this.options = options
    this.#ask = ask
    this.#clock = clock
    const { name, timeoutMs, hooks } = options
    this.#written = hooks && new Set(hooks)
    this.#learned = new LearnedHooks({ name, ask, timeoutMs, clock, log })
  }

  /** Whether it has a hook there, now or later: one whose hooks are not written may have any. */
  couldHave(hook: HookName): boolean {
    return this.#written?.has(hook) ?? true
  }

  /** Undefined: its hooks are to be learned first. */
  has(hook: HookName): boolean | undefined {
    return (this.#written ?? this.#learned.known)?.has(hook)
  }

  /** @throws GatewayError GW_PLUGIN_FAILED; GW_CLIENT_GONE when the signal was aborted */
  async learnWhether(hook: HookName, signal: AbortSignal): Promise<boolean> {
    return (await this.#learned.learn(signal)).has(hook)
  }

  /** To be called when it failed at a hook. */
  forgetLearned(): void {
    this.#learned.forget()
  }

  /**
   * Rejects as soon as the signal is aborted or the time is over; the plugin's call is cancelled then.
   *
   * @throws GatewayError GW_PLUGIN_FAILED; GW_CLIENT_GONE when the signal was aborted
   */
  async at(question: HookQuestion, signal: AbortSignal): Promise<HookAnswer> {
    const patience = { clock: this.#clock, timeoutMs: this.options.timeoutMs, signal }
    return readHookAnswer(await inTime((own) => this.#call(question, own), patience))
  }

  async #call(question: HookQuestion, signal: AbortSignal): Promise<JsonObject> {
    const hasToolPerHook = this.#hasToolPerHook
    try {
      return await this.#callTool(question, hasToolPerHook, signal)
    } catch (thrown) {
      if (!isUnknownTool(thrown) || signal.aborted) throw thrown
      const result = await this.#callTool(question, !hasToolPerHook, signal).catch(
        (again: unknown) => {
          // Neither: what was said of the first is nearer to the cause.
          throw isUnknownTool(again) ? thrown : again
        },
      )
      this.#hasToolPerHook = !hasToolPerHook
      return result
    }
  }

  async #callTool(
    { hook, payload, context }: HookQuestion,
    isToolPerHook: boolean,
    signal: AbortSignal,
  ): Promise<JsonObject> {
    const args = { plugin_name: this.options.name, payload, context }
    const result = isToolPerHook
      ? await this.#ask(hook, args, signal)
      : await this.#ask(INVOKE_HOOK, { hook_type: hook, ...args }, signal)
    refuseToolError(result)
    return result
  }
}

function isUnknownTool(thrown: unknown): boolean {
  if (!(thrown instanceof GatewayError) || thrown.code !== 'GW_PLUGIN_FAILED') return false
  return UNKNOWN_TOOL.test(thrown.message)
}
