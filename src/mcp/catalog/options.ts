// Options of a merged catalogue: how names are made, how lists are paged, how long a server may take to give its own, and
// which tools of a server are offered.
import { z } from 'zod'
import {
  choice,
  type DocumentOf,
  duration,
  integer,
  list,
  section,
  text,
  toMs,
  withNotes,
} from '../../core/fields.ts'

/** How the names of several servers' tools and prompts are told apart. */
export type NamingMode = 'prefix' | 'prefix_on_conflict' | 'keep'

export interface CatalogOptions {
  readonly names: NamingMode
  /** Most items in one page of a merged list. */
  readonly pageSize: number
  /** Time for a server to give its whole list; then the others are answered with. */
  readonly timeoutMs: number
  /** Time after which a list in use is read anew although nothing told of a change. */
  readonly pollIntervalMs: number
}

export interface ToolRuleOptions {
  /** Globs over the server's own names; undefined allows every tool. */
  readonly allow: readonly string[] | undefined
  /** Globs over the server's own names; stronger than `allow`. */
  readonly deny: readonly string[]
  /** The server's own name to the one offered instead. */
  readonly rename: ReadonlyMap<string, string>
}

export const NO_TOOL_RULES: ToolRuleOptions = { allow: undefined, deny: [], rename: new Map() }

/** Keys of a route. */
export const routeCatalogShape = {
  names: choice(['prefix', 'prefix_on_conflict', 'keep'])
    .default('prefix')
    .describe(
      'How tools and prompts of several servers get their names. `prefix`: `server_tool`, with the name the server has here. `prefix_on_conflict`: only where two servers have the same name. `keep`: never; of two with the same name only that of the server listed first is offered, the other is left out, which the log and a metric say. With one server nothing is renamed.',
    ),
  page_size: integer({ min: 1, max: 1_000 })
    .default(100)
    .describe('Most items in one page of a merged list. Clients get the rest with a cursor.'),
  catalog: section({
    timeout: duration({ min: '100ms', max: '1m' })
      .default('5s')
      .describe(
        'Time for a server to give its whole list. One that takes longer is left out of the answer, which says so in `_meta["sallyport/missingServers"]` and is not to be kept (`ttlMs` 0).',
      ),
    poll_interval: duration({ min: '1s', max: '1d' })
      .default('5m')
      .describe(
        'How often lists in use are read anew from servers that do not tell of changes; a tenth more or less, so that not all are read at once.',
      ),
  })
    .prefault({})
    .describe('The lists of the servers, as the gateway keeps them.'),
}

const toolName = () =>
  text({ expected: 'a tool’s name', mend: 'write its name', pattern: /^[^\0]+$/, shown: 'as-is' })

const toolGlob = () =>
  text({
    expected: 'a tool’s name, in which * stands for any characters and ? for one',
    mend: 'write a name like "get_*"',
    pattern: /^[^\0]{1,256}$/,
    shown: 'as-is',
  })

const toolRulesSchema = section({
  allow: list(toolGlob(), { expected: 'a list of tool names', mend: 'write ["get_*"]', max: 1_000 })
    .optional()
    .describe('Tools that are offered, by the server’s own names. Without it all of them.'),
  deny: list(toolGlob(), {
    expected: 'a list of tool names',
    mend: 'write ["delete_*"]',
    max: 1_000,
  })
    .default([])
    .describe(
      'Tools that are neither listed nor can be called, by the server’s own names. Stronger than `allow`.',
    ),
  rename: withNotes(
    z
      .record(toolName(), toolName())
      .refine((names) => new Set(Object.values(names)).size === Object.keys(names).length),
    {
      expected: 'a map from tool names to other names, each of them once',
      mend: 'write {old_name: new_name}',
    },
  )
    .default({})
    .describe(
      'Other names for tools. A tool that has such a name already is not offered. A prefix of `routes[].names` comes before the new name.',
    ),
})

/** Keys of a server. */
export const serverCatalogShape = {
  tools: toolRulesSchema
    .prefault({})
    .describe('Which tools of the server are offered, and how they are called.'),
}

export function toCatalogOptions(route: DocumentOf<typeof routeCatalogShape>): CatalogOptions {
  return {
    names: route.names,
    pageSize: route.page_size,
    timeoutMs: toMs(route.catalog.timeout),
    pollIntervalMs: toMs(route.catalog.poll_interval),
  }
}

export function toToolRuleOptions({
  tools: { allow, deny, rename },
}: DocumentOf<typeof serverCatalogShape>): ToolRuleOptions {
  return { allow, deny, rename: new Map(Object.entries(rename)) }
}

/** True when the server's tools are offered as they are: then a route to it alone needs no working lane. */
export function areToolsUntouched({ allow, deny, rename }: ToolRuleOptions): boolean {
  return allow === undefined && deny.length === 0 && rename.size === 0
}
