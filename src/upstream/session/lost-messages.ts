// What a client is told when it resumes a stream of which something fell out: an error in place of an answer that is
// gone, and changes that it may not have heard of. It would wait, or keep old lists, for ever.
import { randomUUID } from 'node:crypto'
import { GatewayError, renderErrorJson } from '../../core/index.ts'
import { isObject, type JsonObject, type Replay, type RpcId } from '../../wire/index.ts'
import { idKey, idKeyOf } from './server-message.ts'

/** Lists of which a server may say that they have changed (MCP 2025-11-25 lifecycle §Capability negotiation). */
const LISTS = ['tools', 'prompts', 'resources'] as const

/** A failure as the answer to a request, for a stream that the client can come back to. */
export function errorAnswer(error: GatewayError, rpcId: RpcId): Buffer {
  return Buffer.from(renderErrorJson(error, { requestId: randomUUID(), rpcId }))
}

/** Errors for those requests of a stream that is over whose answers are not among what is left of it. */
export function lostAnswers(requests: readonly RpcId[], { events }: Replay): readonly Buffer[] {
  const kept = new Set(events.map(({ json }) => answeredBy(json)))
  const error = new GatewayError(
    'GW_EVENT_NOT_FOUND',
    'the answer came while nobody read it, and is no longer kept (replay.max_bytes, replay.max_age); the call has run',
  )
  return requests.filter((id) => !kept.has(idKey(id))).map((id) => errorAnswer(error, id))
}

function answeredBy(json: Buffer): string | undefined {
  const message = JSON.parse(json.toString('utf8')) as JsonObject
  return 'method' in message ? undefined : idKeyOf(message['id'])
}

/** What a server with these capabilities may have said meanwhile. */
export function possibleChanges(capabilities: unknown): readonly Buffer[] {
  if (!isObject(capabilities)) return []
  return LISTS.filter((list) => {
    const capability = capabilities[list]
    return isObject(capability) && capability['listChanged'] === true
  }).map((list) => Buffer.from(`{"jsonrpc":"2.0","method":"notifications/${list}/list_changed"}`))
}
