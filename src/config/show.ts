// The effective document as YAML for people: every default filled in, everything hidden that is not declared to be shown.
import { stringify } from 'yaml'
import { z } from 'zod'
import { configSchema } from './schema.ts'
import { memberSchema, narrow, notesOf } from './schema-walk.ts'
import { HIDDEN, toShown } from './shown.ts'
import type { EffectiveDocument } from './to-options.ts'

export function showConfig(document: EffectiveDocument): string {
  return stringify(redact(document, configSchema), { lineWidth: 0 })
}

function redact(value: unknown, schema: z.core.$ZodType): unknown {
  if (typeof value !== 'object' || value === null) {
    const shown = toShown(value, notesOf(schema))
    // What is printed can be loaded again, so a "${" that is meant literally must stay so.
    return typeof shown === 'string' ? shown.replaceAll('${', () => '$${') : shown
  }
  const member = (item: unknown, step: string | number): unknown => {
    const inner = memberSchema(schema, value, step)
    return inner === undefined ? HIDDEN : redact(item, narrow(inner, item))
  }
  if (Array.isArray(value)) return value.map(member)
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  return Object.fromEntries(entries.map(([key, item]) => [key, member(item, key)]))
}
