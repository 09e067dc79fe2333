// Task ids that name the server which holds the task (MCP extension io.modelcontextprotocol/tasks, SEP-2663), so that any
// replica of the gateway finds it without remembering it. The server checks who may ask, as for ids of its own.
import { isObject, type JsonObject } from '../../wire/index.ts'

/** No server's name has a colon in it. */
const SEPARATOR = ':'

/** What a message that belongs to a task says about it in `_meta`. */
const RELATED_TASK = 'io.modelcontextprotocol/related-task'

export interface HeldTask {
  readonly server: string
  readonly taskId: string
}

export function exposedTaskId({ server, taskId }: HeldTask): string {
  return server + SEPARATOR + taskId
}

/** Undefined for what is no exposed id. */
export function heldTask(exposed: unknown): HeldTask | undefined {
  if (typeof exposed !== 'string') return undefined
  const end = exposed.indexOf(SEPARATOR)
  if (end <= 0) return undefined
  return { server: exposed.slice(0, end), taskId: exposed.slice(end + 1) }
}

/** A result, notification or its params with the ids of tasks exposed; the same object when there are none. */
export function withExposedTaskIds(message: JsonObject, server: string): JsonObject {
  return mapTaskIds(message, (taskId) => exposedTaskId({ server, taskId }))
}

/** A request's params with the server's own task ids. */
export function withOwnTaskIds(params: JsonObject, server: string): JsonObject {
  return mapTaskIds(params, (exposed) => {
    const held = heldTask(exposed)
    return held?.server === server ? held.taskId : exposed
  })
}

function mapTaskIds(object: JsonObject, map: (taskId: string) => string): JsonObject {
  const { taskId, _meta: meta } = object
  const related = isObject(meta) ? meta[RELATED_TASK] : undefined
  const relatedId = isObject(related) ? related['taskId'] : undefined
  if (typeof taskId !== 'string' && typeof relatedId !== 'string') return object
  const mapped: Record<string, unknown> = { ...object }
  if (typeof taskId === 'string') mapped['taskId'] = map(taskId)
  if (typeof relatedId === 'string') {
    mapped['_meta'] = {
      ...(meta as JsonObject),
      [RELATED_TASK]: { ...(related as JsonObject), taskId: map(relatedId) },
    }
  }
  return mapped
}
