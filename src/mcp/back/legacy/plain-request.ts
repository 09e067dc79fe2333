// A message of the gateway's own to a server, with its answer as a promise: what sessions are begun and kept with. Calls of
// clients are with server-call.ts.
import { GatewayError, type Clock } from '../../../core/index.ts'
import type { RoutedSink } from '../../../routing/index.ts'
import type { UpstreamCall } from '../../../upstream/index.ts'
import { isObject, isRpcId, type JsonObject, type RpcId } from '../../../wire/index.ts'
import { toRpcError } from '../../translate/errors.ts'
import type { RpcError } from '../../view/server-view.ts'
import { AnswerReader, type AnswerHeadSeen } from '../answer-reader.ts'

export interface PlainAnswer {
  readonly head: AnswerHeadSeen | undefined
  readonly result: JsonObject | undefined
  /** The server's own, or an HTTP error's. */
  readonly error: RpcError | undefined
  readonly failure: GatewayError | undefined
}

export interface PlainRequest {
  /** Undefined: a notification or a response, which is over with its HTTP answer. */
  readonly id: RpcId | undefined
  readonly clock: Clock
  readonly timeoutMs: number
  send(sink: RoutedSink): UpstreamCall
  /** A message on the answer's stream that is not the answer. */
  onOther?(message: JsonObject): void
}

/** Never rejects. */
export function sendPlain({
  id,
  clock,
  timeoutMs,
  ...request
}: PlainRequest): Promise<PlainAnswer> {
  const { promise, resolve } = Promise.withResolvers<PlainAnswer>()
  let head: AnswerHeadSeen | undefined
  let result: JsonObject | undefined
  let error: RpcError | undefined
  const settle = (failure?: GatewayError): void => resolve({ head, result, error, failure })
  const over = (failure?: GatewayError): void => {
    timer.cancel()
    settle(failure)
  }
  const reader = new AnswerReader({
    onHead: (seen) => {
      head = seen
    },
    onMessage: (message) => {
      if ('method' in message) request.onOther?.(message)
      else if (message['id'] === id || !isRpcId(message['id'])) {
        if (isObject(message['result'])) result = message['result']
        else error = toRpcError(message['error'])
        // The end of a stream may be long in coming; until then the timer watches it.
        if (id !== undefined) settle()
      }
    },
    onEnd: () => over(),
    onFailure: over,
  })
  const call = request.send(reader)
  reader.attach(call)
  const timer = clock.after(timeoutMs, () => {
    reader.abandon()
    settle(new GatewayError('GW_UPSTREAM_TIMEOUT', `no answer within ${timeoutMs} ms`))
  })
  return promise
}
