// What clients and servers say they can do, in each era's words. The modern era has extensions, the legacy era has tasks
// in the core and roots that announce changes; neither's is the other's, not even where a name is the same.
import { isObject, type JsonObject } from '../../wire/index.ts'

export function toLegacyClientCapabilities(modern: JsonObject): JsonObject {
  return without(modern, 'extensions')
}

export function toModernClientCapabilities(legacy: JsonObject): JsonObject {
  const kept = without(without(legacy, 'tasks'), 'extensions')
  const { roots } = kept
  // Nothing carries the announcement: a server asks again with the next request that needs them.
  if (!isObject(roots) || !Object.hasOwn(roots, 'listChanged')) return kept
  return { ...kept, roots: without(roots, 'listChanged') }
}

export function toLegacyServerCapabilities(modern: JsonObject): JsonObject {
  return without(without(modern, 'extensions'), 'tasks')
}

export function toModernServerCapabilities(legacy: JsonObject): JsonObject {
  return without(without(legacy, 'tasks'), 'extensions')
}

function without(object: JsonObject, name: string): JsonObject {
  if (!Object.hasOwn(object, name)) return object
  const { [name]: _, ...rest } = object
  return rest
}
