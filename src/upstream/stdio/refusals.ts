// What callers of a child are told when it cannot serve them.
import { GatewayError } from '../../core/index.ts'
import type { StdioEndpointOptions } from '../options.ts'

export function busy(why: string): GatewayError {
  return new GatewayError('GW_UPSTREAM_OVERLOADED', `the stdio server takes no more: ${why}`, {
    retryAfterSeconds: 1,
  })
}

export function timedOut({ responseTimeoutMs }: StdioEndpointOptions): GatewayError {
  return new GatewayError(
    'GW_UPSTREAM_TIMEOUT',
    `the stdio server did not answer within ${responseTimeoutMs} ms (response_timeout)`,
  )
}

export function tooLong({ maxMessageBytes }: StdioEndpointOptions): GatewayError {
  return new GatewayError(
    'GW_BODY_TOO_LARGE',
    `expected a message of at most ${maxMessageBytes} bytes (max_message_bytes of the endpoint)`,
  )
}

export function unknownSession(): GatewayError {
  return new GatewayError(
    'GW_SESSION_NOT_FOUND',
    'the session is unknown or has ended; initialize again',
  )
}

export function draining(): GatewayError {
  return new GatewayError('GW_DRAINING', 'the gateway is stopping')
}

export function tooOld({ maxLifetimeMs }: StdioEndpointOptions): GatewayError {
  return new GatewayError(
    'GW_CHILD_FAILED',
    `the stdio server was replaced after ${maxLifetimeMs} ms (max_lifetime) with the call under way`,
  )
}
