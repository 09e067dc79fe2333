// Looking up fields in a header section in wire order. A handful of look-ups in a dozen fields is cheaper by walking the
// list than by building a map first, and nothing is lost on the way as in Node's own `headers`.
import type { RawHeaders } from '../core/index.ts'

/** Values of all fields of this lower-case name, joined as RFC 9110 §5.3 says; undefined when there is none. */
export function fieldValue(headers: RawHeaders, name: string): string | undefined {
  let value: string | undefined
  for (let at = 0; at < headers.length; at += 2) {
    if (!isNamed(headers[at], name)) continue
    const next = headers[at + 1] ?? ''
    value = value === undefined ? next : `${value}${separatorOf(name)}${next}`
  }
  return value
}

/** True when there is more than one field of this lower-case name. */
export function isRepeatedField(headers: RawHeaders, name: string): boolean {
  let count = 0
  for (let at = 0; at < headers.length; at += 2) {
    if (isNamed(headers[at], name)) count += 1
  }
  return count > 1
}

function isNamed(field: string | undefined, name: string): boolean {
  if (field?.length !== name.length) return false
  return field === name || field.toLowerCase() === name
}

/** Cookie is the one request field whose parts are separated otherwise (RFC 9113 §8.2.3). */
function separatorOf(name: string): string {
  return name === 'cookie' ? '; ' : ', '
}
