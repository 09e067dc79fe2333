// The JSON Schema for editors, from the schema that the loader itself uses.
import { z } from 'zod'
import { configSchema } from './schema.ts'
import { notesOf, unwrap } from './schema-walk.ts'

type Json = z.core.JSONSchema.BaseSchema

/** A text with a reference in it may become anything once it is expanded: editors must not mark it. */
const SOME_REFERENCE = String.raw`\$\{`
/** Stands for a number, a boolean or a choice only as a whole. */
const WHOLE_REFERENCE = String.raw`^\$\{[^}]*\}$`

export function configJsonSchema(): Readonly<Record<string, unknown>> {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, { io: 'input' })
  return {
    $schema,
    title: 'Sallyport configuration',
    description: 'Quantities are text with a unit, such as "30s" and "4MiB".',
    ...(finish(schema, configSchema) as object),
  }
}

/** The part of the JSON Schema that `schema` became, with ranges in words and with room for references. */
function finish(json: Json, schema: z.core.$ZodType): Json {
  const inner = unwrap(schema)
  if (inner instanceof z.ZodUnion) {
    const options = inner.options.map((option, index) =>
      finish(json.anyOf?.[index] as Json, option),
    )
    return { ...json, anyOf: options }
  }
  if (inner instanceof z.ZodObject) {
    const properties = Object.entries(inner.shape).map(([key, member]) => [
      key,
      finish(json.properties?.[key] as Json, member as z.core.$ZodType),
    ])
    return { ...json, properties: Object.fromEntries(properties) }
  }
  if (inner instanceof z.ZodRecord) {
    return {
      ...json,
      additionalProperties: finish(json.additionalProperties as Json, inner.valueType),
    }
  }
  if (inner instanceof z.ZodArray) {
    return { ...json, items: finish(json.items as Json, inner.element) }
  }
  return allowReference({ ...json, ...rangeInWords(json, schema) })
}

/** A pattern tells an editor the shape of a duration, and only words tell a reader its range. */
function rangeInWords({ description }: Json, schema: z.core.$ZodType): Json {
  if (description === undefined) return {}
  return { description: `${description} Expected: ${notesOf(schema).expected}.` }
}

function allowReference({ enum: choices, minLength, ...json }: Json): Json {
  if (choices !== undefined) {
    return { ...json, anyOf: [{ enum: choices }, { type: 'string', pattern: WHOLE_REFERENCE }] }
  }
  if (json.type === 'integer' || json.type === 'boolean') {
    return { ...json, type: [json.type, 'string'] as never, pattern: WHOLE_REFERENCE }
  }
  if (minLength !== undefined) {
    const texts = [{ minLength }, { pattern: SOME_REFERENCE }]
    return { ...json, anyOf: texts.map((text) => ({ type: 'string', ...text })) }
  }
  return json.pattern === undefined
    ? json
    : { ...json, pattern: `${SOME_REFERENCE}|${json.pattern}` }
}
