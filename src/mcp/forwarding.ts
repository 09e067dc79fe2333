// Which header fields pass the gateway, in each direction. Everything end-to-end does, apart from credentials, what
// only a trusted terminator may say about the client, and what would lead clients around the gateway.
import type { Exchange, RawHeaders } from '../core/index.ts'
import { HEADER } from '../wire/index.ts'
import { CLIENT_IDENTITY_FIELD, clientIdentity } from './client-identity.ts'

/** Fields of one connection only (RFC 9110 §7.6.1), in both directions. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

const NOT_TO_ENDPOINT: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  // The next connection has its own.
  'host',
  'content-length',
  'expect',
  'via',
  // Credentials for the gateway are not credentials for the server (MCP authorization §Token passthrough).
  'authorization',
  'cookie',
  // Anyone can write these; only a trusted proxy's word would count.
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-proto',
  'x-real-ip',
  // Likewise of the client's certificate: RFC 9440 §2.4 wants them dropped, and the others are what proxies write.
  'client-cert',
  'client-cert-chain',
  CLIENT_IDENTITY_FIELD,
  'x-client-verify',
  'x-client-dn',
  'x-client-san',
  // Replaced by the endpoint's own session id, where there is one.
  HEADER.sessionId,
])

const NOT_TO_CLIENT: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  // Cookies are not passed on, so a server must not set them for all others on this origin.
  'set-cookie',
  // Would send the client to the server past the gateway (RFC 7838), or to its authorization server.
  'alt-svc',
  'www-authenticate',
  // Sealed and added again.
  HEADER.sessionId,
])

/** Request fields for the endpoint, in the client's order and case, with `via` and the endpoint's session id added. */
export function requestHeaders(
  exchange: Pick<Exchange, 'rawHeaders' | 'header' | 'httpVersion' | 'listener' | 'peer'>,
  viaName: string,
  sessionId: string | undefined,
): RawHeaders {
  const nominated = connectionOptions(exchange.header('connection'))
  const headers: string[] = []
  const { rawHeaders } = exchange
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    const key = name.toLowerCase()
    if (NOT_TO_ENDPOINT.has(key) || name.startsWith(':') || nominated?.has(key) === true) continue
    headers.push(name, rawHeaders[at + 1] as string)
  }
  // RFC 9110 §7.6.3: an intermediary adds itself, after those before it.
  const before = exchange.header('via')
  const own = `${exchange.httpVersion} ${viaName}`
  headers.push('via', before === undefined ? own : `${before}, ${own}`)
  if (sessionId !== undefined) headers.push(HEADER.sessionId, sessionId)
  const { listener, peer } = exchange
  // What nobody has verified is no identity.
  if (listener.forwardsPeer && peer?.verified === true) {
    headers.push(CLIENT_IDENTITY_FIELD, clientIdentity(peer))
  }
  return headers
}

/** What a message that the gateway writes itself says in its own words: content, what may come back, and MCP's headers. */
const OF_THE_MESSAGE: ReadonlySet<string> = new Set([
  'content-type',
  'content-encoding',
  'accept',
  'accept-encoding',
  'last-event-id',
])

/** The fields that go along with whatever the gateway asks an endpoint on behalf of an exchange. */
export function originHeaders(
  exchange: Parameters<typeof requestHeaders>[0],
  viaName: string,
): RawHeaders {
  const all = requestHeaders(exchange, viaName, undefined)
  const kept: string[] = []
  for (let at = 0; at < all.length; at += 2) {
    const name = all[at] as string
    const key = name.toLowerCase()
    if (OF_THE_MESSAGE.has(key) || key.startsWith('mcp-')) continue
    kept.push(name, all[at + 1] as string)
  }
  return kept
}

/** What the head of an answer says to the gateway itself. */
export interface AnswerHead {
  /** Fields for the client. */
  readonly headers: string[]
  readonly contentType: string | undefined
  readonly isEncoded: boolean
  /** The endpoint's own session id. */
  readonly sessionId: string | undefined
}

/** Answer fields for the client, in the endpoint's order. */
export function answerHead(raw: RawHeaders): AnswerHead {
  const headers: string[] = []
  let nominated: ReadonlySet<string> | undefined
  let contentType: string | undefined
  let sessionId: string | undefined
  let isEncoded = false
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] as string
    const value = raw[at + 1] as string
    const key = name.toLowerCase()
    if (key === 'content-type') contentType = value
    else if (key === 'content-encoding') isEncoded = true
    else if (key === HEADER.sessionId) sessionId = value
    else if (key === 'connection') nominated = connectionOptions(value)
    if (!NOT_TO_CLIENT.has(key)) headers.push(name, value)
  }
  return {
    headers: nominated === undefined ? headers : without(headers, nominated),
    contentType,
    isEncoded,
    sessionId,
  }
}

/** True when this gateway is already among those the request came through. */
export function hasPassed(via: string, viaName: string): boolean {
  return via.split(',').some((entry) => entry.trim().split(/\s+/)[1] === viaName)
}

/** The fields that a Connection header declares to be of this connection only; undefined when there are none to drop. */
function connectionOptions(value: string | undefined): ReadonlySet<string> | undefined {
  if (value === undefined || value === 'keep-alive' || value === 'close') return undefined
  return new Set(value.split(',').map((option) => option.trim().toLowerCase()))
}

function without(headers: readonly string[], names: ReadonlySet<string>): string[] {
  return headers.filter((_, at) => !names.has((headers[at - (at % 2)] ?? '').toLowerCase()))
}
