// The codec of Mcp-Name and Mcp-Param-* values: text that a header cannot carry travels as =?base64?…?=
// (MCP 2026-07-28 transports §Header value encoding). Mcp-Method and MCP-Protocol-Version do not use it.
import { isUtf8 } from 'node:buffer'

const PREFIX = '=?base64?'
const SUFFIX = '?='
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const PLAIN = /^[\t\x20-\x7e]*$/

/**
 * The text behind a header value; undefined when it is malformed: bytes outside visible ASCII, or marked as base64 but
 * with a wrong alphabet, wrong padding or not UTF-8. A value with only one of the two marks is taken literally.
 */
export function decodeHeaderValue(value: string): string | undefined {
  if (!PLAIN.test(value)) return undefined
  if (!value.startsWith(PREFIX) || !value.endsWith(SUFFIX)) return value
  if (value.length < PREFIX.length + SUFFIX.length) return value
  const encoded = value.slice(PREFIX.length, -SUFFIX.length)
  if (!BASE64.test(encoded)) return undefined
  const bytes = Buffer.from(encoded, 'base64')
  if (!isUtf8(bytes)) return undefined
  return bytes.toString('utf8')
}

/** The header value for a text: itself where a header can carry it unchanged, else its base64 form. */
export function encodeHeaderValue(text: string): string {
  const isLiteral =
    text.length > 0 &&
    PLAIN.test(text) &&
    text.trim() === text &&
    !(text.startsWith(PREFIX) && text.endsWith(SUFFIX))
  if (isLiteral) return text
  return `${PREFIX}${Buffer.from(text, 'utf8').toString('base64')}${SUFFIX}`
}
