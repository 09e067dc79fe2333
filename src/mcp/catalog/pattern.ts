// Whether a text fits a pattern with gaps, in time linear in both: globs of the configuration, and URI templates, which come
// from servers and meet URIs from clients, so that backtracking would be a way to keep the gateway busy.

/** A stretch of text that a pattern leaves open. */
interface Gap {
  /** Characters that may not be in it. */
  readonly not: string
  readonly minChars: 0 | 1
  readonly maxChars: 1 | undefined
  /** What it begins with, if it is not empty. */
  readonly first: string | undefined
}

type Token = string | Gap

const ANY: Gap = { not: '', minChars: 0, maxChars: undefined, first: undefined }
const ONE: Gap = { not: '', minChars: 1, maxChars: 1, first: undefined }

/** A text longer than this fits no pattern. */
const MAX_TEXT_CHARS = 8_192

export class Pattern {
  readonly #tokens: readonly Token[]
  /** How much of the pattern is fixed: of two that fit, the one with more says more. */
  readonly literalChars: number

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
    this.literalChars = tokens.reduce(
      (sum, it) => sum + (typeof it === 'string' ? it.length : 0),
      0,
    )
  }

  matches(text: string): boolean {
    const [first] = this.#tokens
    if (first === undefined) return text === ''
    if (text.length > MAX_TEXT_CHARS) return false
    if (typeof first === 'string' && !text.startsWith(first)) return false
    // At each place of the text: whether the tokens so far can end there.
    let reached = new Uint8Array(text.length + 1)
    reached[0] = 1
    for (const token of this.#tokens) {
      reached =
        typeof token === 'string' ? past(token, text, reached) : across(token, text, reached)
    }
    return reached[text.length] === 1
  }
}

function past(literal: string, text: string, from: Uint8Array): Uint8Array<ArrayBuffer> {
  const to = new Uint8Array(from.length)
  for (let at = from.indexOf(1); at >= 0; at = from.indexOf(1, at + 1)) {
    if (text.startsWith(literal, at)) to[at + literal.length] = 1
  }
  return to
}

function across(gap: Gap, text: string, from: Uint8Array): Uint8Array<ArrayBuffer> {
  const to = new Uint8Array(from.length)
  let isInside = false
  for (let at = 0; at < from.length; at++) {
    if (gap.minChars === 0 && from[at] === 1) to[at] = 1
    const character = text[at]
    if (character === undefined) break
    const begins = from[at] === 1 && (gap.first === undefined || gap.first === character)
    isInside = (begins || (isInside && gap.maxChars === undefined)) && !gap.not.includes(character)
    if (isInside) to[at + 1] = 1
  }
  return to
}

/** `*` stands for any characters, `?` for one; everything else for itself. */
export function globPattern(glob: string): Pattern {
  const tokens: Token[] = []
  for (const part of glob.split(/([*?])/)) {
    if (part === '*') tokens.push(ANY)
    else if (part === '?') tokens.push(ONE)
    else if (part !== '') tokens.push(part)
  }
  return new Pattern(tokens)
}

/** What an expression may expand to, by its operator (RFC 6570 §3.2). */
const EXPANSIONS: Readonly<Record<string, readonly Token[]>> = {
  '+': [{ ...ANY, minChars: 1 }],
  '#': [{ ...ANY, first: '#' }],
  '.': ['.', { ...ANY, not: '/?#', minChars: 1 }],
  '/': ['/', { ...ANY, not: '?#', minChars: 1 }],
  ';': [{ ...ANY, not: '/?#', first: ';' }],
  '?': [{ ...ANY, not: '#', first: '?' }],
  '&': [{ ...ANY, not: '#', first: '&' }],
}
const SIMPLE: readonly Token[] = [{ ...ANY, not: '/?#', minChars: 1 }]

/** The URIs that a template may expand to, and a few more: values are not looked into. */
export function uriTemplatePattern(template: string): Pattern {
  const tokens: Token[] = []
  for (const part of template.split(/(\{[^{}]+\})/)) {
    if (part === '') continue
    const isExpression = part.startsWith('{') && part.endsWith('}') && part.length > 2
    if (isExpression) tokens.push(...(EXPANSIONS[part[1] as string] ?? SIMPLE))
    else tokens.push(part)
  }
  return new Pattern(tokens)
}
