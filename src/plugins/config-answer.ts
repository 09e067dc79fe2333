// What a plugin's answer to the question for its config says: which hooks it wants to be asked at. Nothing else of that config
// counts; mode, priority and time are the gateway's to decide.
import { isObject, type JsonObject } from '../wire/index.ts'
import { cleanText, failure, jsonOf } from './hook-answer.ts'
import { HOOK_NAMES, type HookName } from './options.ts'

export interface NamedHooks {
  /** At least one. */
  readonly hooks: ReadonlySet<HookName>
  /** Names of hooks that there are not here, as a text for people. Empty: none. */
  readonly others: string
}

/** Most names of unknown hooks that go into a text. */
const MAX_NAMES = 20

/** @throws GatewayError GW_PLUGIN_FAILED; when none of its hooks is known here as well: it would guard nothing. */
export function readConfigAnswer(toolResult: JsonObject): NamedHooks {
  const named = hooksOf(configOf(jsonOf(toolResult)))
  const hooks = new Set(HOOK_NAMES.filter((name) => named.includes(name)))
  const unknown = named.filter((name) => !HOOK_NAMES.some((hook) => hook === name))
  const others = cleanText(unknown.slice(0, MAX_NAMES).join(', '))
  if (hooks.size > 0) return { hooks, others }
  throw failure(
    others === '' ? 'its config names no hook' : `none of its hooks is known here: ${others}`,
  )
}

/** Python's FastMCP wraps what it has no schema for as `{result: …}`. Servers say with an empty one that they have none. */
function configOf(answer: JsonObject): JsonObject {
  const isWrapped = !Object.hasOwn(answer, 'hooks') && Object.hasOwn(answer, 'result')
  const config = isWrapped ? answer['result'] : answer
  if (!isObject(config) || Object.keys(config).length === 0) {
    throw failure('it has no config for a plugin of this name')
  }
  return config
}

function hooksOf({ hooks }: JsonObject): readonly string[] {
  const isList = Array.isArray(hooks) && hooks.every((name) => typeof name === 'string')
  if (!isList) throw failure('expected hooks to be a list of names')
  return hooks
}
