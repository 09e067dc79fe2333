// Which payload each hook has, and what of a changed one is taken. A plugin may change what a call is or what came of it;
// everything else in a payload is there for it to know, and stays what it was.
import { isObject, type JsonObject } from '../wire/index.ts'
import { failure } from './hook-answer.ts'
import type { HookName } from './options.ts'

/** @throws GatewayError GW_PLUGIN_FAILED when it has another shape than the hook's payload. */
type TakeModified = (modified: JsonObject, before: JsonObject) => JsonObject

/** The payload that takes the place of the one before. @throws GatewayError GW_PLUGIN_FAILED */
export function takeModified(hook: HookName, modified: JsonObject, before: JsonObject): JsonObject {
  return TAKE[hook](modified, before)
}

const TAKE: Readonly<Record<HookName, TakeModified>> = {
  tool_pre_invoke: (modified) => ({
    name: textAt(modified, 'name'),
    args: argsOf(modified),
  }),
  tool_post_invoke: (modified, before) => ({
    ...before,
    result: resultWith(modified, 'content', (block) => typeof block['type'] === 'string'),
  }),
  prompt_pre_fetch: (modified) => {
    const args = argsOf(modified)
    const isText = Object.values(args).every((value) => typeof value === 'string')
    if (!isText) throw wrong('args', 'an object of strings')
    return { prompt_id: textAt(modified, 'prompt_id'), args }
  },
  prompt_post_fetch: (modified, before) => ({
    ...before,
    result: resultWith(modified, 'messages', (message) => isRecord(message['content'])),
  }),
  resource_pre_fetch: (modified, before) => ({ ...before, uri: textAt(modified, 'uri') }),
  resource_post_fetch: (modified, before) => ({
    ...before,
    content: listAt(modified, 'content', (item) => typeof item['uri'] === 'string'),
  }),
}

function textAt(payload: JsonObject, name: string): string {
  const text = payload[name]
  if (typeof text !== 'string' || text === '') throw wrong(name, 'a text')
  return text
}

/** Plugins that have no arguments to pass on may say so with null, or not at all. */
function argsOf({ args }: JsonObject): JsonObject {
  if (args === undefined || args === null) return {}
  if (!isRecord(args)) throw wrong('args', 'an object')
  return args
}

/** A whole result, with a list that its kind has to have. */
function resultWith(
  payload: JsonObject,
  list: string,
  isItem: (item: JsonObject) => boolean,
): JsonObject {
  const { result } = payload
  if (!isRecord(result)) throw wrong('result', 'an object')
  // A plugin changes results; making a task or a question of one is the server's alone.
  const { resultType = 'complete' } = result
  if (resultType !== 'complete') throw wrong('result.resultType', 'complete, or none')
  listAt(result, list, isItem)
  return result
}

function listAt(
  object: JsonObject,
  name: string,
  isItem: (item: JsonObject) => boolean,
): readonly unknown[] {
  const list = object[name]
  if (!Array.isArray(list)) throw wrong(name, 'an array')
  const isWhole = list.every((item) => isRecord(item) && isItem(item))
  if (!isWhole) throw wrong(name, 'items of the shape that MCP gives them')
  return list as readonly unknown[]
}

/** Not a number that was kept as text either, which is an object as well (see `parseLossless`). */
function isRecord(value: unknown): value is JsonObject {
  return isObject(value) && Object.getPrototypeOf(value) === Object.prototype
}

function wrong(name: string, expected: string) {
  return failure(`modified_payload.${name}: expected ${expected}`)
}
