// Finds its way in the configuration's schema: what stands at a path, which keys a map takes, what a field's notes say.
import { z } from 'zod'
import { type FieldNotes, fieldNotes } from '../core/fields.ts'
import type { Path } from './fault.ts'

type Schema = z.core.$ZodType

/** The schema without what stands around it: default, optional. */
export function unwrap(schema: Schema): Schema {
  if (
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodOptional
  ) {
    return unwrap(schema.unwrap())
  }
  return schema
}

export function notesOf(schema: Schema): FieldNotes {
  return fieldNotes.get(unwrap(schema)) ?? { expected: 'another value' }
}

/** The option of a union that `value` was meant to be; any other schema as it is. */
export function narrow(schema: Schema, value: unknown): Schema {
  const inner = unwrap(schema)
  if (!(inner instanceof z.ZodUnion)) return inner
  const index = notesOf(inner).pick?.(value) ?? 0
  return unwrap(inner.options[index] ?? z.never())
}

/** The map schemas that a value here can have: more than one for a union. */
export function mapsOf(schema: Schema): readonly z.ZodObject[] {
  const inner = unwrap(schema)
  if (inner instanceof z.ZodObject) return [inner]
  if (inner instanceof z.ZodUnion) return inner.options.flatMap(mapsOf)
  return []
}

/** What `value`'s member `step` is checked against. Undefined: there is no such key. */
export function memberSchema(schema: Schema, value: unknown, step: string | number) {
  const inner = narrow(schema, value)
  if (inner instanceof z.ZodObject) {
    return Object.hasOwn(inner.shape, step) ? (inner.shape[step] as Schema) : undefined
  }
  if (inner instanceof z.ZodRecord) return inner.valueType
  if (inner instanceof z.ZodArray) return inner.element
  return undefined
}

/** The schema at `path`, with `value` as the document's, which decides between options of a union. */
export function schemaAt(schema: Schema, value: unknown, path: Path): Schema | undefined {
  const [step, ...rest] = path
  if (step === undefined) return schema
  const member = memberSchema(schema, value, step)
  return member && schemaAt(member, memberOf(value, step), rest)
}

export function memberOf(value: unknown, step: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
  return (value as Record<string | number, unknown>)[step]
}

export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce(memberOf, value)
}

/** One key of the configuration, as people address it. */
export interface Field {
  /** `listeners[].tls.cert_file`, `servers.<name>.max_connections`. */
  readonly path: string
  readonly key: string
  readonly schema: Schema
  /** The only kind of map around it that takes the key. Undefined: every kind does. */
  readonly only: string | undefined
}

/** Every key, in the order of the schema; maps and lists before what is in them. Not those that are only ruled out. */
export function listFields(schema: Schema, prefix = ''): readonly Field[] {
  const maps = mapsOf(schema)
  const perMap = maps.map((map) => {
    return Object.entries(map.shape).flatMap(([key, member]: [string, Schema]) => {
      if (unwrap(member) instanceof z.ZodNever) return []
      const path = prefix === '' ? key : `${prefix}.${key}`
      return [{ path, key, schema: member, only: undefined }, ...inside(member, path)]
    })
  })
  const first = new Map<string, Field>()
  for (const [index, fields] of perMap.entries()) {
    const others = perMap.filter((_, other) => other !== index)
    for (const field of fields) {
      const isShared = others.every((each) => each.some(({ path }) => path === field.path))
      const only = isShared ? field.only : notesOf(maps[index] ?? schema).expected
      if (!first.has(field.path)) first.set(field.path, { ...field, only })
    }
  }
  return [...first.values()]
}

function inside(schema: Schema, path: string): readonly Field[] {
  const inner = unwrap(schema)
  if (inner instanceof z.ZodArray) return listFields(inner.element, `${path}[]`)
  if (inner instanceof z.ZodRecord) return listFields(inner.valueType, `${path}.<name>`)
  return listFields(inner, path)
}
