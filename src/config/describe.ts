// Every key with what a reader of the reference wants to know, out of the schema.
import { z } from 'zod'
import { configSchema } from './schema.ts'
import { listFields, notesOf, unwrap } from './schema-walk.ts'

export interface DescribedKey {
  /** `listeners[].tls.cert_file` */
  readonly path: string
  readonly description: string
  /** What a value looks like, with its range. */
  readonly expected: string
  /** As it would be written in the file. Undefined: there is none. */
  readonly default: string | undefined
  readonly required: boolean
  /** What alone takes the key, such as "a server with url endpoints". Undefined: there is no such condition. */
  readonly only: string | undefined
  /** Whether `config show`, faults and the log may have it, or the items of it. */
  readonly shown: boolean
}

export function describeConfig(): readonly DescribedKey[] {
  return listFields(configSchema).map(({ path, schema, only }) => {
    const notes = notesOf(schema)
    return {
      path,
      description: descriptionOf(schema),
      expected: notes.expected,
      default: defaultOf(schema),
      only,
      required: schema._zod.optin === undefined,
      shown: notesOf(itemOf(schema)).shown !== undefined,
    }
  })
}

/** What a list or a map of free keys consists of; any other schema as it is. */
function itemOf(schema: z.core.$ZodType): z.core.$ZodType {
  const inner = unwrap(schema)
  if (inner instanceof z.ZodArray) return inner.element
  return inner instanceof z.ZodRecord ? inner.valueType : inner
}

function descriptionOf(schema: z.core.$ZodType): string {
  return schema instanceof z.ZodType ? (schema.description ?? '') : ''
}

function defaultOf(schema: z.core.$ZodType): string | undefined {
  if (!(schema instanceof z.ZodDefault)) return undefined
  const value: unknown = schema.def.defaultValue
  return typeof value === 'string' ? value : JSON.stringify(value)
}
