// Filters of subscriptions: what one wants to hear, and how several become one.
import { isObject, type JsonObject } from '../../wire/index.ts'
import type { ListenFilter, RpcNotification } from '../view/server-view.ts'

const LIST_CHANGES = {
  'notifications/tools/list_changed': 'toolsListChanged',
  'notifications/prompts/list_changed': 'promptsListChanged',
  'notifications/resources/list_changed': 'resourcesListChanged',
} as const satisfies Record<string, keyof ListenFilter>

export type ListChange = keyof typeof LIST_CHANGES

export const RESOURCE_UPDATED = 'notifications/resources/updated'
/** Of the tasks extension (SEP-2663). */
export const TASK_CHANGED = 'notifications/tasks'

const FLAGS = Object.entries(LIST_CHANGES) as readonly (readonly [
  ListChange,
  (typeof LIST_CHANGES)[ListChange],
])[]

/** True when a subscription with this filter is to hear of the change. */
export function wants(filter: ListenFilter, { method, params }: RpcNotification): boolean {
  const flag = flagOf(method)
  if (flag !== undefined) return filter[flag] === true
  if (method === RESOURCE_UPDATED) {
    const uri = params?.['uri']
    return (
      typeof uri === 'string' &&
      filter.resourceSubscriptions?.some((subscribed) => isPartOf(uri, subscribed)) === true
    )
  }
  if (method !== TASK_CHANGED) return false
  return filter.taskIds?.includes(params?.['taskId'] as string) === true
}

/** "This might be a sub-resource of the one that the client actually subscribed to" (MCP 2025-11-25 schema). */
function isPartOf(uri: string, subscribed: string): boolean {
  if (!uri.startsWith(subscribed)) return false
  return (
    uri.length === subscribed.length || subscribed.endsWith('/') || uri[subscribed.length] === '/'
  )
}

function flagOf(method: string): (typeof LIST_CHANGES)[ListChange] | undefined {
  return Object.hasOwn(LIST_CHANGES, method) ? LIST_CHANGES[method as ListChange] : undefined
}

/** What any of them wants, in an order of its own, so that equal needs make equal filters. */
export function unionOf(filters: readonly ListenFilter[]): ListenFilter {
  const flags: { [flag in (typeof LIST_CHANGES)[ListChange]]?: true } = {}
  const uris = new Set<string>()
  const tasks = new Set<string>()
  for (const [, flag] of FLAGS) if (filters.some((it) => it[flag] === true)) flags[flag] = true
  for (const filter of filters) {
    for (const uri of filter.resourceSubscriptions ?? []) uris.add(uri)
    for (const task of filter.taskIds ?? []) tasks.add(task)
  }
  return {
    ...flags,
    ...(uris.size > 0 && { resourceSubscriptions: [...uris].toSorted() }),
    ...(tasks.size > 0 && { taskIds: [...tasks].toSorted() }),
  }
}

/** What of the asked is in the given, in the asked one's order. */
export function intersectionOf(asked: ListenFilter, given: ListenFilter): ListenFilter {
  const flags: { [flag in (typeof LIST_CHANGES)[ListChange]]?: true } = {}
  for (const [, flag] of FLAGS) if (asked[flag] === true && given[flag] === true) flags[flag] = true
  const uris = shared(asked.resourceSubscriptions, given.resourceSubscriptions)
  const tasks = shared(asked.taskIds, given.taskIds)
  return {
    ...flags,
    ...(uris.length > 0 && { resourceSubscriptions: uris }),
    ...(tasks.length > 0 && { taskIds: tasks }),
  }
}

function shared(asked: readonly string[] = [], given: readonly string[] = []): readonly string[] {
  const isGiven = new Set(given)
  return asked.filter((item) => isGiven.has(item))
}

/** True when all that is asked is in the given one. */
export function covers(given: ListenFilter, asked: ListenFilter): boolean {
  return isSame(intersectionOf(asked, given), asked)
}

/** True when both want the same, in whatever order. */
export function isSame(one: ListenFilter, other: ListenFilter): boolean {
  return JSON.stringify(unionOf([one])) === JSON.stringify(unionOf([other]))
}

/** The changes to tell whoever has this filter when any of them may have been missed. */
export function changesOf(filter: ListenFilter): readonly RpcNotification[] {
  const lists = FLAGS.filter(([, flag]) => filter[flag] === true).map(([method]) => ({ method }))
  const uris = filter.resourceSubscriptions ?? []
  return [...lists, ...uris.map((uri) => ({ method: RESOURCE_UPDATED, params: { uri } }))]
}

/** A filter off the wire; what is not of its shape is left out. */
export function readFilter(value: unknown): ListenFilter {
  if (!isObject(value)) return {}
  const flags: { [flag in (typeof LIST_CHANGES)[ListChange]]?: true } = {}
  for (const [, flag] of FLAGS) if (value[flag] === true) flags[flag] = true
  return {
    ...flags,
    ...texts(value, 'resourceSubscriptions'),
    ...texts(value, 'taskIds'),
  }
}

function texts(value: JsonObject, name: string): Readonly<Record<string, readonly string[]>> {
  const list = value[name]
  if (!Array.isArray(list)) return {}
  return { [name]: list.filter((item): item is string => typeof item === 'string') }
}
