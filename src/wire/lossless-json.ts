// JSON in and out of values without changing numbers: an integer beyond 2^53 or a decimal with more digits than a double
// holds comes out as it went in. For messages that are decoded, changed and encoded again.

/** A run of digits that a double may not hold; an exponent or a fraction can hide one too, so 15 digits of any kind count. */
const LONG_NUMBER = /[0-9][0-9.]{14,}|[0-9][eE][+-]?[0-9]{2,}/

/** V8 has it since 11.4; TypeScript's library does not declare it yet. */
interface RawJson {
  readonly rawJSON: (this: void, text: string) => unknown
}

const { rawJSON } = JSON as unknown as RawJson

/** As JSON.parse, but numbers that a double cannot hold are kept as text, which JSON.stringify writes as it was. @throws SyntaxError */
export function parseLossless(text: string): unknown {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text) as unknown
  return JSON.parse(text, keepSource) as unknown
}

function keepSource(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || context?.source === undefined) return value
  return String(value) === context.source ? value : rawJSON(context.source)
}
