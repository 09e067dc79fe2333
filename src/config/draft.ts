// What can be used of a document that has faults, so that checks across keys find theirs in the same run: parts that are
// valid, or become so without what is wrong in them.
import { z } from 'zod'
import { serverTlsSchema } from '../tls/index.ts'
import type { Path } from './fault.ts'
import {
  configSchema,
  type LimitsDocument,
  limitsSchema,
  type ListenerDocument,
  isPassthroughListener,
  listenerSchema,
  type PassthroughListenerDocument,
  passthroughListenerSchema,
} from './schema.ts'
import { memberOf, valueAt } from './schema-walk.ts'
import { type RouteDocument, routeSchema } from './server-schema.ts'

/** A list item, with its index in the document. */
interface Indexed<T> {
  readonly index: number
  readonly value: T
}

interface DraftPlugin {
  readonly name: string
  readonly isDisabled: boolean
}

export interface Draft {
  /** Those that speak HTTP. */
  readonly listeners: readonly Indexed<ListenerDocument>[]
  readonly passthroughs: readonly Indexed<PassthroughListenerDocument>[]
  /** True when there are listeners and none was meant to speak HTTP, whatever else is wrong with them. */
  readonly isPassingOnly: boolean
  /** False: the document is no map at all, so nothing can be missing in it. */
  readonly isMap: boolean
  /** Of the listeners that have it, whatever their address is worth. */
  readonly tls: readonly Indexed<NonNullable<ListenerDocument['tls']>>[]
  readonly serverNames: readonly string[]
  readonly routes: readonly Indexed<RouteDocument>[]
  /** Those that have a name, whatever else is wrong with them. */
  readonly plugins: readonly Indexed<DraftPlugin>[]
  /** Undefined when one of the two is wrong in itself. */
  readonly timeouts: Pick<LimitsDocument, 'header_timeout' | 'request_timeout'> | undefined
  readonly adminListen: string | undefined
  readonly insecureAllowPublic: boolean
}

const { header_timeout, request_timeout } = limitsSchema.shape
const timeoutsSchema = z.object({ header_timeout, request_timeout })
const tlsSchema = z.object({ tls: serverTlsSchema })

export function draftOf(value: unknown): Draft {
  const servers = memberOf(value, 'servers')
  const names = typeof servers === 'object' && servers !== null ? Object.keys(servers) : []
  const listeners = memberOf(value, 'listeners')
  const admin = salvage(configSchema.shape.admin, memberOf(value, 'admin'))
  return {
    listeners: salvageItems(listenerSchema, listeners, speaksHttp),
    passthroughs: salvageItems(passthroughListenerSchema, listeners, isPassthroughListener),
    isMap: typeof value === 'object' && value !== null && !Array.isArray(value),
    isPassingOnly:
      Array.isArray(listeners) && listeners.length > 0 && listeners.every(isPassthroughListener),
    tls: salvageItems(tlsSchema, listeners, speaksHttp).map(({ index, value: { tls } }) => ({
      index,
      value: tls,
    })),
    serverNames: names,
    routes: salvageItems(routeSchema, memberOf(value, 'routes')),
    plugins: pluginsOf(memberOf(value, 'plugins')),
    timeouts: timeoutsSchema.safeParse(memberOf(value, 'limits') ?? {}).data,
    adminListen: admin?.listen,
    insecureAllowPublic: memberOf(value, 'insecure_allow_public') === true,
  }
}

function pluginsOf(plugins: unknown): readonly Indexed<DraftPlugin>[] {
  if (!Array.isArray(plugins)) return []
  return plugins.flatMap((plugin: unknown, index) => {
    const name = memberOf(plugin, 'name')
    if (typeof name !== 'string') return []
    return [{ index, value: { name, isDisabled: memberOf(plugin, 'mode') === 'disabled' } }]
  })
}

function speaksHttp(listener: unknown): boolean {
  return !isPassthroughListener(listener)
}

function salvageItems<T extends z.ZodType>(
  schema: T,
  items: unknown,
  isMeant: (item: unknown) => boolean = () => true,
): Indexed<z.output<T>>[] {
  if (!Array.isArray(items)) return []
  return items.flatMap((item: unknown, index) => {
    const value = isMeant(item) ? salvage(schema, item) : undefined
    return value === undefined ? [] : [{ index, value }]
  })
}

/** The part as it would be without its faults: a wrong value gives way to the default. Undefined: too little is left. */
export function salvage<T extends z.ZodType>(schema: T, input: unknown): z.output<T> | undefined {
  const first = schema.safeParse(input)
  if (first.success) return first.data
  const copy: unknown = structuredClone(input)
  const paths = first.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => [...issue.path, key] as Path)
      : [issue.path as Path],
  )
  // From the back, so that removing a list item does not move the next one to be removed.
  for (const path of paths.toReversed()) remove(copy, path)
  return schema.safeParse(copy).data
}

function remove(root: unknown, path: Path): void {
  const step = path.at(-1)
  const container = valueAt(root, path.slice(0, -1))
  if (step === undefined || typeof container !== 'object' || container === null) return
  if (Array.isArray(container)) container.splice(Number(step), 1)
  else Reflect.deleteProperty(container, step)
}
