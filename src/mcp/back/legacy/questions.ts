// What a legacy server wants to know from its client while a call is under way, until a client of the modern era has
// answered it in the retry of that call (MCP 2026-07-28 MRTR).
import { isObject, META, type JsonObject, type RpcId } from '../../../wire/index.ts'
import { toModernInputRequest, type InputRequest } from '../../translate/input-requests.ts'

export interface Question {
  /** Its name in `inputRequests`, unique among those of its call. */
  readonly key: string
  /** The server's id of it; undefined when no request of the server waits for the answer. */
  readonly rpcId: RpcId | undefined
  readonly asked: InputRequest
}

/** Questions of one call that nobody has answered; further ones are refused. */
export const MAX_QUESTIONS = 32

/** Keys are invented, since a legacy server's requests have none; `count` makes them unique. */
export function questionOf(asked: InputRequest, rpcId: RpcId | undefined, count: number): Question {
  const [kind] = asked.method.split('/')
  return { key: `${kind}-${count}`, rpcId, asked }
}

/** The result that asks a client of the modern era. */
export function inputRequired(
  questions: readonly Question[],
  requestState: string,
  serverInfo: JsonObject | undefined,
): JsonObject {
  const inputRequests = Object.fromEntries(
    questions.map(({ key, asked }) => [key, toModernInputRequest(asked)]),
  )
  return {
    resultType: 'input_required',
    inputRequests,
    requestState,
    ...(serverInfo !== undefined && { _meta: { [META.serverInfo]: serverInfo } }),
  }
}

export interface Answered {
  readonly question: Question
  /** As a legacy server expects it. */
  readonly result: JsonObject
}

/** The questions that a retry answers; unknown keys, and what is no result, are ignored. */
export function answersOf(
  questions: readonly Question[],
  inputResponses: unknown,
): readonly Answered[] {
  if (!isObject(inputResponses)) return []
  return questions.flatMap((question) => {
    const { key } = question
    const response = Object.hasOwn(inputResponses, key) ? inputResponses[key] : undefined
    if (!isObject(response)) return []
    const { resultType: _, ...result } = response
    return [{ question, result }]
  })
}

/** True for a client that can be asked anything at all. */
export function canBeAsked({ elicitation, sampling, roots }: JsonObject): boolean {
  return isObject(elicitation) || isObject(sampling) || isObject(roots)
}
