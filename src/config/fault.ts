// A fault of the configuration: where it was written, what was expected, what came, and the mend. cli/ prints it.

/** Where a value was written. */
export type Place =
  | { readonly kind: 'file'; readonly file: string; readonly line: number; readonly column: number }
  | { readonly kind: 'whole-file'; readonly file: string }
  | { readonly kind: 'variable'; readonly variable: string }

/** Keys and list indexes from the top of the document. */
export type Path = readonly (string | number)[]

export interface Fault {
  readonly place: Place
  /** `limits.header_timeout`, `listeners[0].listen`; '' for the document as a whole. */
  readonly path: string
  readonly expected: string
  /** What came instead; never the value of a field that is not declared loggable. */
  readonly got: string
  readonly mend: string
}

/** Something that is valid and still worth a look. */
export interface Warning {
  readonly place: Place
  readonly path: string
  readonly message: string
}

export function formatPath(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (/^[A-Za-z0-9_-]+$/.test(step)) text += text === '' ? step : `.${step}`
    else text += `[${quoteKey(step)}]`
  }
  return text
}

/**
 * A key in quotes, cut where it stops looking like one: `env: {"TOKEN=…"}` is a common slip, and what follows the "=" is
 * as secret as if it stood in its place.
 */
export function quoteKey(key: string): string {
  const [shown = ''] = /^[\w.${}! -]{0,64}/.exec(key) ?? []
  return JSON.stringify(shown === key ? key : `${shown}…`)
}

export function formatPlace(place: Place): string {
  if (place.kind === 'variable') return `environment variable ${place.variable}`
  if (place.kind === 'whole-file') return place.file
  return `${place.file}:${place.line}:${place.column}`
}

/** One line: `file:3:5: limits.header_timeout: expected …, got …; mend`. */
export function formatFault({ place, path, expected, got, mend }: Fault): string {
  const subject = path === '' ? '' : `${path}: `
  return `${formatPlace(place)}: ${subject}expected ${expected}, got ${got}; ${mend}`
}

export function formatWarning({ place, path, message }: Warning): string {
  return `${formatPlace(place)}: ${path === '' ? '' : `${path}: `}${message}`
}

/** In the order of the file, then of the variables. */
export function comparePlaces(a: Place, b: Place): number {
  if (a.kind === 'file' && b.kind === 'file') return a.line - b.line || a.column - b.column
  return rank(a) - rank(b) || formatPlace(a).localeCompare(formatPlace(b))
}

function rank(place: Place): number {
  return ['whole-file', 'file', 'variable'].indexOf(place.kind)
}
