// Options of channels: which ones a route has, and the budgets of each.
import { type DocumentOf, flag, integer, section, size, toBytes } from '../../../core/fields.ts'

/** One caller alone, and even three, leave room for others. */
const CALLERS_SHARE = 4

/** Which channels a route takes beside Streamable HTTP. */
export interface ChannelOptions {
  readonly httpSse: boolean
  readonly webSocket: boolean
}

export interface ChannelLimits {
  /** Channels open at once, on all routes together. */
  readonly maxOpen: number
  /** Of these, channels of one caller. */
  readonly maxOpenPerCaller: number
  /** Requests under way at once on one channel. */
  readonly maxCalls: number
  /** One message of a server, which is held until it is whole. */
  readonly maxMessageBytes: number
}

/** Keys of a route. */
export const channelShape = {
  http_sse: flag()
    .default(true)
    .describe(
      'Whether clients of the HTTP+SSE transport (protocol version 2024-11-05) are served: a `GET` that asks for an event stream and names no session gets one that begins with an `endpoint` event. False: such a `GET` goes to the server like any other.',
    ),
  websocket: flag()
    .default(false)
    .describe(
      'Whether clients may open a WebSocket (RFC 6455, HTTP/1.1 only) with subprotocol `mcp`, one message per text message. False: the upgrade is refused with GW_BAD_FRAMING (400).',
    ),
}

const limitsShape = {
  max_open: integer({ min: 1, max: 1_000_000 })
    .default(1_024)
    .describe(
      'Channels open at once, on all routes together. One more is answered with GW_TOO_MANY_CHANNELS (503).',
    ),
  max_open_per_caller: integer({ min: 1, max: 1_000_000 })
    .optional()
    .describe(
      'Of `max_open`, those of one caller: a client certificate where there is one, else an address. Without it a quarter of `max_open`. One more is answered with GW_TOO_MANY_CHANNELS (503). Behind a proxy that ends TLS, all clients come from its address: raise it there.',
    ),
  max_calls: integer({ min: 1, max: 10_000 })
    .default(100)
    .describe(
      'Requests under way at once on one channel. One more is answered with GW_CHANNEL_FULL.',
    ),
  max_message_bytes: size({ min: '1KiB', max: '256MiB' })
    .default('16MiB')
    .describe(
      'Longest message of a server that is passed to a channel, where it is held until it is whole. A longer one is given up with GW_ANSWER_TOO_LARGE.',
    ),
}

/** The key `channels` of `limits`. */
export const channelLimitsSchema = section(limitsShape)

export function toChannelOptions(route: DocumentOf<typeof channelShape>): ChannelOptions {
  return { httpSse: route.http_sse, webSocket: route.websocket }
}

export function toChannelLimits(limits: DocumentOf<typeof limitsShape>): ChannelLimits {
  return {
    maxOpen: limits.max_open,
    maxOpenPerCaller: limits.max_open_per_caller ?? Math.ceil(limits.max_open / CALLERS_SHARE),
    maxCalls: limits.max_calls,
    maxMessageBytes: toBytes(limits.max_message_bytes),
  }
}
