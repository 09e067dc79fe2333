// Messages of legacy clients, as far as the front reads them itself.
import { isObject, type JsonObject, type RpcId } from '../../../wire/index.ts'
import { withoutEnvelope } from '../../translate/envelope.ts'
import { RPC_CODE } from '../../translate/errors.ts'
import { withoutTask } from '../../translate/tasks.ts'
import type { RpcError } from '../../view/server-view.ts'

export interface LegacyRequest {
  readonly id: RpcId
  readonly method: string
  readonly params: JsonObject
}

/** Ids are equal only if their types are: `1` and `"1"` are two. Long integers keep all their digits. */
export function idKey(id: unknown): string {
  return JSON.stringify(id) ?? ''
}

/** `params` of a message, empty when it has none. */
export function paramsOf(message: JsonObject): JsonObject {
  const { params } = message
  return isObject(params) ? params : {}
}

/** A request without anything that the modern era would take for a word of its own. */
export function readRequest(message: JsonObject): LegacyRequest {
  const method = message['method'] as string
  const { params } = withoutEnvelope(paramsOf(message))
  const { inputResponses: _responses, requestState: _state, ...rest } = params
  return { id: message['id'] as RpcId, method, params: withoutTask(method, rest) }
}

export function invalid(message: string): RpcError {
  return { code: RPC_CODE.invalidParams, message }
}

export function unknownMethod(method: string): RpcError {
  return { code: RPC_CODE.methodNotFound, message: `${method} is not a method of the legacy era` }
}
