// What a server asks of the client in the middle of a call: requests of its own in the legacy era, entries of an
// `input_required` result in the modern one (MCP 2026-07-28 multi-round-trip requests).
import { isObject, type JsonObject } from '../../wire/index.ts'
import { withMeta } from './envelope.ts'

export interface InputRequest {
  readonly method: string
  readonly params?: JsonObject
}

/** Methods that a server may ask of a client. */
export const INPUT_METHODS: ReadonlySet<string> = new Set([
  'elicitation/create',
  'sampling/createMessage',
  'roots/list',
])

/** Methods whose results may ask; nothing else has a way to carry a question. */
export const ASKING_METHODS: ReadonlySet<string> = new Set([
  'tools/call',
  'prompts/get',
  'resources/read',
])

/** A legacy server's request, without what only a request of its own can have: a progress token, a task, an elicitation id. */
export function toModernInputRequest({ method, params }: InputRequest): InputRequest {
  if (params === undefined) return { method }
  const { task: _task, elicitationId, _meta, ...asked } = params
  const isId = elicitationId === undefined || isUrlElicitation(method, params)
  const kept = isId ? asked : { ...asked, elicitationId }
  if (!isObject(_meta)) return { method, params: kept }
  const { progressToken: _progressToken, ...meta } = _meta
  return { method, params: withMeta(kept, meta) }
}

/** An entry of a modern server, as a request to a legacy client. `newElicitationId` is asked where the legacy era needs one. */
export function toLegacyInputRequest(
  { method, params }: InputRequest,
  newElicitationId: () => string,
): InputRequest {
  if (params === undefined) return { method }
  if (!isUrlElicitation(method, params) || typeof params['elicitationId'] === 'string') {
    return { method, params }
  }
  return { method, params: { ...params, elicitationId: newElicitationId() } }
}

/** The questions of an error that a legacy server ends a call with to have URLs visited first (-32042); none: malformed. */
export function inputRequestsOfError(data: unknown): readonly InputRequest[] {
  const elicitations = isObject(data) ? data['elicitations'] : undefined
  if (!Array.isArray(elicitations)) return []
  return elicitations
    .filter(isObject)
    .map((params) =>
      toModernInputRequest({ method: 'elicitation/create', params: { ...params, mode: 'url' } }),
    )
}

/** True when a client with these capabilities, in either era's words, can be asked. */
export function canAnswer(capabilities: JsonObject, { method, params }: InputRequest): boolean {
  switch (method) {
    case 'roots/list':
      return isObject(capabilities['roots'])
    case 'sampling/createMessage':
      return canSample(capabilities['sampling'], params)
    case 'elicitation/create':
      return canElicit(capabilities['elicitation'], params?.['mode'])
    default:
      return false
  }
}

function canSample(sampling: unknown, params: JsonObject | undefined): boolean {
  if (!isObject(sampling)) return false
  const wantsTools = params?.['tools'] !== undefined || params?.['toolChoice'] !== undefined
  return !wantsTools || isObject(sampling['tools'])
}

/** An empty capability means forms, as it did before there were URLs. */
function canElicit(elicitation: unknown, mode: unknown): boolean {
  if (!isObject(elicitation)) return false
  if (mode === 'url') return isObject(elicitation['url'])
  return isObject(elicitation['form']) || !isObject(elicitation['url'])
}

function isUrlElicitation(method: string, params: JsonObject): boolean {
  return method === 'elicitation/create' && params['mode'] === 'url'
}
