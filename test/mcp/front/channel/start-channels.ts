// A listener with channels before a handler of the test's choice, put together as the gateway does it.
import { HostOriginCheck } from '../../../../src/admission/index.ts'
import { GatewayError, systemClock, type Clock, type Exchange } from '../../../../src/core/index.ts'
import { answerError } from '../../../../src/mcp/error-answer.ts'
import { Channels, type ChannelReport } from '../../../../src/mcp/front/channel/channels.ts'
import type { ChannelLimits, ChannelOptions } from '../../../../src/mcp/front/channel/options.ts'
import type { McpLimits } from '../../../../src/mcp/options.ts'
import {
  startListener,
  type TestListener,
  type TestListenerOptions,
} from '../../../listener/start-listener.ts'

export interface TestRoute {
  readonly path: string
}

export interface TestChannelsOptions {
  /** The endpoint: gets what is not a channel's, and the virtual exchanges. */
  readonly handle: (exchange: Exchange) => void
  readonly listener?: TestListenerOptions
  readonly options?: Partial<ChannelOptions>
  readonly limits?: Partial<McpLimits>
  readonly channelLimits?: Partial<ChannelLimits>
  readonly clock?: Clock
}

export interface TestChannels {
  readonly listener: TestListener
  readonly channels: Channels<TestRoute>
  /** Such as http://127.0.0.1:1234; the routes are /mcp and /other. */
  readonly url: string
  /** Everything that the endpoint got. */
  readonly handled: readonly Exchange[]
  readonly reports: readonly ChannelReport<TestRoute>[]
  /** Channels opened and closed, such as +http-sse. */
  readonly counts: readonly string[]
}

const LIMITS: McpLimits = {
  maxBodyBytes: 100_000,
  maxJsonDepth: 64,
  maxJsonElements: 65_536,
  keepAliveMs: 15_000,
  abandonedCallTimeoutMs: 300_000,
}

const CHANNEL_LIMITS: ChannelLimits = {
  maxOpen: 100,
  maxOpenPerCaller: 100,
  maxCalls: 100,
  maxMessageBytes: 1_000_000,
}

const ROUTES: readonly TestRoute[] = [{ path: '/mcp' }, { path: '/other' }]

export async function startChannels(test: TestChannelsOptions): Promise<TestChannels> {
  const handled: Exchange[] = []
  const reports: ChannelReport<TestRoute>[] = []
  const counts: string[] = []
  const handle = (exchange: Exchange): void => {
    handled.push(exchange)
    test.handle(exchange)
  }
  const channels = new Channels<TestRoute>({
    clock: test.clock ?? systemClock,
    limits: { ...LIMITS, ...test.limits },
    channelLimits: { ...CHANNEL_LIMITS, ...test.channelLimits },
    keys: ['a key for tests, long enough for all'],
    optionsOf: () => ({ httpSse: true, webSocket: true, ...test.options }),
    handle,
    onOpen: (kind) => counts.push(`+${kind}`),
    onClose: (kind) => counts.push(`-${kind}`),
    onOver: (report) => reports.push(report),
  })
  const hostOrigin = new HostOriginCheck({
    boundHost: '127.0.0.1',
    certificateHosts: [],
    allowedHosts: [],
    allowedOrigins: [],
  })
  const listener = await startListener({
    webSocket: true,
    onExchange: (exchange) => {
      const route = ROUTES.find(({ path }) => path === exchange.path)
      const error =
        hostOrigin.refuse(exchange) ??
        (route === undefined ? new GatewayError('GW_NO_ROUTE', 'no such route') : undefined)
      if (error !== undefined || route === undefined) {
        answerError(exchange, error ?? new GatewayError('GW_NO_ROUTE', 'no such route'))
      } else if (!channels.take(exchange, route)) handle(exchange)
    },
    ...test.listener,
  })
  const url = `http://127.0.0.1:${listener.port}`
  return { listener, channels, url, handled, reports, counts }
}
