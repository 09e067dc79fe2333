// Both fronts of the working lane on a real listener, before a view of the test's making.
import { onTestFinished } from 'vitest'
import { systemClock, toGatewayError, type Clock, type Exchange } from '../../../src/core/index.ts'
import { answerError } from '../../../src/mcp/error-answer.ts'
import { LegacyFront } from '../../../src/mcp/front/legacy/index.ts'
import { ModernFront } from '../../../src/mcp/front/modern/index.ts'
import type { FrontOptions } from '../../../src/mcp/front/options.ts'
import type { FrontVisit } from '../../../src/mcp/front/visit.ts'
import { readInbound } from '../../../src/mcp/inbound.ts'
import type { ServerView } from '../../../src/mcp/view/server-view.ts'
import type { CallOutcome } from '../../../src/mcp/visit.ts'
import type { SocketLimits } from '../../../src/listener/index.ts'
import { startListener } from '../../listener/start-listener.ts'

export interface TestFrontsOptions {
  readonly view: ServerView
  readonly clock?: Clock
  readonly options?: Partial<FrontOptions>
  readonly keepAliveMs?: number
  readonly abandonedCallTimeoutMs?: number
  readonly socketLimits?: Partial<SocketLimits>
}

export interface TestFronts {
  /** Any path is a route of its own. */
  readonly url: string
  readonly port: number
  readonly modern: ModernFront
  readonly legacy: LegacyFront
  /** Exchanges that are over, in that order. */
  readonly overs: readonly { readonly outcome: CallOutcome; readonly code: string | undefined }[]
  /** Exchanges that are not. */
  readonly underWay: () => number
  /** Event streams that are open. */
  readonly streams: () => number
}

const OPTIONS: FrontOptions = {
  maxSessions: 100,
  sessionIdleTimeoutMs: 600_000,
  replay: { maxBytes: 65_536, maxAgeMs: 60_000 },
  answerTimeoutMs: 60_000,
  maxSubscriptions: 100,
  maxSubscriptionsPerCaller: 100,
}
const LIMITS = { maxJsonDepth: 64, maxJsonElements: 65_536 }
const MAX_BODY_BYTES = 8 * 1_048_576
const SESSION_KEY = 'a session key for tests, long enough'

/** The caller is whoever the header `test-caller` names. */
export async function startFronts(test: TestFrontsOptions): Promise<TestFronts> {
  const { view, clock = systemClock } = test
  const { keepAliveMs = 15_000, abandonedCallTimeoutMs = 300_000 } = test
  const options = { ...OPTIONS, ...test.options }
  const limits = { keepAliveMs, abandonedCallTimeoutMs }
  const modern = new ModernFront({ clock, limits, options })
  const legacy = new LegacyFront({ clock, limits, options, keys: [SESSION_KEY] })
  const overs: { outcome: CallOutcome; code: string | undefined }[] = []
  let underWay = 0
  let streams = 0
  const visitOf = (exchange: Exchange, body?: Buffer): FrontVisit => ({
    exchange,
    route: exchange.path,
    view,
    tools: undefined,
    inbound: body && readInbound(exchange, body, LIMITS),
    body,
    callerKey: exchange.header('test-caller') ?? 'anyone',
    identity: exchange.header('test-caller'),
    headers: ['x-seen', exchange.header('x-seen') ?? ''],
    onStreamOpen: () => void streams++,
    onStreamClose: () => void streams--,
    onOver: (outcome, error) => {
      underWay--
      overs.push({ outcome, code: error?.code })
    },
  })
  const handle = async (exchange: Exchange): Promise<void> => {
    const { method } = exchange
    const body = method === 'POST' ? await exchange.readBody(MAX_BODY_BYTES) : undefined
    const visit = visitOf(exchange, body)
    underWay++
    if (visit.inbound?.era === 'modern') modern.handle(visit)
    else if (method === 'POST') legacy.post(visit)
    else if (method === 'GET') legacy.get(visit)
    else legacy.delete(visit)
  }
  const { port } = await startListener({
    ...(test.socketLimits && { limits: test.socketLimits }),
    onExchange: (exchange) => {
      handle(exchange).catch((thrown: unknown) => answerError(exchange, toGatewayError(thrown)))
    },
  })
  onTestFinished(() => {
    modern.close()
    legacy.close()
  })
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    port,
    modern,
    legacy,
    overs,
    underWay: () => underWay,
    streams: () => streams,
  }
}
