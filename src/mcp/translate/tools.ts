// Tools whose output is not an object: the modern era has them (SEP-2106), the legacy era takes only objects, as schema
// and as structured content. Nothing need be remembered from a list to a call: what a value becomes depends on it alone.
import { isObject, type JsonObject } from '../../wire/index.ts'

/** Members of a schema that lead to another place of the same document, which moves when the schema is wrapped. */
const REFERENCE = /"\$(?:ref|dynamicRef|recursiveRef|id)"/

/**
 * A tool of a modern server. A schema that names one type, not an object, is wrapped, as its values are. One that leaves
 * the type open is dropped, because some of its values would be wrapped and others not.
 */
export function toLegacyTool(tool: unknown): unknown {
  if (!isObject(tool)) return tool
  const { outputSchema, ...rest } = tool
  if (!isObject(outputSchema) || outputSchema['type'] === 'object') return tool
  const isMovable = !REFERENCE.test(JSON.stringify(outputSchema))
  if (typeof outputSchema['type'] !== 'string' || !isMovable) return rest
  const properties = { result: outputSchema }
  return { ...rest, outputSchema: { type: 'object', properties, required: ['result'] } }
}

/** A complete result of a tool of a modern server. Old clients read the text, so a value that they cannot take is there as well. */
export function toLegacyToolResult(result: JsonObject): JsonObject {
  const { structuredContent } = result
  const content: readonly unknown[] = Array.isArray(result['content']) ? result['content'] : []
  if (structuredContent === undefined || isObject(structuredContent)) {
    return Array.isArray(result['content']) ? result : { ...result, content }
  }
  const hasText = content.some((block) => isObject(block) && block['type'] === 'text')
  const text = { type: 'text', text: JSON.stringify(structuredContent) }
  return {
    ...result,
    content: hasText ? content : [...content, text],
    structuredContent: { result: structuredContent },
  }
}
