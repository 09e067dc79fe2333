// The parameters of a request as a legacy server gets them: with a progress token of the session's own, and without what
// only a retry of the modern era has.
import { isObject, isRpcId, type JsonObject } from '../../../wire/index.ts'
import { withMeta } from '../../translate/envelope.ts'
import { ASKING_METHODS } from '../../translate/input-requests.ts'

/** `token` takes the place of the client's: clients of one session know nothing of each other's tokens. */
export function legacyParams(method: string, params: JsonObject, token: number): JsonObject {
  const isRetry = params['requestState'] !== undefined || params['inputResponses'] !== undefined
  const bare = isRetry && ASKING_METHODS.has(method) ? withoutRetry(params) : params
  const meta = bare['_meta']
  if (!isObject(meta)) return meta === undefined ? bare : withMeta(bare, {})
  const { progressToken, ...rest } = meta
  return withMeta(bare, isRpcId(progressToken) ? { ...rest, progressToken: token } : rest)
}

function withoutRetry(params: JsonObject): JsonObject {
  const { requestState: _state, inputResponses: _responses, ...rest } = params
  return rest
}
