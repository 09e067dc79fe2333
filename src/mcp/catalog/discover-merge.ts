// What a merged view says of itself: all that its servers can do, together.
import type { JsonObject } from '../../wire/index.ts'
import { isObject, MODERN_VERSIONS } from '../../wire/index.ts'
import { cachePolicyOf, metaOf, missingIn } from './answers.ts'
import type { CatalogueSet } from './catalog-cache.ts'

/** Lists that the gateway itself tells changes of: those of the servers, and a server that comes or goes. */
const CHANGING_LISTS = ['tools', 'prompts', 'resources'] as const

export function mergeDiscover(
  set: CatalogueSet,
  servers: readonly string[],
  serverInfo: JsonObject,
): JsonObject {
  const abouts = set.catalogues.map((it) => it?.about)
  const only = abouts.length === 1 ? abouts[0] : undefined
  // One server with rules for its tools: all else is its own to say.
  if (only !== undefined) return { ...only, ...cachePolicyOf(set) }
  const instructions = joinInstructions(abouts, servers)
  return {
    resultType: 'complete',
    supportedVersions: MODERN_VERSIONS,
    capabilities: withListChanges(abouts.map((it) => it?.['capabilities']).reduce(union, {})),
    ...(instructions !== undefined && { instructions }),
    ...cachePolicyOf(set),
    _meta: metaOf(serverInfo, missingIn(set, servers)),
  }
}

/** What either can do. Of details that are no objects, one that is said beats one that is not, and the first beats the second. */
function union(a: unknown, b: unknown): unknown {
  if (!isObject(a) || !isObject(b)) return typeof a === 'boolean' && b === true ? true : (a ?? b)
  const names = new Set([...Object.keys(a), ...Object.keys(b)])
  return Object.fromEntries([...names].map((name) => [name, union(a[name], b[name])]))
}

function withListChanges(capabilities: unknown): JsonObject {
  if (!isObject(capabilities)) return {}
  const merged: Record<string, unknown> = { ...capabilities }
  for (const list of CHANGING_LISTS) {
    const details = merged[list]
    if (isObject(details)) merged[list] = { ...details, listChanged: true }
  }
  return merged
}

function joinInstructions(
  abouts: readonly (JsonObject | undefined)[],
  servers: readonly string[],
): string | undefined {
  const sections = abouts.flatMap((about, place) => {
    const text = about?.['instructions']
    return typeof text === 'string' && text.trim() !== '' ? [`# ${servers[place]}\n\n${text}`] : []
  })
  return sections.length === 0 ? undefined : sections.join('\n\n')
}
