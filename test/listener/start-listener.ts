// A listener on a free port with everything a test does not care about filled in, stopped when the test is over.
import { onTestFinished } from 'vitest'
import {
  systemClock,
  type Clock,
  type Exchange,
  type GatewayError,
  type RawHeaders,
} from '../../src/core/index.ts'
import { createListener, type Listener, type SocketLimits } from '../../src/listener/index.ts'
import { createMetrics, silentLog, type Log, type Metrics } from '../../src/observability/index.ts'
import type { ServerTlsOptions } from '../../src/tls/index.ts'
import { issueCert } from '../support/certificates.ts'
import { serverTlsOptions } from '../support/tls-options.ts'
import type { RawTarget } from '../support/raw-http.ts'

export interface TestListenerOptions {
  /** Default: every request is answered with 200 and "ok". */
  readonly onExchange?: (exchange: Exchange) => void
  readonly limits?: Partial<SocketLimits>
  readonly tls?: boolean | ServerTlsOptions
  /** Certificate to trust, for a listener with TLS options of its own. */
  readonly ca?: Buffer
  /** Default: true with TLS. */
  readonly http2?: boolean
  readonly host?: string
  /** Default: none. */
  readonly securityHeaders?: RawHeaders
  /** Default: false. */
  readonly webSocket?: boolean
  readonly clock?: Clock
  readonly log?: Log
}

export interface Refusal {
  readonly error: GatewayError
  readonly remoteAddress: string | undefined
  readonly requestId: string
}

export interface TestListener {
  readonly listener: Listener
  readonly port: number
  /** For openRaw and rawHttp; TLS without ALPN, so HTTP/1.1. */
  readonly target: RawTarget
  /** Certificate to trust; empty for a plain listener. */
  readonly ca: Buffer
  readonly exchanges: readonly Exchange[]
  readonly refusals: readonly Refusal[]
  readonly metrics: Metrics
  /** Sum over the samples that have these labels. */
  readonly count: (
    metric: 'connections' | 'connectionsShed' | 'slowReaders',
    labels?: object,
  ) => Promise<number>
}

/** Budgets that no test reaches by accident. */
export const LIMITS: SocketLimits = {
  headerTimeoutMs: 10_000,
  requestTimeoutMs: 20_000,
  idleTimeoutMs: 10_000,
  handshakeTimeoutMs: 10_000,
  acceptRatePerSecond: 10_000,
  acceptBurst: 10_000,
  maxConnections: 10_000,
  maxHeaderBytes: 16_384,
  maxHeaders: 100,
  maxConcurrentStreams: 100,
  slowReaderTimeoutMs: 10_000,
}

/** Answers with plain text and a known length. */
export function answerText(exchange: Exchange, text: string, status = 200): void {
  const body = Buffer.from(text)
  exchange.answer.start(status, [
    'content-type',
    'text/plain',
    'content-length',
    String(body.length),
  ])
  exchange.answer.end(body)
}

/** Answers with the length of the body, or with the code of the error it could not be read for. */
export const readBodyUpTo =
  (maxBytes: number) =>
  (exchange: Exchange): void => {
    exchange.readBody(maxBytes).then(
      (body) => answerText(exchange, String(body.length)),
      (error: GatewayError) => answerText(exchange, error.code, error.row.status),
    )
  }

export async function startListener(options: TestListenerOptions = {}): Promise<TestListener> {
  const { tls = false, onExchange = (it) => answerText(it, 'ok') } = options
  const { http2 = tls !== false } = options
  const certificate = tls === true ? issueCert() : undefined
  const metrics = createMetrics()
  const exchanges: Exchange[] = []
  const refusals: Refusal[] = []
  const listener = createListener(
    {
      name: 'test',
      host: options.host ?? '127.0.0.1',
      port: 0,
      tls: certificate
        ? serverTlsOptions(certificate)
        : tls === false
          ? undefined
          : (tls as ServerTlsOptions),
      http2,
      securityHeaders: options.securityHeaders ?? [],
      webSocket: options.webSocket,
      limits: { ...LIMITS, ...options.limits },
    },
    {
      log: options.log ?? silentLog,
      metrics,
      clock: options.clock ?? systemClock,
      onExchange: (exchange) => {
        exchanges.push(exchange)
        onExchange(exchange)
      },
      onRefusal: (error, remoteAddress, requestId) => {
        refusals.push({ error, remoteAddress, requestId })
      },
    },
  )
  onTestFinished(() => listener.stop(0))
  await listener.start()
  const { port } = listener.address
  const ca = options.ca ?? certificate?.ca ?? Buffer.alloc(0)
  const count: TestListener['count'] = async (metric, labels = {}) => {
    const { values } = await metrics[metric].get()
    const wanted = Object.entries(labels)
    const isWanted = (found: object): boolean =>
      wanted.every(([name, value]) => (found as Record<string, unknown>)[name] === value)
    return values.filter((it) => isWanted(it.labels)).reduce((sum, it) => sum + it.value, 0)
  }
  const target = tls !== false ? { port, tls: { ca, servername: 'localhost' } } : { port }
  return { listener, port, target, ca, exchanges, refusals, metrics, count }
}
