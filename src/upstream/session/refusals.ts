// What callers of a session, or of a child that they share, are told when it cannot serve them.
import { GatewayError } from '../../core/index.ts'
import type { SessionLimits } from '../options.ts'

export function busy(why: string): GatewayError {
  return new GatewayError('GW_UPSTREAM_OVERLOADED', `the server takes no more: ${why}`, {
    retryAfterSeconds: 1,
  })
}

export function timedOut({ responseTimeoutMs }: Pick<SessionLimits, 'responseTimeoutMs'>) {
  return new GatewayError(
    'GW_UPSTREAM_TIMEOUT',
    `the server did not answer within ${responseTimeoutMs} ms (response_timeout)`,
  )
}

export function tooLong({ maxMessageBytes }: Pick<SessionLimits, 'maxMessageBytes'>) {
  return new GatewayError(
    'GW_BODY_TOO_LARGE',
    `expected a message of at most ${maxMessageBytes} bytes (max_message of the server)`,
  )
}

export function unknownSession(): GatewayError {
  return new GatewayError(
    'GW_SESSION_NOT_FOUND',
    'the session is unknown or has ended; initialize again',
  )
}

export function sessionRequired(): GatewayError {
  return new GatewayError(
    'GW_SESSION_REQUIRED',
    'expected the Mcp-Session-Id that initialize was answered with',
  )
}

export function streamConflict(): GatewayError {
  return new GatewayError('GW_STREAM_CONFLICT', 'the session already has an open GET stream')
}

export function eventNotFound(): GatewayError {
  return new GatewayError(
    'GW_EVENT_NOT_FOUND',
    'Last-Event-ID: expected an event of this session that is still kept; what came after it is lost',
  )
}

export function draining(): GatewayError {
  return new GatewayError('GW_DRAINING', 'the gateway is stopping')
}
