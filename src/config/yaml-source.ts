// Text of a config file → plain values with the place of each, and what is wrong with it as YAML. What the values mean is
// the schema's business.
import { type ErrorCode, LineCounter, parseDocument, type YAMLError } from 'yaml'
import type { Environment } from './expand.ts'
import type { Fault, Path, Place } from './fault.ts'
import type { Places } from './places.ts'
import { YamlReader } from './yaml-reader.ts'
import { describeSyntax } from './yaml-syntax.ts'

/** One mistake often breaks all that follows; what comes after the first few errors is noise. */
const MAX_SYNTAX_FAULTS = 10

export interface YamlSource {
  /** Maps have no prototype. Undefined when the text is empty. */
  readonly value: unknown
  readonly places: Places
  /** Where a text was nothing but one `${NAME}`. */
  readonly references: readonly Path[]
  readonly faults: readonly Fault[]
  /** First line the parser could not read: what follows it is a guess. */
  readonly brokenFromLine: number | undefined
}

export function readYaml(text: string, file: string, env: Environment): YamlSource {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: false,
    version: '1.2',
  })
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { kind: 'file', file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const reader = new YamlReader(document, env, placeAt)
  const value = reader.read()
  // A missing quote is found lines below, where the text cannot go on; it is missing where the text begins.
  const startOf = ({ pos: [offset] }: YAMLError): number => {
    const start = reader.startOfText(offset)
    return text.slice(start, offset).includes('\n') ? start : offset
  }
  const broken = document.errors.map(startOf).toSorted((a, b) => a - b)[0]
  const errors = [...document.errors, ...document.warnings].map((error) => {
    return { code: error.code, offset: startOf(error) }
  })
  return {
    value,
    places: reader.places,
    references: reader.references,
    faults: [...syntaxFaults(errors, text, placeAt), ...reader.faults],
    brokenFromLine: broken === undefined ? undefined : lines.linePos(broken).line,
  }
}

interface LocatedError {
  readonly code: ErrorCode
  readonly offset: number
}

function syntaxFaults(
  errors: readonly LocatedError[],
  text: string,
  placeAt: (offset: number) => Place,
): Fault[] {
  const byLine = new Map<number, Fault>()
  for (const { code, offset } of errors.toSorted((a, b) => a.offset - b.offset)) {
    const place = placeAt(offset)
    if (place.kind !== 'file' || byLine.has(place.line)) continue
    const line = text.split('\n')[place.line - 1] ?? ''
    byLine.set(place.line, {
      place,
      path: '',
      expected: 'valid YAML',
      ...describeSyntax(code, line),
    })
  }
  return [...byLine.values()].slice(0, MAX_SYNTAX_FAULTS)
}
