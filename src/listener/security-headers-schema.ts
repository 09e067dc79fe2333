// The config keys of a listener's security headers, their defaults, and the header fields they become.
import { choice, type DocumentOf, flag, section, text, toMs, wholeSeconds } from '../core/fields.ts'
import type { RawHeaders } from '../core/index.ts'

const MS_PER_SECOND = 1_000

/** A header field value of visible ASCII and spaces inside: nothing that could end the field (RFC 9110 §5.5). */
const FIELD_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]{0,4094}[\x21-\x7e])?$/

/** Switches a header off. No header here has a value of that name. */
const OFF = 'none'

const hstsShape = {
  enabled: flag()
    .optional()
    .describe(
      'Send `Strict-Transport-Security`. Only a listener with `tls` can: `true` without it is a fault, since the header must not be sent over plain HTTP (RFC 6797). It holds for the host name on every port, so switch it off where other ports of that name speak plain HTTP. Default: true with `tls`, else false.',
    ),
  max_age: wholeSeconds({ min: '0s', max: '3650d' })
    .default('365d')
    .describe('How long browsers remember to use HTTPS only. `0s` makes them forget it.'),
  include_subdomains: flag()
    .default(false)
    .describe('Make the rule hold for every name below the host’s as well.'),
  preload: flag()
    .default(false)
    .describe(
      'Ask to be built into browsers. Takes a `max_age` of at least 365d and `include_subdomains: true`, else it is a fault; hard to take back.',
    ),
}

function policy(expected: string, example: string) {
  return text({
    expected: `${expected}, in visible ASCII on one line, or none`,
    mend: `write it like "${example}"`,
    pattern: FIELD_VALUE,
    shown: 'as-is',
  }).optional()
}

/** For a program’s answers, which load nothing and are framed by nobody. */
const API_CONTENT_POLICY =
  "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const API_PERMISSIONS =
  'accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()'

const securityHeadersShape = {
  hsts: section(hstsShape)
    .prefault({})
    .describe('`Strict-Transport-Security`. A server’s own never passes, whatever is set here.'),
  content_security_policy: policy('a content security policy', "default-src 'none'").describe(
    `\`Content-Security-Policy\`; \`none\` sends none. A server’s own is sent beside it: browsers obey both. Default with \`tls\`: \`${API_CONTENT_POLICY}\`, else \`none\`.`,
  ),
  x_frame_options: choice(['DENY', 'SAMEORIGIN', OFF])
    .optional()
    .describe('`X-Frame-Options`; `none` sends none. Default with `tls`: `DENY`, else `none`.'),
  x_content_type_options: choice(['nosniff', OFF])
    .optional()
    .describe(
      '`X-Content-Type-Options`; `none` sends none. Default: `nosniff`, on plain HTTP as well.',
    ),
  referrer_policy: choice([
    'no-referrer',
    'no-referrer-when-downgrade',
    'same-origin',
    'origin',
    'strict-origin',
    'origin-when-cross-origin',
    'strict-origin-when-cross-origin',
    'unsafe-url',
    OFF,
  ])
    .optional()
    .describe(
      '`Referrer-Policy`; `none` sends none. Default with `tls`: `no-referrer`, else `none`.',
    ),
  permissions_policy: policy('a permissions policy', 'camera=(), microphone=()').describe(
    `\`Permissions-Policy\`; \`none\` sends none. Default with \`tls\`: \`${API_PERMISSIONS}\`, else \`none\`.`,
  ),
}

export const securityHeadersSchema = section(securityHeadersShape)
  .prefault({})
  .describe(
    'Headers on every answer of the listener, errors included, that tell browsers how to treat it. They replace what a server behind sends under the same name. What redirects to the listener sends the same, but for HSTS.',
  )

export type SecurityHeadersDocument = DocumentOf<typeof securityHeadersShape>

/** With the defaults that hang on whether the listener has TLS. */
export function effectiveSecurityHeaders(written: SecurityHeadersDocument, hasTls: boolean) {
  const withTls = <T>(value: T): T | typeof OFF => (hasTls ? value : OFF)
  return {
    hsts: { ...written.hsts, enabled: written.hsts.enabled ?? hasTls },
    content_security_policy: written.content_security_policy ?? withTls(API_CONTENT_POLICY),
    x_frame_options: written.x_frame_options ?? withTls('DENY' as const),
    x_content_type_options: written.x_content_type_options ?? ('nosniff' as const),
    referrer_policy: written.referrer_policy ?? withTls('no-referrer' as const),
    permissions_policy: written.permissions_policy ?? withTls(API_PERMISSIONS),
  }
}

/** The fields as they are sent. */
export function toSecurityHeaders(written: SecurityHeadersDocument, hasTls: boolean): RawHeaders {
  const { hsts, ...policies } = effectiveSecurityHeaders(written, hasTls)
  const fields = hasTls && hsts.enabled ? ['strict-transport-security', hstsValue(hsts)] : []
  for (const [key, value] of Object.entries(policies)) {
    if (value !== OFF) fields.push(key.replaceAll('_', '-'), value)
  }
  return fields
}

function hstsValue(hsts: SecurityHeadersDocument['hsts']): string {
  const maxAge = `max-age=${toMs(hsts.max_age) / MS_PER_SECOND}`
  const flags = [hsts.include_subdomains && 'includeSubDomains', hsts.preload && 'preload']
  return [maxAge, ...flags.filter((it) => it !== false)].join('; ')
}

/** A fault between keys of the section; `path` starts at the section. */
export interface SecurityHeadersProblem {
  readonly path: readonly string[]
  readonly expected: string
  readonly got: string
  readonly mend: string
}

/** The age that the preload list of browsers asks for (https://hstspreload.org/#submission-requirements). */
const PRELOAD_AGE = '365d'

/** What RFC 6797 and the preload list rule out. */
export function checkSecurityHeaders(
  { hsts }: SecurityHeadersDocument,
  hasTls: boolean,
): readonly SecurityHeadersProblem[] {
  const problems: SecurityHeadersProblem[] = []
  if (!hasTls && hsts.enabled === true) {
    problems.push({
      path: ['hsts', 'enabled'],
      expected: 'HSTS only with tls (RFC 6797, 7.2)',
      got: 'true on a plain-HTTP listener',
      mend: 'add tls, or remove it',
    })
  }
  if (!hsts.preload) return problems
  const preload = { path: ['hsts', 'preload'], got: 'true', mend: 'add it, or remove preload' }
  if (hsts.enabled === false || !hasTls) {
    const mend = 'remove preload'
    problems.push({ ...preload, expected: 'preload only where HSTS is sent', mend })
  }
  if (!hsts.include_subdomains) {
    problems.push({ ...preload, expected: 'preload only with include_subdomains: true' })
  }
  if (toMs(hsts.max_age) < toMs(PRELOAD_AGE)) {
    problems.push({
      path: ['hsts', 'max_age'],
      expected: `at least ${PRELOAD_AGE} with preload`,
      got: JSON.stringify(hsts.max_age),
      mend: 'raise it, or remove preload',
    })
  }
  return problems
}
