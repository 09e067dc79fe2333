// Tasks, which the two eras share in name alone: in 2025-11-25 the client asks for one with `params.task`, lists tasks and
// waits for results; in the extension of 2026-07-28 (SEP-2663) the server makes one of its own accord. "Not
// wire-compatible": neither is made into the other, and what is refused says why.
import type { JsonObject } from '../../wire/index.ts'
import type { RpcError } from '../view/server-view.ts'
import { RPC_CODE } from './errors.ts'

export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks'

export function isTaskMethod(method: string): boolean {
  return method.startsWith('tasks/')
}

/**
 * A request as the other era's receiver is to see it: one that has not declared tasks processes the request as if `task`
 * was not there (MCP 2025-11-25 tasks §Task Support and Handling), and so does one of the extension (SEP-2663 §Backward
 * Compatibility).
 */
export function withoutTask(method: string, params: JsonObject): JsonObject {
  if (method !== 'tools/call' || !Object.hasOwn(params, 'task')) return params
  const { task: _, ...rest } = params
  return rest
}

/** What a legacy client hears of `tasks/…` in a session that the gateway translates. */
export function refuseLegacyTask(method: string): RpcError {
  const message = `${method}: this session has no tasks. Those of protocol version 2025-11-25 pass only to a server that speaks it, on a route to that server alone; the modern era’s are another protocol, with neither tasks/list nor tasks/result.`
  return { code: RPC_CODE.methodNotFound, message }
}

/** What a modern client hears of `tasks/…` at a legacy server. */
export function refuseModernTask(method: string, server: string): RpcError {
  const message = `${method}: the server "${server}" speaks an earlier version of MCP, which does not have the extension ${TASKS_EXTENSION}; its own tasks, if any, are another protocol. Its tools answer directly.`
  return { code: RPC_CODE.methodNotFound, message }
}
