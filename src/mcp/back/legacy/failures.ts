// What callers are told when a legacy server's session, or its answer, is not what it should be.
import { GatewayError, type ErrorCode } from '../../../core/index.ts'
import { RPC_CODE } from '../../translate/errors.ts'
import type { RpcError } from '../../view/server-view.ts'
import type { Fate } from './call-reader.ts'

/** Failures after which there is no session any more. */
const ENDS_SESSION: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'GW_CHILD_FAILED',
  'GW_SESSION_NOT_FOUND',
  'GW_UPSTREAM_TLS',
  'GW_UPSTREAM_UNREACHABLE',
])

/** What servers say who do not begin sessions. */
const OF_ANOTHER_ERA: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'GW_UNSUPPORTED_VERSION',
  'GW_UPSTREAM_INITIALIZE',
  'GW_WRONG_ERA',
])

/** What a server is told whose question nobody will answer. */
export const GIVEN_UP: RpcError = {
  code: RPC_CODE.internal,
  message: 'the client has given up the call',
}

export function isOfAnotherEra({ code }: GatewayError): boolean {
  return OF_ANOTHER_ERA.has(code)
}

export function endsSession({ code }: GatewayError): boolean {
  return ENDS_SESSION.has(code)
}

/** Whether a request has left, as far as the failure tells. */
export function fateOf(failure: GatewayError): Fate {
  return endsSession(failure) && failure.retry === 'safe' ? 'unsent' : 'unknown'
}

/** 404 to a request of a session (MCP 2025-11-25 transports §Session management). */
export function sessionLost(cause?: GatewayError): GatewayError {
  const message = 'the server does not know the session any more and refused the call'
  return new GatewayError('GW_UPSTREAM_SESSION_LOST', message, { ...(cause && { cause }) })
}

/** An error status without an answer to the request. */
export function refusedWith(status: number, error: RpcError | undefined): GatewayError {
  return new GatewayError(
    'GW_UPSTREAM_STATUS',
    `the endpoint answered ${status} without an answer to the request`,
    { data: { status, ...(error && { upstreamCode: error.code }) } },
  )
}

/** An answer in good order in which the answer was not. */
export function noAnswer(): GatewayError {
  return new GatewayError(
    'GW_UPSTREAM_BROKEN',
    'the endpoint ended its answer before it had answered the request',
  )
}

export function notInitialized(why: string, error?: RpcError | GatewayError): GatewayError {
  const isFailure = error instanceof GatewayError
  return new GatewayError(
    'GW_UPSTREAM_INITIALIZE',
    `the server did not initialize a session: ${why}`,
    {
      ...(isFailure && { cause: error }),
      ...(error !== undefined && !isFailure && { data: { upstreamCode: error.code } }),
    },
  )
}

export function tooManySessions(limit: string): GatewayError {
  return new GatewayError(
    'GW_UPSTREAM_OVERLOADED',
    `all sessions with the server are in use (${limit})`,
    { retryAfterSeconds: 1 },
  )
}

export function tooManyListeners(): GatewayError {
  return new GatewayError(
    'GW_UPSTREAM_OVERLOADED',
    'the caller has too many subscriptions with this server',
  )
}

export function tooLargeToHold(): GatewayError {
  return new GatewayError(
    'GW_UPSTREAM_OVERLOADED',
    'the server answered while the call waited for input, with more than could be held',
  )
}

export function closing(): GatewayError {
  return new GatewayError('GW_DRAINING', 'the gateway is stopping')
}
