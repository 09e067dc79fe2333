// One modern call on a shared child: what of it is rewritten on the way in, and how that is undone on the way back.
import type { Timer } from '../../core/index.ts'
import {
  type JsonObject,
  jsonValue,
  META,
  replaceJsonValues,
  type Replacement,
  singleLine,
} from '../../wire/index.ts'
import type { UpstreamRequest } from '../upstream.ts'
import type { AnswerStream } from '../session/answer-stream.ts'
import { errorCodeOf, metaOf, paramsOf } from '../session/server-message.ts'

const ID: readonly string[] = ['id']
const REQUEST_TOKEN: readonly string[] = ['params', '_meta', 'progressToken']
const PROGRESS_TOKEN: readonly string[] = ['params', 'progressToken']
const NOTIFIED_SUBSCRIPTION: readonly string[] = ['params', '_meta', META.subscriptionId]
const RESULT_SUBSCRIPTION: readonly string[] = ['result', '_meta', META.subscriptionId]
const NO_ID = Buffer.from('null')

/** JSON-RPC errors that have an HTTP status of their own (MCP 2026-07-28 transports §Server validation). */
const STATUS_OF_ERROR: ReadonlyMap<number | undefined, number> = new Map([
  [-32_601, 404],
  [-32_020, 400],
  [-32_021, 400],
  [-32_022, 400],
])

export interface SharedCall {
  /** The call's id, and its progress token, on the child's side. */
  readonly ownId: number
  readonly answer: AnswerStream
  /** The caller's id and progress token as written. */
  readonly id: Buffer
  readonly token: Buffer | undefined
  readonly wantsLog: boolean
  readonly isListen: boolean
  timer: Timer | undefined
}

export function sharedCall(
  ownId: number,
  { body, inbound, longLived }: UpstreamRequest,
  answer: AnswerStream,
): SharedCall {
  const meta = metaOf(paramsOf(inbound?.message as JsonObject))
  const hasToken = meta['progressToken'] !== undefined
  return {
    ownId,
    answer,
    id: copy(body, ID) ?? NO_ID,
    token: hasToken ? copy(body, REQUEST_TOKEN) : undefined,
    wantsLog: meta[META.logLevel] !== undefined,
    isListen: longLived,
    timer: undefined,
  }
}

/** The request as the child gets it. */
export function outboundLine({ ownId, token }: SharedCall, body: Buffer): Buffer {
  const own = Buffer.from(String(ownId))
  const replacements: Replacement[] = [{ path: ID, value: own }]
  if (token !== undefined) replacements.push({ path: REQUEST_TOKEN, value: own })
  return replaceJsonValues(singleLine(body), replacements)
}

export function restoredResponse({ id, isListen }: SharedCall, line: Buffer): Buffer {
  const replacements: Replacement[] = [{ path: ID, value: id }]
  if (isListen) replacements.push({ path: RESULT_SUBSCRIPTION, value: id })
  return replaceJsonValues(line, replacements)
}

export function restoredProgress({ token }: SharedCall, line: Buffer): Buffer {
  return replaceJsonValues(line, [{ path: PROGRESS_TOKEN, value: token ?? NO_ID }])
}

/** A notification on a listen stream. */
export function restoredChange({ id }: SharedCall, line: Buffer): Buffer {
  return replaceJsonValues(line, [{ path: NOTIFIED_SUBSCRIPTION, value: id }])
}

/** HTTP status of a response that is the whole answer. */
export function statusOf(response: JsonObject): number {
  return STATUS_OF_ERROR.get(errorCodeOf(response)) ?? 200
}

/** A value of the body that outlives the request, without the rest of the body. */
function copy(body: Buffer | undefined, path: readonly string[]): Buffer | undefined {
  const value = body === undefined ? undefined : jsonValue(body, path)
  return value === undefined ? undefined : Buffer.from(value)
}
