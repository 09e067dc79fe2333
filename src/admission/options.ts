// Options of admission: which Host and Origin a listener answers to.
import { isIP } from 'node:net'
import { type DocumentOf, list, text } from '../core/fields.ts'

export interface HostOriginOptions {
  /** Host names (lower case, no port) that the listener answers for, besides those of its certificate and of loopback. */
  readonly allowedHosts: readonly string[]
  /** Origins (`https://app.example.com`, port included where it is not the default) whose pages may call. */
  readonly allowedOrigins: readonly string[]
}

/** A DNS name (RFC 1123 §2.1, underscores tolerated) or an address, without brackets and port. */
const HOST_PATTERN = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$/

/** A serialised origin (RFC 6454 §6.2): scheme, host, and the port where it is not the default; no path. */
const ORIGIN_PATTERN = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^\s/?#@]+$/

/** The keys of a listener that are about who may call it. */
export const hostOriginShape = {
  allowed_hosts: list(
    text({
      expected: 'a host name or an IP address, without port',
      mend: 'write "mcp.example.com" or "10.0.0.5"',
      pattern: HOST_PATTERN,
      check: isHost,
      shown: 'as-is',
    }),
    { expected: 'a list of host names', mend: 'write [mcp.example.com]' },
  )
    .default([])
    .describe(
      'Host names this listener answers for, besides loopback and the names in its certificate. A request for another one is answered with GW_HOST_NOT_ALLOWED (403), which is what stops DNS rebinding. A plain-HTTP listener beyond loopback needs at least one.',
    ),
  allowed_origins: list(
    text({
      expected: 'an origin: scheme://host or scheme://host:port',
      mend: 'write it as a browser sends it, like "https://app.example.com"',
      pattern: ORIGIN_PATTERN,
      check: isOrigin,
      shown: 'as-url',
    }),
    { expected: 'a list of origins', mend: 'write ["https://app.example.com"]' },
  )
    .default([])
    .describe(
      'Origins whose browser pages may call. A request with another `Origin` header is answered with GW_ORIGIN_NOT_ALLOWED (403); one without the header does not come from a page and passes.',
    ),
}

function isHost(written: string): boolean {
  return !written.includes(':') || isIP(written) === 6
}

function isOrigin(written: string): boolean {
  if (!URL.canParse(written)) return false
  const { pathname, username, password } = new URL(written)
  return (pathname === '/' || pathname === '') && username === '' && password === ''
}

export function toHostOriginOptions(
  document: DocumentOf<typeof hostOriginShape>,
): HostOriginOptions {
  return {
    allowedHosts: document.allowed_hosts.map(canonicalHost),
    allowedOrigins: document.allowed_origins.map(asBrowsersSendIt),
  }
}

/** An IPv6 address has many spellings (RFC 5952 §2); clients' URL parsers send this one. */
function canonicalHost(written: string): string {
  return isIP(written) === 6
    ? new URL(`http://[${written}]`).hostname.slice(1, -1)
    : written.toLowerCase()
}

/** Only for http and https does a URL know its default port and thereby its origin; other schemes keep what was written. */
function asBrowsersSendIt(written: string): string {
  const { origin } = new URL(written)
  return origin === 'null' ? written.toLowerCase() : origin
}
