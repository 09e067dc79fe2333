// Mcp-Param-* headers: which arguments of a tool travel as headers too, as its schema says, and whether headers say the
// same as the arguments (MCP 2026-07-28 transports §Custom headers). What follows from that is the caller's business.
import { decodeHeaderValue, encodeHeaderValue } from './header-value.ts'
import { readValue } from './raw-value.ts'

/** One annotated property of a tool's input schema. */
export interface ParamHeader {
  /** As annotated; the field is `Mcp-Param-` and this, in any case. */
  readonly name: string
  /** Names of properties from the arguments inwards. */
  readonly path: readonly string[]
  readonly type: ParamType
}

type ParamType = 'string' | 'integer' | 'number' | 'boolean'

/** With a fault the whole tool is invalid: a client over HTTP must not use it. */
export type ParamHeaderScan =
  | { readonly headers: readonly ParamHeader[]; readonly fault?: undefined }
  | { readonly headers?: undefined; readonly fault: string }

/** The fields of a message. */
export interface ParamFields {
  header(name: string): string | undefined
  isRepeated(name: string): boolean
}

export interface ParamMismatch {
  /** The field's full name. */
  readonly name: string
  /** What the header says, `(missing)` when there is none, `(malformed)` when it cannot be read. */
  readonly header: string
  /** What the body says. */
  readonly body: string
}

export const PARAM_HEADER_PREFIX = 'Mcp-Param-'

const ANNOTATION = 'x-mcp-header'
/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** The specification leaves `number` out, the conformance suite has it; a reader that takes it breaks nobody. */
const TYPES: ReadonlySet<unknown> = new Set<ParamType>(['string', 'integer', 'number', 'boolean'])
const DECIMAL = /^-?\d+(?:\.\d+)?$/

/** Keywords whose value is a schema or a list of them. An annotation below one could apply to no or to many values. */
const SCHEMA_KEYWORDS = [
  'items',
  'prefixItems',
  'contains',
  'additionalItems',
  'additionalProperties',
  'unevaluatedProperties',
  'unevaluatedItems',
  'propertyNames',
  'oneOf',
  'anyOf',
  'allOf',
  'not',
  'if',
  'then',
  'else',
] as const
/** Likewise, by name. */
const NAMED_SCHEMA_KEYWORDS = [
  'patternProperties',
  'dependentSchemas',
  'dependencies',
  '$defs',
  'definitions',
] as const

/** Reads the annotations of a tool's input schema. A schema without any is fine, whatever else it is. */
export function scanParamHeaders(inputSchema: unknown): ParamHeaderScan {
  const headers: ParamHeader[] = []
  const fault = new Scan(headers).visit(inputSchema, [], true)
  return fault === undefined ? { headers } : { fault }
}

class Scan {
  readonly #headers: ParamHeader[]
  readonly #names = new Set<string>()

  constructor(headers: ParamHeader[]) {
    this.#headers = headers
  }

  /** `isReachable`: by a chain of `properties` alone, so that a path of names leads to one value. */
  visit(node: unknown, path: readonly string[], isReachable: boolean): string | undefined {
    if (typeof node !== 'object' || node === null) return undefined
    const schema = node as Readonly<Record<string, unknown>>
    return (
      (Object.hasOwn(schema, ANNOTATION)
        ? this.#annotation(schema, path, isReachable)
        : undefined) ??
      this.#properties(schema, path, isReachable) ??
      this.#elsewhere(schema, path)
    )
  }

  #annotation(
    schema: Readonly<Record<string, unknown>>,
    path: readonly string[],
    isReachable: boolean,
  ): string | undefined {
    const { type, [ANNOTATION]: name } = schema
    const at = path.join('.')
    if (!isReachable || path.length === 0) {
      return `${at}: ${ANNOTATION} is only for what a chain of properties leads to`
    }
    if (typeof name !== 'string' || !TOKEN.test(name)) {
      return `${at}: ${ANNOTATION} must be a name of a header field`
    }
    if (!TYPES.has(type)) {
      return `${at}: ${ANNOTATION} is only for the types string, integer and boolean`
    }
    const key = name.toLowerCase()
    if (this.#names.has(key)) return `${at}: ${ANNOTATION} "${name}" is there twice`
    this.#names.add(key)
    this.#headers.push({ name, path, type: type as ParamType })
    return undefined
  }

  #properties(
    { properties }: Readonly<Record<string, unknown>>,
    path: readonly string[],
    isReachable: boolean,
  ): string | undefined {
    if (typeof properties !== 'object' || properties === null) return undefined
    for (const [name, child] of Object.entries(properties)) {
      const fault = this.visit(child, [...path, name], isReachable)
      if (fault !== undefined) return fault
    }
    return undefined
  }

  #elsewhere(
    schema: Readonly<Record<string, unknown>>,
    path: readonly string[],
  ): string | undefined {
    for (const keyword of SCHEMA_KEYWORDS) {
      const value = schema[keyword]
      for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) {
        const fault = this.visit(child, [...path, `<${keyword}>`], false)
        if (fault !== undefined) return fault
      }
    }
    for (const keyword of NAMED_SCHEMA_KEYWORDS) {
      for (const child of Object.values(schema[keyword] ?? {})) {
        const fault = this.visit(child, [...path, `<${keyword}>`], false)
        if (fault !== undefined) return fault
      }
    }
    return undefined
  }
}

/** The fields for a call with these arguments: name, value, name, value, …. None for a value that is absent or null. */
export function paramHeaders(declared: readonly ParamHeader[], args: unknown): string[] {
  const fields: string[] = []
  for (const { name, path } of declared) {
    const text = textOf(valueAt(args, path))
    if (text !== undefined) fields.push(PARAM_HEADER_PREFIX + name, encodeHeaderValue(text))
  }
  return fields
}

/** The first field that does not say what the arguments say; undefined when all do. A field without an argument is ignored. */
export function checkParamHeaders(
  declared: readonly ParamHeader[],
  args: unknown,
  fields: ParamFields,
): ParamMismatch | undefined {
  for (const { name: annotated, path, type } of declared) {
    const value = valueAt(args, path)
    const body = textOf(value)
    if (body === undefined) continue
    const name = PARAM_HEADER_PREFIX + annotated
    const key = name.toLowerCase()
    const raw = fields.header(key)
    if (raw === undefined) return { name, header: '(missing)', body }
    // Repeated fields arrive joined by a comma, which a text may hold as well.
    const header = fields.isRepeated(key) ? undefined : decodeHeaderValue(raw)
    if (header === undefined) return { name, header: '(malformed)', body }
    if (!isSame(type, header, body)) return { name, header, body }
  }
  return undefined
}

/** Numbers are compared as such: 42.0 is 42. */
function isSame(type: ParamType, header: string, body: string): boolean {
  if (header === body) return true
  const isNumber = type === 'integer' || type === 'number'
  return isNumber && DECIMAL.test(header) && Number(header) === Number(body)
}

function valueAt(args: unknown, path: readonly string[]): unknown {
  let value = readValue(args)
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  return value
}

/** Undefined for what travels in no header: absent, null, not of a permitted type, an integer beyond ±(2^53−1). */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  const number = numberOf(value)
  if (number === undefined || !Number.isFinite(number)) return undefined
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? undefined : String(number)
}

/** A number, or one that was kept as text because a double would not write it the same way (see `parseLossless`). */
function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== null) {
    return undefined
  }
  const { rawJSON } = value as { readonly rawJSON?: unknown }
  return typeof rawJSON === 'string' ? Number(rawJSON) : undefined
}
