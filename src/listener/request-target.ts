// Splits a request target and refuses every form but the plain origin-form, and every spelling that two programs might
// read differently: what the gateway decides on must be what the server behind it would see.

export interface Target {
  /** Without the query; starts with one slash. */
  readonly path: string
  /** With its question mark, or ''. */
  readonly query: string
}

/** Anything but visible ASCII; the backslash, which some programs read as a slash; the fragment, which never travels. */
const UNSAFE_BYTES = /[^\x21-\x7e]|[\\#]/

/** `.` and `..` as whole segments, also percent-encoded and beside an encoded slash (RFC 3986 §5.2.4, §6.2.2). */
const DOT_SEGMENT = /(?:\/|%2f)(?:\.|%2e){1,2}(?:\/|%2f|$)/i

/**
 * Reads `/path?query`. The string is a complaint when it is something else. The absolute-form is refused, although RFC 9112
 * §3.2.2 has servers accept it: it names a host beside the Host header, and no MCP client sends it to a server.
 */
export function readTarget(target: string): Target | string {
  if (!target.startsWith('/')) {
    return 'request target: expected origin-form (/path), got another form (RFC 9112, 3.2)'
  }
  if (UNSAFE_BYTES.test(target)) {
    return 'request target: expected visible ASCII without backslash and fragment'
  }
  const queryAt = target.indexOf('?')
  const path = queryAt === -1 ? target : target.slice(0, queryAt)
  if (path.includes('//')) return 'request target: expected no empty path segment (//)'
  // Most paths have neither character, and two scans for one are cheaper than the expression.
  if ((path.includes('.') || path.includes('%')) && DOT_SEGMENT.test(path)) {
    return 'request target: expected no dot segments (/./ or /../, plain or encoded)'
  }
  return { path, query: queryAt === -1 ? '' : target.slice(queryAt) }
}
