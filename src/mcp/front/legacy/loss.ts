// How a legacy client learns that messages of a stream are gone for good: in words it can show, and as an error where it
// waits for an answer. The protocol has no signal of its own for it.
import type { RpcId } from '../../../wire/index.ts'
import { RPC_CODE } from '../../translate/errors.ts'
import { isAtLeast } from '../../translate/log-levels.ts'

const LEVEL = 'warning'

/** A log message, at a level that the client has not turned off. */
export function lossNotice(missed: number, threshold: string | undefined): string {
  const isHeard = threshold === undefined || isAtLeast(LEVEL, threshold)
  const messages = missed === 1 ? '1 message' : `${missed} messages`
  const params = {
    level: isHeard ? LEVEL : threshold,
    logger: 'sallyport',
    data: `${messages} of this stream can no longer be replayed`,
  }
  return JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params })
}

/** Stands in for a response that is no longer kept. */
export function lostAnswer(id: RpcId): string {
  const error = {
    code: RPC_CODE.internal,
    message: 'the call was answered, but the answer is no longer kept for a client that resumes',
  }
  return JSON.stringify({ jsonrpc: '2.0', id, error })
}
