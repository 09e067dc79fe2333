// `SALLYPORT__PATH__TO__KEY` variables, laid over the document before it is checked. A value is a YAML scalar, or where the
// key takes a list or a map, one in flow style; it is not searched for ${NAME}.
import { parse } from 'yaml'
import { z } from 'zod'
import type { Environment } from './expand.ts'
import { type Fault, formatPath, type Path, type Place } from './fault.ts'
import type { Places } from './places.ts'
import { mapsOf, memberOf, unwrap } from './schema-walk.ts'
import { suggest } from './suggest.ts'
import { synonymOf } from './synonyms.ts'

const PREFIX = 'SALLYPORT__'
/** A list grows by one item at a time, so this bounds only a typing mistake in the index. */
const INDEX = /^\d{1,4}$/

type Schema = z.core.$ZodType
type Container = Record<string | number, unknown>

export interface OverrideTarget {
  readonly schema: Schema
  /** Changed in place. */
  readonly document: Container
  readonly places: Places
}

export function applyOverrides(env: Environment, target: OverrideTarget): readonly Fault[] {
  const faults: Fault[] = []
  const seen = new Map<string, string>()
  for (const variable of Object.keys(env).filter(isOverride).toSorted(byPath)) {
    const found = find(variable, target)
    if (!found.ok) {
      faults.push(found.fault)
      continue
    }
    const key = formatPath(found.path)
    const other = seen.get(key)
    if (other !== undefined) faults.push(setTwice(variable, other, key))
    seen.set(key, variable)
    set(target, found.path, decode(env[variable] ?? '', found.schema), variable)
  }
  return faults
}

function isOverride(variable: string): boolean {
  return variable.startsWith(PREFIX)
}

/** Maps before their members, and item 2 before item 10, so that lists grow in order. */
function byPath(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

type Found =
  | { readonly ok: true; readonly path: Path; readonly schema: Schema }
  | { readonly ok: false; readonly fault: Fault }

/** A step further: the member's key, and what it may be. More than one schema while a union is undecided. */
interface Step {
  readonly step: string | number
  readonly schemas: readonly Schema[]
}

function find(variable: string, { schema, document }: OverrideTarget): Found {
  let path: Path = []
  let value: unknown = document
  let schemas = options(schema)
  for (const segment of variable.slice(PREFIX.length).split('__')) {
    const next = enter(schemas, value, segment)
    if (typeof next === 'string') {
      const around = path.length === 0 ? '' : ` in ${formatPath(path)}`
      const got = `${JSON.stringify(segment)}${around}`
      const place: Place = { kind: 'variable', variable }
      return {
        ok: false,
        fault: { place, path: '', expected: 'the path of a key', got, mend: next },
      }
    }
    path = [...path, next.step]
    value = memberOf(value, next.step)
    schemas = next.schemas.flatMap(options)
  }
  return { ok: true, path, schema: schemas[0] ?? schema }
}

function options(schema: Schema): readonly Schema[] {
  const inner = unwrap(schema)
  return inner instanceof z.ZodUnion ? inner.options.flatMap(options) : [inner]
}

/** The member that a segment of the variable's name means, or the mend if it means none. */
function enter(schemas: readonly Schema[], value: unknown, segment: string): Step | string {
  const [inner] = schemas
  if (inner instanceof z.ZodArray) {
    const length = Array.isArray(value) ? value.length : 0
    if (!INDEX.test(segment) || Number(segment) > length) {
      return length === 0 ? 'the list starts with index 0' : `use an index from 0 to ${length}`
    }
    const elements = schemas.map((each) => (each as z.ZodArray).element)
    return { step: Number(segment), schemas: elements }
  }
  if (inner instanceof z.ZodRecord) return enterRecord(inner, value, segment)
  const shapes = schemas.flatMap(mapsOf).map((map) => map.shape as Record<string, Schema>)
  const known = [...new Set(shapes.flatMap((shape) => Object.keys(shape)))]
  const key = matchKey(known, segment)
  if (key !== undefined) {
    return { step: key, schemas: shapes.flatMap((shape) => shape[key] ?? []) }
  }
  if (known.length === 0) return 'this key has nothing below it: unset the variable'
  const near = synonymOf(segment, known) ?? suggest(segment, known)
  return near === undefined
    ? `unset it; known here: ${known.join(', ')}`
    : `did you mean ${near.toUpperCase()}?`
}

function enterRecord(record: z.ZodRecord, value: unknown, segment: string): Step | string {
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : []
  const { keyType } = record
  const accepts = (key: string): boolean =>
    keyType instanceof z.ZodType && keyType.safeParse(key).success
  // A new entry is named as the map's keys are: variables of a child as written, servers in lower case.
  const step = matchKey(keys, segment) ?? [segment, segment.toLowerCase()].find(accepts)
  if (step === undefined) return 'such a name cannot stand here: unset the variable'
  return { step, schemas: [record.valueType] }
}

/** Shells take no "-" in a variable's name, so "_" stands for it unless a key says "_" itself. */
function matchKey(keys: readonly string[], segment: string): string | undefined {
  const wanted = segment.toLowerCase()
  return (
    keys.find((key) => key === segment) ??
    keys.find((key) => key.toLowerCase() === wanted) ??
    keys.find((key) => key.toLowerCase().replaceAll('-', '_') === wanted)
  )
}

/** What the variable's text says to a key of this kind. What does not fit stays text, and the schema will object. */
function decode(text: string, schema: Schema): unknown {
  const inner = unwrap(schema)
  const takesText = inner instanceof z.ZodString || inner instanceof z.ZodEnum
  // A secret may hold "#" or ": "; only quotes around the whole say that it is YAML.
  if (takesText && !/^(["']).*\1$/s.test(text)) return text
  try {
    const value: unknown = parse(text, { prettyErrors: false, logLevel: 'silent' })
    return takesText && typeof value !== 'string' ? text : value
  } catch {
    // Not YAML at all: the schema's fault says what is expected instead, and the parser's would quote the value.
    return text
  }
}

function set({ document, places }: OverrideTarget, path: Path, value: unknown, variable: string) {
  const place: Place = { kind: 'variable', variable }
  let container = document
  for (const [depth, step] of path.slice(0, -1).entries()) {
    const next = container[step]
    if (typeof next !== 'object' || next === null) {
      container[step] = typeof path[depth + 1] === 'number' ? [] : Object.create(null)
      places.replace(path.slice(0, depth + 1), place)
    }
    container = container[step] as Container
  }
  container[path.at(-1)!] = value
  places.replace(path, place)
}

function setTwice(variable: string, other: string, path: string): Fault {
  return {
    place: { kind: 'variable', variable },
    path,
    expected: 'one variable for a key',
    got: `${other} as well`,
    mend: 'unset one of the two',
  }
}
