// Results in each era's words: the modern era adds what kind of result it is, how long and for whom it may be kept, and
// which server gave it; the legacy era has none of that, and only objects as structured content.
import { isObject, META, type JsonObject } from '../../wire/index.ts'
import { withMeta } from './envelope.ts'
import { toLegacyTool, toLegacyToolResult } from './tools.ts'

export interface CachePolicy {
  readonly ttlMs: number
  readonly cacheScope: 'public' | 'private'
}

export interface ModernResultOptions extends CachePolicy {
  /** Undefined: unknown. */
  readonly serverInfo: JsonObject | undefined
}

/** Methods whose results say how long they may be kept (MCP 2026-07-28 caching). */
export const CACHEABLE_METHODS: ReadonlySet<string> = new Set([
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
])

/** "Absent from an older server: treat as complete" (MCP 2026-07-28 basic §Results). */
export function withResultType(result: JsonObject): JsonObject {
  return typeof result['resultType'] === 'string' ? result : { ...result, resultType: 'complete' }
}

/** A legacy server's result. Whatever it happens to say under a modern name means something else. */
export function toModernResult(
  method: string,
  result: JsonObject,
  { ttlMs, cacheScope, serverInfo }: ModernResultOptions,
): JsonObject {
  const modern: Record<string, unknown> = { ...result, resultType: 'complete' }
  if (CACHEABLE_METHODS.has(method)) {
    modern['ttlMs'] = ttlMs
    modern['cacheScope'] = cacheScope
  }
  if (method === 'tools/list' && Array.isArray(result['tools'])) {
    modern['tools'] = result['tools'].map(withoutExecution)
  }
  if (serverInfo === undefined) return modern
  const meta = isObject(result['_meta']) ? result['_meta'] : undefined
  modern['_meta'] = { ...meta, [META.serverInfo]: serverInfo }
  return modern
}

/** A modern server's complete result. */
export function toLegacyResult(method: string, result: JsonObject): JsonObject {
  const { resultType: _, ...rest } = result
  const legacy = CACHEABLE_METHODS.has(method) ? withoutCachePolicy(rest) : rest
  const bare = withoutServerInfo(legacy)
  if (method === 'tools/call') return toLegacyToolResult(bare)
  if (method !== 'tools/list' || !Array.isArray(bare['tools'])) return bare
  return { ...bare, tools: bare['tools'].map(toLegacyTool) }
}

/** `execution` is about tasks of the legacy era. */
function withoutExecution(tool: unknown): unknown {
  if (!isObject(tool) || !Object.hasOwn(tool, 'execution')) return tool
  const { execution: _, ...rest } = tool
  return rest
}

function withoutCachePolicy(result: JsonObject): JsonObject {
  const { ttlMs: _ttlMs, cacheScope: _cacheScope, ...rest } = result
  return rest
}

function withoutServerInfo(result: JsonObject): JsonObject {
  const { _meta } = result
  if (!isObject(_meta) || !Object.hasOwn(_meta, META.serverInfo)) return result
  const { [META.serverInfo]: _, ...meta } = _meta
  return withMeta(result, meta)
}
