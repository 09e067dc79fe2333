// The methods that have hooks: what of a request and of its result plugins are shown, and how what they made of it is put
// back. All else of params and results stays as it is: metadata, the client's answers to questions, cache policies.
import type { HookName } from '../../plugins/index.ts'
import { isObject, type JsonObject, readValue } from '../../wire/index.ts'

export interface HookedMethod {
  readonly pre: HookName
  readonly post: HookName
  /** What is wrong with params that no plugin could be shown; undefined: nothing. */
  faultOf(params: JsonObject): string | undefined
  /** What plugins are shown of a request. */
  payloadOf(params: JsonObject): JsonObject
  /** The params that a changed payload stands for. */
  withPayload(params: JsonObject, payload: JsonObject): JsonObject
  /** What plugins are shown of the result of a request with these params. */
  resultPayloadOf(params: JsonObject, result: JsonObject): JsonObject
  withResultPayload(result: JsonObject, payload: JsonObject): JsonObject
}

const TOOLS_CALL: HookedMethod = {
  pre: 'tool_pre_invoke',
  post: 'tool_post_invoke',
  faultOf: (params) => faultOfNamed(params, 'tool'),
  payloadOf: ({ name, arguments: args }) => ({ name, args: argsOf(args) }),
  withPayload: (params, { name, args }) => ({ ...params, name, arguments: args }),
  resultPayloadOf: ({ name }, result) => ({ name, result }),
  withResultPayload: withResult,
}

const PROMPTS_GET: HookedMethod = {
  pre: 'prompt_pre_fetch',
  post: 'prompt_post_fetch',
  faultOf: (params) => faultOfNamed(params, 'prompt'),
  payloadOf: ({ name, arguments: args }) => ({ prompt_id: name, args: argsOf(args) }),
  withPayload: (params, { prompt_id: name, args }) => ({ ...params, name, arguments: args }),
  resultPayloadOf: ({ name }, result) => ({ prompt_id: name, result }),
  withResultPayload: withResult,
}

const RESOURCES_READ: HookedMethod = {
  pre: 'resource_pre_fetch',
  post: 'resource_post_fetch',
  faultOf: ({ uri }) =>
    typeof uri === 'string' ? undefined : 'params.uri: expected the URI of a resource',
  payloadOf: ({ uri }) => ({ uri, metadata: {} }),
  withPayload: (params, { uri }) => ({ ...params, uri }),
  resultPayloadOf: ({ uri }, { contents }) => ({ uri, content: contents }),
  withResultPayload: (result, { content }) => ({ ...result, contents: content }),
}

export const HOOKED_METHODS: ReadonlyMap<string, HookedMethod> = new Map([
  ['tools/call', TOOLS_CALL],
  ['prompts/get', PROMPTS_GET],
  ['resources/read', RESOURCES_READ],
])

/** Params that a server might take in its own way, and that plugins cannot be shown in theirs, must not get around them. */
function faultOfNamed({ name, arguments: args }: JsonObject, what: string): string | undefined {
  if (typeof name !== 'string') return `params.name: expected the name of a ${what}`
  // A raw value is an object, and so is what it says: arguments of no other kind are left raw.
  const isLegible = args === undefined || isObject(args)
  return isLegible ? undefined : 'params.arguments: expected an object'
}

/**
 * Read even if they came as a raw value: their bytes may repeat a name, of which plugins might see another value than the
 * server does. Once they were read, all get the same (see raw-value.ts).
 */
function argsOf(args: unknown): unknown {
  return args === undefined ? {} : readValue(args)
}

function withResult(_result: JsonObject, { result }: JsonObject): JsonObject {
  return { ...(result as JsonObject), resultType: 'complete' }
}
