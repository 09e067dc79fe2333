// What the schema found, as faults: zod knows the path, the notes of the field there know what was expected, the places
// know the line.
import type { z } from 'zod'
import type { FieldNotes } from '../core/fields.ts'
import { type Fault, formatPath, type Path, quoteKey } from './fault.ts'
import type { Places } from './places.ts'
import { listFields, mapsOf, narrow, notesOf, schemaAt, unwrap, valueAt } from './schema-walk.ts'
import { describeGot } from './shown.ts'
import { suggest } from './suggest.ts'
import { mendForeignKey, synonymOf } from './synonyms.ts'

type Issue = z.core.$ZodIssue

export interface IssueContext {
  readonly schema: z.core.$ZodType
  /** The document that was checked. */
  readonly value: unknown
  readonly places: Places
}

export interface SchemaFault {
  readonly path: Path
  readonly fault: Fault
  /** Nothing was written where something must be. */
  readonly missing: boolean
}

/** One fault per place that is wrong, however many rules it breaks. */
export function toFaults(issues: readonly Issue[], context: IssueContext): readonly SchemaFault[] {
  const faults = new Map<string, SchemaFault>()
  for (const found of flatten(issues, [], context).flatMap((at) => toSchemaFaults(at, context))) {
    const key = JSON.stringify(found.path)
    if (!faults.has(key)) faults.set(key, found)
  }
  return [...faults.values()]
}

interface LocatedIssue {
  readonly issue: Issue
  readonly path: Path
}

/** Of a union, only the issues of the option that was meant. */
function flatten(
  issues: readonly Issue[],
  prefix: Path,
  context: IssueContext,
): readonly LocatedIssue[] {
  return issues.flatMap((issue) => {
    const path = [...prefix, ...(issue.path as Path)]
    if (issue.code !== 'invalid_union') return [{ issue, path }]
    const schema = schemaAt(context.schema, context.value, path)
    const pick = schema && notesOf(schema).pick
    const option = issue.errors[pick?.(valueAt(context.value, path)) ?? 0] ?? []
    return flatten(option, path, context)
  })
}

function toSchemaFaults({ issue, path }: LocatedIssue, context: IssueContext): SchemaFault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey(path, key, context))
  }
  const { places, value } = context
  const schema = schemaAt(context.schema, value, path)
  const got = valueAt(value, path)
  if (issue.code === 'invalid_key') {
    const key = String(path.at(-1))
    const notes = notesOf(keyTypeAround(path, context) ?? context.schema)
    const fault = {
      place: places.ofKey(path),
      path: formatPath(path),
      expected: notes.expected,
      got: quoteKey(key),
      mend: notes.mend ?? 'rename it',
    }
    return [{ path, fault, missing: false }]
  }
  const notes = schema === undefined ? UNKNOWN : notesOf(isMap(got) ? narrow(schema, got) : schema)
  const missing = got === undefined
  const fault = {
    place: missing ? places.ofKey(path) : places.ofValue(path),
    path: formatPath(path),
    expected: notes.expected,
    got: describeGot(got, notes),
    mend: got === null ? 'write a value, or remove the key' : (notes.mend ?? 'correct it'),
  }
  return [{ path, fault, missing }]
}

const UNKNOWN: FieldNotes = { expected: 'another value' }

function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function keyTypeAround(path: Path, { schema, value }: IssueContext) {
  const around = schemaAt(schema, value, path.slice(0, -1))
  const inner = around && (unwrap(around) as { readonly keyType?: z.core.$ZodType })
  return inner?.keyType
}

function unknownKey(around: Path, key: string, context: IssueContext): SchemaFault {
  const path = [...around, key]
  const fault = {
    place: context.places.ofKey(path),
    path: formatPath(path),
    expected: 'a key that exists here',
    got: `the unknown key ${quoteKey(key)}`,
    mend: mendUnknownKey(around, key, context),
  }
  return { path, fault, missing: false }
}

function mendUnknownKey(around: Path, key: string, { schema, value }: IssueContext): string {
  const here = schemaAt(schema, value, around)
  if (here === undefined) return 'remove it'
  const [map] = mapsOf(narrow(here, valueAt(value, around)))
  const known = Object.keys(map?.shape ?? {})
  const other = mapsOf(here).find(({ shape }) => Object.hasOwn(shape, key))
  if (other !== undefined) return `it is for ${notesOf(other).expected}: remove it`
  const mend = mendForeignKey(key, valueAt(value, [...around, key]), known)
  if (mend !== undefined) return mend
  const near = synonymOf(key, known) ?? suggest(key, known)
  if (near !== undefined) return `did you mean "${near}"?`
  const elsewhere = listFields(schema).find((field) => field.key === key)
  if (elsewhere !== undefined) return `did you mean ${elsewhere.path}?`
  return `remove it; known here: ${known.join(', ')}`
}
