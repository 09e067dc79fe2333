// What a message posted to a channel has to come as: the same as one posted to the endpoint, where its own virtual exchange
// cannot be refused for it any more.
import { type Exchange, GatewayError } from '../../../core/index.ts'

const JSON_MEDIA_TYPE = /^application\/json(?:\s*;.*)?$/i
const CONTENT_CODING_NONE = 'identity'

/** @throws GatewayError GW_UNSUPPORTED_MEDIA_TYPE */
export function checkContent(exchange: Exchange): void {
  const type = exchange.header('content-type')
  const coding = exchange.header('content-encoding') ?? CONTENT_CODING_NONE
  const isJson = type !== undefined && JSON_MEDIA_TYPE.test(type)
  if (isJson && coding.toLowerCase() === CONTENT_CODING_NONE) return
  throw new GatewayError(
    'GW_UNSUPPORTED_MEDIA_TYPE',
    'expected Content-Type application/json and no Content-Encoding',
  )
}
