// A result on its way to plugins and then to the client: both are to get the same, and its large values must still be there
// when the second of them gets it.
import { isObject, type JsonObject, RawValue } from '../../wire/index.ts'

/** Members with the items in which a result has large texts (see large-values.ts). */
const LISTS = ['content', 'contents', 'messages'] as const

/**
 * To be called before a result is shown to anybody. Sending a raw value to a plugin would give its memory back. It is held
 * and never let go: fronts keep results for as long as they like, so it is left to the garbage collector.
 */
export function keepForAll(result: JsonObject): void {
  const { structuredContent } = result
  // Read, so that a name which its bytes repeat says the same to plugins and to the client.
  if (structuredContent instanceof RawValue) void structuredContent.value
  for (const name of LISTS) if (name in result) holdWithin(result[name])
}

function holdWithin(value: unknown): void {
  if (value instanceof RawValue) value.source.hold()
  else if (Array.isArray(value)) for (const item of value) holdWithin(item)
  else if (isObject(value)) for (const name in value) holdWithin(value[name])
}
