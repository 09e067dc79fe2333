// Gives `port: ${PORT}` the type that the schema wants there: a variable holds text, and the key may take a number.
import { z } from 'zod'
import type { Path } from './fault.ts'
import { schemaAt, unwrap, valueAt } from './schema-walk.ts'

/** Changes the document in place. What does not read as the wanted type stays text, and the schema will object. */
export function typeReferences(
  schema: z.core.$ZodType,
  document: unknown,
  references: readonly Path[],
): void {
  for (const path of references) {
    const text = valueAt(document, path)
    const wanted = schemaAt(schema, document, path)
    // A variable laid over the document may have taken the reference's place.
    if (typeof text !== 'string' || wanted === undefined) continue
    const container = valueAt(document, path.slice(0, -1)) as Record<string | number, unknown>
    container[path.at(-1) ?? ''] = convert(text, unwrap(wanted))
  }
}

function convert(text: string, wanted: z.core.$ZodType): unknown {
  if (wanted instanceof z.ZodNumber && /^-?\d+(?:\.\d+)?$/.test(text)) return Number(text)
  if (wanted instanceof z.ZodBoolean && (text === 'true' || text === 'false'))
    return text === 'true'
  // One of several, such as a name or a number that stands for it.
  if (wanted instanceof z.ZodLiteral && wanted.values.has(Number(text))) return Number(text)
  return text
}
