// The head of an endpoint's answer: what it says of the body, and the answers that are refused for their head alone.
import { GatewayError, type RawHeaders } from '../../core/index.ts'
import { HEADER } from '../../wire/index.ts'

const REDIRECT_FLOOR = 300
const REDIRECT_CEILING = 399
const NOT_MODIFIED = 304
const UNAUTHORIZED = 401
const PROXY_AUTHENTICATION_REQUIRED = 407

/** What the head of an answer says to a reader of messages. */
export interface ReadHead {
  readonly contentType: string | undefined
  readonly encoding: string | undefined
  readonly sessionId: string | undefined
}

export function readHead(headers: RawHeaders): ReadHead {
  let contentType: string | undefined
  let encoding: string | undefined
  let sessionId: string | undefined
  for (let at = 0; at < headers.length; at += 2) {
    const key = (headers[at] as string).toLowerCase()
    if (key === 'content-type') contentType = headers[at + 1]
    else if (key === 'content-encoding') encoding = headers[at + 1]
    else if (key === HEADER.sessionId) sessionId = headers[at + 1]
  }
  return { contentType, encoding, sessionId }
}

/** Statuses that speak of another place or of credentials nobody here can give, and bodies that nobody asked for. */
export function refuseHead(status: number, { encoding }: ReadHead): GatewayError | undefined {
  if (status >= REDIRECT_FLOOR && status <= REDIRECT_CEILING && status !== NOT_MODIFIED) {
    const message = `the endpoint answered with a redirect (${status}), which is not followed`
    return new GatewayError('GW_UPSTREAM_REDIRECT', message)
  }
  if (status === UNAUTHORIZED || status === PROXY_AUTHENTICATION_REQUIRED) {
    return new GatewayError('GW_UPSTREAM_AUTH', `the endpoint asks for credentials (${status})`)
  }
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return undefined
  const message = `expected an answer without content coding, got "${encoding}"`
  return new GatewayError('GW_UPSTREAM_PROTOCOL', message)
}
