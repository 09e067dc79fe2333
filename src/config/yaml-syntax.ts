// What the YAML parser's errors mean, in our own words: its messages quote the source, which may hold a secret.
import type { ErrorCode } from 'yaml'

interface SyntaxProblem {
  readonly got: string
  readonly mend: string
}

const LINE_UP = 'line up the keys of a map, and the "-" of a list, in one column'
const NO_SUCH_FEATURE = 'leave out tags, anchors and directives here'

const problems: Readonly<Record<ErrorCode, SyntaxProblem>> = {
  TAB_AS_INDENT: { got: 'a tab as indentation', mend: 'indent with spaces' },
  BAD_INDENT: { got: 'indentation that does not fit', mend: LINE_UP },
  MISSING_CHAR: {
    got: 'a place where a character is missing',
    mend: 'look for a missing quote, bracket, comma or ":"',
  },
  UNEXPECTED_TOKEN: {
    got: 'something that does not belong here',
    mend: 'put text with special characters in quotes',
  },
  BAD_SCALAR_START: {
    got: 'text that starts with a special character',
    mend: 'put it in quotes',
  },
  BAD_DQ_ESCAPE: {
    got: 'an unknown escape in double quotes',
    mend: 'write \\\\ for a backslash, or use single quotes',
  },
  MULTILINE_IMPLICIT_KEY: { got: 'a key over several lines', mend: LINE_UP },
  BLOCK_AS_IMPLICIT_KEY: {
    got: 'a map or list where a value should be',
    mend: 'put it on a line of its own, indented',
  },
  BLOCK_IN_FLOW: { got: 'an indented map or list inside [ ] or { }', mend: 'use one style' },
  MULTIPLE_DOCS: { got: 'a second document', mend: 'remove the "---" line' },
  KEY_OVER_1024_CHARS: {
    got: 'a key of more than 1024 characters',
    mend: 'look for a missing quote',
  },
  NON_STRING_KEY: { got: 'a key that is not text', mend: 'write the key as plain text' },
  BAD_ALIAS: {
    got: 'an alias or anchor that cannot be resolved',
    mend: 'define &name before *name',
  },
  ALIAS_PROPS: { got: 'an alias with a tag or anchor', mend: NO_SUCH_FEATURE },
  BAD_COLLECTION_TYPE: { got: 'a tag that does not fit', mend: NO_SUCH_FEATURE },
  BAD_DIRECTIVE: { got: 'an unknown directive', mend: NO_SUCH_FEATURE },
  BAD_PROP_ORDER: { got: 'a tag or anchor in the wrong place', mend: NO_SUCH_FEATURE },
  MULTIPLE_ANCHORS: { got: 'two anchors on one value', mend: NO_SUCH_FEATURE },
  MULTIPLE_TAGS: { got: 'two tags on one value', mend: NO_SUCH_FEATURE },
  TAG_RESOLVE_FAILED: { got: 'an unknown tag', mend: 'remove the "!…"' },
  RESOURCE_EXHAUSTION: { got: 'too deep a nesting', mend: 'flatten it' },
  IMPOSSIBLE: { got: 'text the parser cannot read', mend: 'rewrite the lines around it' },
  DUPLICATE_KEY: { got: 'a key a second time', mend: 'remove one of the two' },
}

/** `line` is the source line the error is on; it is looked at and never quoted. */
export function describeSyntax(code: ErrorCode, line: string): SyntaxProblem {
  const problem = problems[code]
  // Braces end plain text inside a flow collection, so ${NAME} falls apart there: the most likely cause on such a line.
  if (/[[{,]\s*\$\{|\{.*:\s+\$\{/.test(line)) {
    return { got: problem.got, mend: 'inside [ ] and { }, write "${NAME}" in quotes' }
  }
  return problem
}
