// Walks over JSON text that JSON.parse has accepted: how deep, how many values, and how many members the objects
// have on which decisions hang. Parsing alone cannot tell, because JSON.parse silently keeps the last of two equal keys.

/** What the walk found. `members` counts as written, so a duplicate key makes it larger than the parsed object's own. */
export interface Structure {
  readonly depth: number
  /** Containers plus commas: within one per container of the number of values. */
  readonly elements: number
  readonly rootMembers: number
  readonly paramsMembers: number
  readonly metaMembers: number
}

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/**
 * Walks valid JSON text to its end, in time linear in its length. Stops early, with what it has, once `maxDepth` or
 * `maxElements` is exceeded. `params` and `params._meta` are recognised however their names are escaped.
 */
export function measureStructure(text: string, maxDepth: number, maxElements: number): Structure {
  let depth = 0
  let deepest = 0
  let elements = 0
  let rootMembers = 0
  let paramsMembers = 0
  let metaMembers = 0
  // The name of the member being read at depth 1 and 2; at depth 2 it counts only inside `params`.
  let rootName = ''
  let paramsName = ''
  let lastString = ''

  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === QUOTE) {
      const end = endOfString(text, at)
      if (depth <= 2) lastString = text.slice(at, end + 1)
      at = end
    } else if (unit === COLON) {
      if (depth === 1) {
        rootMembers++
        rootName = nameOf(lastString)
      } else if (depth === 2 && rootName === 'params') {
        paramsMembers++
        paramsName = nameOf(lastString)
      } else if (depth === 3 && rootName === 'params' && paramsName === '_meta') {
        metaMembers++
      }
    } else if (unit === COMMA) {
      elements++
    } else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) {
      elements++
      depth++
      if (depth > deepest) deepest = depth
      if (depth > maxDepth || elements > maxElements) break
    } else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) {
      depth--
    }
  }
  return { depth: deepest, elements, rootMembers, paramsMembers, metaMembers }
}

/** True when valid JSON text is nested deeper than `maxDepth`. */
export function exceedsDepth(text: string, maxDepth: number): boolean {
  // Each level has two brackets, so most messages are too short for it.
  if (text.length <= 2 * maxDepth) return false
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === QUOTE) at = endOfString(text, at)
    else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) depth++
    else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) depth--
    if (depth > maxDepth) return true
  }
  return false
}

/** Index of the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0
  while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++
  return backslashes % 2 === 1
}

/** The member name behind its quotes; a name with an escape is decoded, or it would slip past the comparison. */
function nameOf(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1)
  return String(JSON.parse(quoted))
}
