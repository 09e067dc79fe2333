// The connections to one endpoint: calls and event streams apart, and both replaced when the TLS material changes, while
// what is under way on the old ones comes to its end there.
import type { Clock } from '../../core/index.ts'
import type { ClientTls } from '../../tls/index.ts'
import type { Carrier } from './carrier.ts'
import { createConnector } from './connector.ts'
import { Http1Pool } from './http1/index.ts'
import { Http2Carrier } from './http2-carrier.ts'
import type { HttpEndpointOptions } from '../options.ts'

export interface ConnectionsContext {
  readonly origin: string
  readonly tls: ClientTls | undefined
  readonly clock: Clock
}

interface Pair {
  // Streams that stay open for hours must not starve calls of connections, so each kind has its own.
  readonly calls: Carrier
  readonly streams: Carrier
}

export class Connections {
  readonly #options: HttpEndpointOptions
  readonly #context: ConnectionsContext
  /** With calls or streams under way, which the limits of the endpoint bound: one without any is gone at once. */
  readonly #retired = new Set<Carrier>()
  #current: Pair

  constructor(options: HttpEndpointOptions, context: ConnectionsContext) {
    this.#options = options
    this.#context = context
    this.#current = this.#build()
  }

  get calls(): Carrier {
    return this.#current.calls
  }

  get streams(): Carrier {
    return this.#current.streams
  }

  /** From now on connections are new; the old ones end with what they carry. */
  replace(): void {
    const { calls, streams } = this.#current
    this.#current = this.#build()
    for (const pool of [calls, streams]) {
      this.#retired.add(pool)
      void pool.close().then(() => this.#retired.delete(pool))
    }
  }

  async destroy(): Promise<void> {
    const { calls, streams } = this.#current
    await Promise.all([calls, streams, ...this.#retired].map((pool) => pool.destroy()))
  }

  #build(): Pair {
    const { maxConnections, maxStreams, idleTimeoutMs } = this.#options
    return {
      calls: this.#carrier(maxConnections, idleTimeoutMs),
      streams: this.#carrier(maxStreams, 0),
    }
  }

  #carrier(maxConnections: number, bodyTimeoutMs: number): Carrier {
    const { responseTimeoutMs: headTimeoutMs, connectTimeoutMs, http2 = false } = this.#options
    const { origin, tls, clock } = this.#context
    const { hostname, host: authority, port, protocol } = new URL(origin)
    const address = { host: hostname.replace(/^\[|\]$/g, ''), port: portOf({ port, protocol }) }
    // Without TLS there is no way to agree on HTTP/2.
    const isHttp2 = http2 && tls !== undefined
    const connect = createConnector({ timeoutMs: connectTimeoutMs, tls, http2: isHttp2, clock })
    const budgets = { maxConnections, headTimeoutMs, bodyTimeoutMs }
    if (isHttp2) return new Http2Carrier({ origin, address, connect, ...budgets })
    return new Http1Pool({
      authority,
      connect: (onConnected) => connect(address, onConnected),
      clock,
      ...budgets,
    })
  }
}

export function portOf({ port, protocol }: Pick<URL, 'port' | 'protocol'>): number {
  return Number(port) || (protocol === 'https:' ? 443 : 80)
}
