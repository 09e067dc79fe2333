// What a plugin's answer says: a CallToolResult from whose structured content, or else first text, the outcome of the hook is
// read. Everything that makes no sense is a failure; what that means for the call, the plugin's mode says.
import { GatewayError } from '../core/index.ts'
import { decodeText, isObject, type JsonObject, readValue } from '../wire/index.ts'

/** What a plugin says of a payload. */
export interface HookAnswer {
  /** Undefined: the call may go on. */
  readonly violation: string | undefined
  /** Undefined: it changed nothing. */
  readonly modified: JsonObject | undefined
  /** What it wants to be given back at the next hook of the call. */
  readonly context: JsonObject | undefined
}

/** Longest text of a plugin that goes into a message, in UTF-16 code units. */
export const MAX_TEXT = 500
/** Deepest JSON within a text of the answer, as for messages of servers. */
const MAX_DEPTH = 512
/** What could end a line or change how the text around it is shown. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu

/** A text of somebody else as part of a message: one line, bounded. */
export function cleanText(text: string): string {
  // Cut first as well: the answer may be megabytes of it.
  const line = text
    .slice(0, 4 * MAX_TEXT)
    .replaceAll(UNPRINTABLE, ' ')
    .trim()
  return line.slice(0, MAX_TEXT).toWellFormed()
}

/** @throws GatewayError GW_PLUGIN_FAILED when the tool has failed, as what it says. */
export function refuseToolError(result: JsonObject): void {
  if (result['isError'] !== true) return
  const text = firstText(result)
  throw failure(`its tool failed: ${text === undefined ? 'it does not say why' : cleanText(text)}`)
}

/** @throws GatewayError GW_PLUGIN_FAILED */
export function readHookAnswer(toolResult: JsonObject): HookAnswer {
  const answer = unwrapped(jsonOf(toolResult))
  const { error } = answer
  if (error !== undefined && error !== null) throw failure(`it reports an error${saying(error)}`)
  const result = answer['result']
  if (!isObject(result)) throw failure('expected an answer with a result, an object')
  const { continue_processing: goesOn = true, modified_payload: modified } = result
  if (typeof goesOn !== 'boolean') throw failure('expected continue_processing to be a boolean')
  const context = answer['context']
  return {
    violation: goesOn ? undefined : violationText(result['violation']),
    modified: modified === undefined || modified === null ? undefined : objectOf(modified),
    context: isObject(context) ? context : undefined,
  }
}

export function failure(why: string, cause?: unknown): GatewayError {
  return new GatewayError('GW_PLUGIN_FAILED', why, { cause })
}

/** The JSON that a tool answers with. @throws GatewayError GW_PLUGIN_FAILED */
export function jsonOf(toolResult: JsonObject): JsonObject {
  const structured = readValue(toolResult['structuredContent'])
  if (isObject(structured)) return structured
  const text = firstText(toolResult)
  if (text === undefined) throw failure('expected structured content or a text, got neither')
  const value = decodeText(text, MAX_DEPTH)
  if (!isObject(value)) throw failure('expected a text that is a JSON object')
  return value
}

/** Python's FastMCP wraps what it has no schema for as `{result: …}`; what is inside is the answer if it says so itself. */
function unwrapped(answer: JsonObject): JsonObject {
  const inner = answer['result']
  if (Object.hasOwn(answer, 'plugin_name') || !isObject(inner)) return answer
  return Object.hasOwn(inner, 'result') || Object.hasOwn(inner, 'error') ? inner : answer
}

function firstText({ content }: JsonObject): string | undefined {
  if (!Array.isArray(content)) return undefined
  for (const block of content as readonly unknown[]) {
    if (!isObject(block) || block['type'] !== 'text') continue
    const text = readValue(block['text'])
    if (typeof text === 'string') return text
  }
  return undefined
}

function saying(error: unknown): string {
  const { message } = isObject(error) ? error : {}
  return typeof message === 'string' ? `: ${cleanText(message)}` : ''
}

/** The plugin's words for the client, `details` apart: they may hold anything. Empty when it has none. */
function violationText(violation: unknown): string {
  const { description, reason, code } = isObject(violation) ? violation : {}
  const [text = ''] = [description, reason].flatMap((it) => {
    const cleaned = typeof it === 'string' ? cleanText(it) : ''
    return cleaned === '' ? [] : [cleaned]
  })
  const cleanCode = typeof code === 'string' ? cleanText(code) : ''
  if (cleanCode === '') return text
  // The code is what programs look at; it is not to be lost behind a long text.
  const suffix = ` (${cleanCode})`
  return `${text.slice(0, Math.max(0, MAX_TEXT - suffix.length))}${suffix}`
    .trim()
    .slice(0, MAX_TEXT)
    .toWellFormed()
}

function objectOf(modified: unknown): JsonObject {
  if (!isObject(modified)) throw failure('expected modified_payload to be an object')
  return modified
}
