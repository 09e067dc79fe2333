// What an HTTP+SSE endpoint's answers mean when they are not what the transport has.
import { GatewayError, type RawHeaders } from '../../core/index.ts'
import { isEventStream } from '../../wire/index.ts'

/** The failure behind a status that is none of success. */
export function refusalOf(status: number, what: 'event stream' | 'message'): GatewayError {
  if (status >= 300 && status < 400) {
    return new GatewayError(
      'GW_UPSTREAM_REDIRECT',
      `the endpoint answered the ${what} with a redirect (${status}), which is not followed`,
    )
  }
  if (status === 401 || status === 407) {
    return new GatewayError('GW_UPSTREAM_AUTH', `the endpoint asks for credentials (${status})`)
  }
  if (status === 503) {
    return new GatewayError('GW_UPSTREAM_OVERLOADED', `the endpoint refused the ${what} (503)`)
  }
  return new GatewayError('GW_UPSTREAM_BROKEN', `the endpoint refused the ${what} (${status})`)
}

/** The failure behind a 200 that is no event stream. */
export function noEventStream(headers: RawHeaders): GatewayError | undefined {
  const at = headers.findIndex(
    (it, place) => place % 2 === 0 && it.toLowerCase() === 'content-type',
  )
  if (at >= 0 && isEventStream(headers[at + 1])) return undefined
  return new GatewayError('GW_UPSTREAM_BROKEN', 'the endpoint answered GET with no event stream')
}
