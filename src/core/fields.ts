// The building blocks of the configuration's schema: a zod type per kind of value, each with notes on what it expects and
// whether it may be shown. Every folder's options.ts describes its keys with these; config/ turns the notes into faults.
import { z } from 'zod'
import { DURATION_PATTERN, parseDurationMs, parseSizeBytes, SIZE_PATTERN } from './quantity.ts'

export interface FieldNotes {
  /** Completes "expected …" in a fault, and is the range on the reference page. */
  readonly expected: string
  /** What to do when the value is wrong; without it the fault names the expectation alone. */
  readonly mend?: string
  /**
   * Whether the value may appear in `config show`, in a fault or in the log. Absent: never, so a field that nobody
   * thought about stays hidden. `as-url` hides user info, query and fragment, where credentials like to travel.
   */
  readonly shown?: 'as-is' | 'as-url'
  /** On a union: which option a value was meant to be, so that its faults speak of that one alone. */
  readonly pick?: (value: unknown) => number
}

/** The notes of every field, beside zod's own descriptions: filled while schemas are defined, never afterwards. */
export const fieldNotes = z.registry<FieldNotes>()

function note<T extends z.ZodType>(schema: T, notes: FieldNotes): T {
  fieldNotes.add(schema, notes)
  return schema
}

interface TextRange {
  readonly min: string
  readonly max: string
}

const MS_PER_SECOND = 1_000

/** A duration with its unit, such as `30s`; kept as text in the document. */
export function duration({ min, max }: TextRange): z.ZodString {
  const inRange = between(parseDurationMs, min, max)
  return note(z.string().regex(DURATION_PATTERN).refine(inRange), {
    expected: `a duration from ${min} to ${max}`,
    mend: 'write a number with its unit (ms, s, m, h, d), like "30s"',
    shown: 'as-is',
  })
}

/** A duration for a protocol that counts in seconds: half of one would be sent as 0, which may mean something else. */
export function wholeSeconds({ min, max }: TextRange): z.ZodString {
  const inRange = between(parseDurationMs, min, max)
  const check = (written: string): boolean =>
    inRange(written) && toMs(written) % MS_PER_SECOND === 0
  return note(z.string().regex(DURATION_PATTERN).refine(check), {
    expected: `a duration in whole seconds from ${min} to ${max}`,
    mend: 'write a number with its unit (s, m, h, d), like "365d"',
    shown: 'as-is',
  })
}

/** A size with its unit, such as `1MiB`; kept as text in the document. */
export function size({ min, max }: TextRange): z.ZodString {
  const inRange = between(parseSizeBytes, min, max)
  return note(z.string().regex(SIZE_PATTERN).refine(inRange), {
    expected: `a size from ${min} to ${max}`,
    mend: 'write a number with its unit (B, KiB, MiB, GiB), like "4MiB"',
    shown: 'as-is',
  })
}

function between(
  parse: (written: string) => number | undefined,
  min: string,
  max: string,
): (written: string) => boolean {
  const [from, to] = [parse(min), parse(max)]
  if (from === undefined || to === undefined) throw new Error(`not a range: ${min} to ${max}`)
  return (written) => {
    const value = parse(written)
    return value !== undefined && value >= from && value <= to
  }
}

export function integer({ min, max }: { readonly min: number; readonly max: number }): z.ZodInt {
  return note(z.int().min(min).max(max), {
    expected: `an integer from ${min} to ${max}`,
    mend: 'write a number in that range',
    shown: 'as-is',
  })
}

export function flag(): z.ZodBoolean {
  return note(z.boolean(), {
    expected: 'true or false',
    mend: 'write true or false, without quotes',
    shown: 'as-is',
  })
}

export function choice<const T extends readonly [string, ...string[]]>(values: T) {
  return note(z.enum(values), {
    expected: `one of ${values.join(', ')}`,
    mend: 'choose one of them',
    shown: 'as-is',
  })
}

export interface TextNotes extends FieldNotes {
  /** Shape of the text, also the `pattern` of the JSON Schema. */
  readonly pattern?: RegExp
  /** What the pattern cannot say. */
  readonly check?: (written: string) => boolean
}

/** NUL ends a string in every system call, so a value with one would mean something else than it says. */
const NO_NUL = /^[^\0]*$/

export function text({ pattern = NO_NUL, check, ...notes }: TextNotes): z.ZodString {
  const shaped = z.string().regex(pattern)
  return note(check === undefined ? shaped : shaped.refine(check), notes)
}

/** A path of a file or folder; relative ones start at the folder of the config file. */
export function path(expected: string): z.ZodString {
  return text({ expected, mend: 'write its path', pattern: /^[^\0]+$/, shown: 'as-is' })
}

/** A value that is never shown anywhere. */
export function secret(notes: {
  readonly expected: string
  readonly mend: string
  readonly minLength: number
}): z.ZodString {
  const { expected, mend, minLength } = notes
  return note(z.string().min(minLength), { expected, mend })
}

export interface ListNotes {
  readonly expected: string
  readonly mend?: string
  readonly min?: number
  readonly max?: number
}

export function list<T extends z.ZodType>(element: T, notes: ListNotes): z.ZodArray<T> {
  const { min = 0, max, ...rest } = notes
  const sized = min === 0 ? z.array(element) : z.array(element).min(min)
  return note(max === undefined ? sized : sized.max(max), rest)
}

/** A map with exactly these keys. */
export function section<T extends z.ZodRawShape>(shape: T, expected = 'a map') {
  return note(z.strictObject(shape), { expected, mend: 'write its keys below it, indented' })
}

/** The checked document of a section with these keys. */
export type DocumentOf<T extends z.ZodRawShape> = Readonly<z.output<z.ZodObject<T>>>

/** Adds notes to a schema that none of the makers here fits. */
export const withNotes = note

/** `"30s"` of a checked document as a number. */
export function toMs(checked: string): number {
  return known(parseDurationMs(checked), checked)
}

/** `"1MiB"` of a checked document as a number. */
export function toBytes(checked: string): number {
  return known(parseSizeBytes(checked), checked)
}

function known(value: number | undefined, checked: string): number {
  if (value === undefined) throw new Error(`a quantity that the schema let through: ${checked}`)
  return value
}
