// What a server's results and notifications say about resources and tasks, in the words that lead back to it through the
// merged view. Everything else in them passes untouched; an object in which nothing changes is passed itself.
import type { RpcNotification } from '../view/server-view.ts'
import { isObject, type JsonObject } from '../../wire/index.ts'
import { withExposedTaskIds } from './task-ids.ts'
import type { ExposeUri } from './uri-code.ts'

/** How one server's words are changed. */
export interface ResultWords {
  readonly server: string
  readonly expose: ExposeUri
}

type MapResult = (result: JsonObject, words: ResultWords) => JsonObject

/** Of `tools/call`: links to resources and embedded ones, and the task that is made instead of a result. */
export const mapToolResult: MapResult = (result, words) => {
  const isTask = result['resultType'] === 'task'
  const named = isTask || '_meta' in result ? withExposedTaskIds(result, words.server) : result
  const { content } = named
  if (!Array.isArray(content)) return named
  const mapped = mapItems(content, (block) => mapBlock(block, words.expose))
  return mapped === content ? named : { ...named, content: mapped }
}

/** Of `prompts/get`: resources in its messages. */
export const mapPromptResult: MapResult = (result, words) => {
  const { messages } = result
  if (!Array.isArray(messages)) return result
  const mapped = mapItems(messages, (message) => {
    const { content } = message
    if (!isObject(content)) return message
    const block = mapBlock(content, words.expose)
    return block === content ? message : { ...message, content: block }
  })
  return mapped === messages ? result : { ...result, messages: mapped }
}

/** Of `resources/read`: what the contents are contents of. */
export const mapReadResult: MapResult = (result, words) => {
  const { contents } = result
  if (!Array.isArray(contents)) return result
  const mapped = mapItems(contents, (item) => withExposedUri(item, words.expose))
  return mapped === contents ? result : { ...result, contents: mapped }
}

/** Of `tasks/get`, `tasks/update`, `tasks/cancel`: the task, and in it the result of the call that it runs. */
export const mapTaskResult: MapResult = (result, words) => {
  const task = withExposedTaskIds(result, words.server)
  const inner = task['result']
  if (!isObject(inner)) return task
  const mapped = mapToolResult(inner, words)
  return mapped === inner ? task : { ...task, result: mapped }
}

/** Progress and log messages of a call, and `notifications/tasks`. */
export function mapNotification(
  notification: RpcNotification,
  words: ResultWords,
): RpcNotification {
  const { params } = notification
  if (params === undefined || !('_meta' in params || 'taskId' in params)) return notification
  // A task is told of whole, with its result once it has one.
  const mapped =
    notification.method === 'notifications/tasks'
      ? mapTaskResult(params, words)
      : withExposedTaskIds(params, words.server)
  return mapped === params ? notification : { ...notification, params: mapped }
}

function mapBlock(block: JsonObject, expose: ExposeUri): JsonObject {
  if (block['type'] === 'resource_link') return withExposedUri(block, expose)
  const { resource } = block
  if (block['type'] !== 'resource' || !isObject(resource)) return block
  const mapped = withExposedUri(resource, expose)
  return mapped === resource ? block : { ...block, resource: mapped }
}

function withExposedUri(item: JsonObject, expose: ExposeUri): JsonObject {
  const { uri } = item
  if (typeof uri !== 'string') return item
  const exposed = expose(uri)
  return exposed === uri ? item : { ...item, uri: exposed }
}

/** The same array when no item changes. What is no object is the client's to judge. */
function mapItems(
  items: readonly unknown[],
  map: (item: JsonObject) => JsonObject,
): readonly unknown[] {
  let isChanged = false
  const mapped = items.map((item) => {
    if (!isObject(item)) return item
    const to = map(item)
    isChanged ||= to !== item
    return to
  })
  return isChanged ? mapped : items
}
