// Bytes to message and back where messages are changed on their way: numbers keep their digits, and large values that
// nobody needs to look into stay bytes (raw-value.ts).
import { Content } from '../core/index.ts'
import { findLargeValues, type LargeValue } from './large-values.ts'
import { parseLossless } from './lossless-json.ts'
import { RawValue } from './raw-value.ts'
import { inOnePiece } from './scan/json-scan.ts'
import { exceedsDepth } from './structure.ts'

/** A shorter message is parsed as a whole at less than the cost of looking where it is large. */
const MIN_MESSAGE_BYTES = 8_192

type Container = Record<string | number, unknown>

/** The message of a body that was read before, and found to be one. */
export function decodeBody(body: Buffer | Content): unknown {
  const content = body instanceof Content ? body : Content.of(body)
  return decodeMessage(content, inOnePiece(content))
}

/**
 * As `parseLossless`, but some large values are RawValues. `bytes` is what `inOnePiece` gave, and valid UTF-8. Undefined
 * for what is not JSON, or nests deeper than `maxDepth`.
 */
export function decodeMessage(content: Content, bytes: Buffer, maxDepth = Infinity): unknown {
  const large = bytes.length < MIN_MESSAGE_BYTES ? [] : findLargeValues(bytes, maxDepth)
  if (large.length === 0) return decodeText(bytes.toString('utf8'), maxDepth)
  const message = parseLossless(textWithout(large, bytes))
  for (const { path, start, end } of large) put(message, path, new RawValue(content, start, end))
  return message
}

/** The text of a message without its large values, as far as it is ASCII: to look for words in it. */
export function textAround(bytes: Buffer): string {
  const large = bytes.length < MIN_MESSAGE_BYTES ? [] : findLargeValues(bytes, Infinity)
  return textWithout(large, bytes, 'latin1')
}

/** As `parseLossless`, with the same limit and as quiet as `decodeMessage`. */
export function decodeText(text: string, maxDepth: number): unknown {
  try {
    const value = parseLossless(text)
    return exceedsDepth(text, maxDepth) ? undefined : value
  } catch (thrown) {
    // A parser that runs out of stack is one more way to say that it is nested too deep.
    if (thrown instanceof SyntaxError || thrown instanceof RangeError) return undefined
    throw thrown
  }
}

/** With a null in the place of each. */
function textWithout(
  large: readonly LargeValue[],
  bytes: Buffer,
  encoding: 'utf8' | 'latin1' = 'utf8',
): string {
  let text = ''
  let from = 0
  for (const { start, end } of large) {
    text += `${bytes.toString(encoding, from, start)}null`
    from = end
  }
  return text + bytes.toString(encoding, from)
}

function put(message: unknown, path: LargeValue['path'], raw: RawValue): void {
  let inside = message as Container
  const last = path.length - 1
  for (let at = 0; at < last; at++) inside = inside[path[at] as string | number] as Container
  inside[path[last] as string | number] = raw
}
