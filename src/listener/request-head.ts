// The head of a request, checked before anything acts on it: one pass over the fields, the same rules for both HTTP
// versions. Node's parser has refused the syntactically broken by then; here goes what is well-formed but ambiguous.
import { GatewayError, type RawHeaders } from '../core/index.ts'
import type { SocketLimits } from './options.ts'
import { readTarget } from './request-target.ts'

/** What the parser read, named alike for both HTTP versions. */
export interface ParsedHead {
  readonly version: string
  readonly method: string
  readonly target: string
  /** Without pseudo-header fields. */
  readonly headers: RawHeaders
  /** `:authority`; undefined in HTTP/1.1 and where an HTTP/2 client sent Host instead. */
  readonly authority: string | undefined
  /** True when a request for WebSocket may be granted. */
  readonly takesWebSocket?: boolean
}

export interface RequestHead {
  readonly path: string
  readonly query: string
  /** Host and port the request is meant for, never empty. */
  readonly authority: string
  readonly contentLength: number | undefined
  readonly isChunked: boolean
  readonly expectsContinue: boolean
}

/** Host name or address, and a port: no user info, no percent-encoding, nothing that ends an authority early. */
const AUTHORITY = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i

/** TRACE reflects credentials, CONNECT opens a tunnel: neither has business here (RFC 9110 §9.3.6, §9.3.8). */
const REFUSED_METHODS: ReadonlySet<string> = new Set(['TRACE', 'CONNECT'])

/** Content in these has no meaning and is known from request smuggling; it may be refused (RFC 9110 §9.3.1, §9.3.5). */
const METHODS_WITHOUT_CONTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE'])

/** The fields that decide about framing. Their lengths differ, which tells them from most others without lowering names. */
const FRAMING_FIELDS = ['host', 'expect', 'upgrade', 'content-length', 'transfer-encoding'] as const

type FramingField = (typeof FRAMING_FIELDS)[number]

const framingFieldByLength: readonly (FramingField | undefined)[] = Array.from(
  { length: 1 + Math.max(...FRAMING_FIELDS.map((name) => name.length)) },
  (_, length) => FRAMING_FIELDS.find((name) => name.length === length),
)

type FramingValues = { [name in FramingField | 'complaint']: string | undefined }

/**
 * Checks a head. A value instead of an exception, because refusals are daily business: GW_BAD_FRAMING (400) or
 * GW_HEADERS_TOO_LARGE (431).
 *
 * Field values beyond ASCII pass: they are opaque (RFC 9110 §5.5) and cannot change the framing.
 */
export function readHead(parsed: ParsedHead, limits: SocketLimits): RequestHead | GatewayError {
  const { headers, method } = parsed
  if (headers.length > limits.maxHeaders * 2) {
    return new GatewayError(
      'GW_HEADERS_TOO_LARGE',
      `header section: expected at most ${limits.maxHeaders} fields, got ${headers.length / 2}`,
    )
  }
  if (REFUSED_METHODS.has(method)) return refuse(`method ${method} is not served`)
  const target = readTarget(parsed.target)
  if (typeof target === 'string') return refuse(target)
  const values = collect(headers)
  const authority = parsed.authority ?? values.host
  // HTTP/1.0 had no Host; without one there is no telling whom the request is meant for.
  if (authority === undefined) return refuse('Host: expected, got none')
  const complaint =
    values.complaint ?? checkAuthority(authority, values.host) ?? checkContent(parsed, values)
  if (complaint !== undefined) return refuse(complaint)
  const contentLength = values['content-length']
  return {
    path: target.path,
    query: target.query,
    authority,
    contentLength: contentLength === undefined ? undefined : Number(contentLength),
    isChunked: values['transfer-encoding'] !== undefined,
    expectsContinue: values.expect !== undefined,
  }
}

function refuse(complaint: string): GatewayError {
  return new GatewayError('GW_BAD_FRAMING', complaint)
}

function collect(headers: RawHeaders): FramingValues {
  const values: FramingValues = {
    host: undefined,
    expect: undefined,
    upgrade: undefined,
    'content-length': undefined,
    'transfer-encoding': undefined,
    complaint: undefined,
  }
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? ''
    // CGI-like programs read X_Y as X-Y, so a header that was checked under one name would act under another.
    if (name.includes('_')) values.complaint = 'header name: expected no underscore'
    const wanted = framingFieldByLength[name.length]
    if (wanted === undefined || name.toLowerCase() !== wanted) continue
    if (values[wanted] !== undefined) values.complaint = `${wanted}: expected once, got it twice`
    values[wanted] = headers[at + 1] ?? ''
  }
  return values
}

function checkAuthority(authority: string, host: string | undefined): string | undefined {
  if (!AUTHORITY.test(authority)) return 'Host: expected a host name or address and a port'
  if (host !== undefined && host.toLowerCase() !== authority.toLowerCase()) {
    return 'Host: expected the same as :authority (RFC 9113, 8.3.1)'
  }
  return undefined
}

function checkContent(
  { version, method, takesWebSocket = false }: ParsedHead,
  values: FramingValues,
): string | undefined {
  const { expect, upgrade } = values
  const isGranted = takesWebSocket && upgrade?.toLowerCase() === 'websocket'
  if (upgrade !== undefined && !isGranted) return 'Upgrade: not served, h2c neither'
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    return 'Expect: expected 100-continue (RFC 9110, 10.1.1)'
  }
  const [length, coding] = [values['content-length'], values['transfer-encoding']]
  if (coding !== undefined) {
    if (version === '1.0') return 'Transfer-Encoding: not in HTTP/1.0 (RFC 9112, 6.1)'
    if (length !== undefined) return 'expected Content-Length or Transfer-Encoding, got both'
    if (coding.toLowerCase() !== 'chunked') return 'Transfer-Encoding: expected chunked'
  }
  const hasContent = coding !== undefined || Number(length ?? 0) !== 0
  if (hasContent && METHODS_WITHOUT_CONTENT.has(method)) return `${method}: expected no content`
  return undefined
}
