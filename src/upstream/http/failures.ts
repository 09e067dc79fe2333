// What went wrong between us and an HTTP endpoint, as the errors that clients and logs get.
import { GatewayError } from '../../core/index.ts'
import { PeerRefused } from '../../tls/index.ts'
import { AnswerTimeout } from './carrier.ts'

function codeOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  return typeof code === 'string' ? code : ''
}

/** No connection came about: the request provably never left. */
export function connectFailure(cause: Error): GatewayError {
  if (cause instanceof PeerRefused) {
    return new GatewayError('GW_UPSTREAM_TLS', cause.message, { cause: cause.cause })
  }
  const code = codeOf(cause)
  const reason = code === '' ? 'no connection' : code
  return new GatewayError('GW_UPSTREAM_UNREACHABLE', `the endpoint is unreachable (${reason})`, {
    cause,
  })
}

/** The request had left, so it may have run. */
export function answerFailure(cause: Error): GatewayError {
  if (cause instanceof AnswerTimeout) {
    const what =
      cause.phase === 'head'
        ? 'the endpoint did not begin to answer in time'
        : 'the endpoint fell silent within its answer'
    return new GatewayError('GW_UPSTREAM_TIMEOUT', what, { cause })
  }
  return new GatewayError('GW_UPSTREAM_BROKEN', 'the endpoint broke off the call', { cause })
}

export function overloaded(what: string): GatewayError {
  return new GatewayError('GW_UPSTREAM_OVERLOADED', `the endpoint is busy: ${what}`, {
    retryAfterSeconds: 1,
  })
}
