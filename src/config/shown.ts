// What may be seen of a value: in a fault, and in `config show`. Hidden is the rule, shown the exception that a field's
// notes declare.
import type { FieldNotes } from '../core/fields.ts'

export const HIDDEN = '***'
const MAX_SHOWN_CHARACTERS = 80

/** A URL without what could be a credential; the rest of a malformed one as well. */
function hideInUrl(text: string): string {
  return text
    .replace(/[?#].*$/s, (tail) => `${tail.charAt(0)}${HIDDEN}`)
    .replace(/^([^:/]*:?\/*).*@/s, `$1${HIDDEN}@`)
}

/** The value as `config show` prints it. */
export function toShown(value: unknown, notes: FieldNotes): unknown {
  if (notes.shown === 'as-is') return value
  if (notes.shown === 'as-url' && typeof value === 'string') return hideInUrl(value)
  return HIDDEN
}

/** The value as it stands after "got" in a fault. */
export function describeGot(value: unknown, notes: FieldNotes): string {
  if (value === undefined || value === null) return 'nothing'
  if (Array.isArray(value))
    return value.length === 0 ? 'an empty list' : `a list of ${value.length}`
  if (typeof value === 'object') return Object.keys(value).length === 0 ? 'an empty map' : 'a map'
  if (notes.shown === undefined) return `a ${typeof value} (not shown)`
  const shown = toShown(value, notes)
  if (typeof shown !== 'string') return String(shown)
  // A missing quote can swallow the lines that follow, and with them what must not be shown.
  if (shown.includes('\n')) return 'text of several lines'
  const isLong = shown.length > MAX_SHOWN_CHARACTERS
  return JSON.stringify(isLong ? `${shown.slice(0, MAX_SHOWN_CHARACTERS)}…` : shown)
}
