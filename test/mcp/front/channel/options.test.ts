// The keys of channels: what holds when nothing is said, and what is refused.
import { describe, expect, it } from 'vitest'
import { section } from '../../../../src/core/fields.ts'
import {
  channelLimitsSchema,
  channelShape,
  toChannelLimits,
  toChannelOptions,
} from '../../../../src/mcp/front/channel/options.ts'

describe('the keys of a route', () => {
  const schema = section(channelShape)

  it('serve HTTP+SSE and no WebSocket unless told otherwise', () => {
    expect(toChannelOptions(schema.parse({}))).toEqual({ httpSse: true, webSocket: false })
    const other = schema.parse({ http_sse: false, websocket: true })
    expect(toChannelOptions(other)).toEqual({ httpSse: false, webSocket: true })
  })
})

describe('the limits', () => {
  it('have defaults, and become numbers', () => {
    expect(toChannelLimits(channelLimitsSchema.parse({}))).toEqual({
      maxOpen: 1_024,
      maxOpenPerCaller: 256,
      maxCalls: 100,
      maxMessageBytes: 16_777_216,
    })
  })

  it.each([
    [{ max_open: 4 }, 1],
    [{ max_open: 5 }, 2],
    [{ max_open: 1 }, 1],
    [{ max_open: 4, max_open_per_caller: 3 }, 3],
  ])('leave one caller a quarter of all places, unless told otherwise (%j)', (limits, most) => {
    expect(toChannelLimits(channelLimitsSchema.parse(limits)).maxOpenPerCaller).toBe(most)
  })

  it.each([
    { max_open: 0 },
    { max_open_per_caller: 0 },
    { max_calls: 0 },
    { max_message_bytes: '1B' },
    { max_channels: 1 },
  ])('refuse %j', (limits) => {
    expect(channelLimitsSchema.safeParse(limits).success).toBe(false)
  })
})
