// How long a plugin is waited for: until it answers, its time is over, or nobody wants to know any more.
import { type Clock, GatewayError, toGatewayError } from '../core/index.ts'
import { failure } from './hook-answer.ts'

export interface Patience {
  readonly clock: Clock
  readonly timeoutMs: number
  /** Aborted when nobody wants to know any more. */
  readonly signal: AbortSignal
}

/**
 * Rejects as soon as the signal is aborted or the time is over; the signal that `ask` was given is aborted then.
 *
 * @throws GatewayError GW_PLUGIN_FAILED; GW_CLIENT_GONE when the signal was aborted; what `ask` rejects with
 */
export async function inTime<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  { clock, timeoutMs, signal }: Patience,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const own = new AbortController()
  const end = (error: GatewayError): void => {
    reject(error)
    own.abort()
  }
  const onGone = (): void => end(callGone())
  const onLate = (): void => end(failure(`it did not answer within ${timeoutMs} ms`))
  if (signal.aborted) throw callGone()
  const timer = clock.after(timeoutMs, onLate)
  signal.addEventListener('abort', onGone, { once: true })
  ask(own.signal).then(resolve, reject)
  try {
    return await promise
  } catch (thrown) {
    throw toGatewayError(thrown)
  } finally {
    timer.cancel()
    signal.removeEventListener('abort', onGone)
  }
}

export function callGone(): GatewayError {
  return new GatewayError('GW_CLIENT_GONE', 'the call was cancelled while a plugin was asked')
}
