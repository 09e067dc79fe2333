// Requests over undici's pool, for endpoints that may be spoken to in HTTP/2: which version it becomes is settled in each
// TLS handshake. Translates undici's callbacks and errors, nothing else.
import { Pool, type Dispatcher } from 'undici'
import { Content, type RawHeaders } from '../../core/index.ts'
import {
  AnswerTimeout,
  type AnswerHandler,
  type CarriedRequest,
  type Carrier,
  type OutgoingRequest,
} from './carrier.ts'
import type { Connector } from './connector.ts'
import type { PeerAddress } from '../../tls/index.ts'

export interface Http2CarrierOptions {
  readonly origin: string
  readonly address: PeerAddress
  readonly connect: Connector
  readonly maxConnections: number
  /** From the request to the head of its answer. */
  readonly headTimeoutMs: number
  /** Silence within an answer; 0: for ever. */
  readonly bodyTimeoutMs: number
}

export class Http2Carrier implements Carrier {
  readonly #pool: Pool

  constructor(options: Http2CarrierOptions) {
    const { origin, address, connect, maxConnections, headTimeoutMs, bodyTimeoutMs } = options
    this.#pool = new Pool(origin, {
      connections: maxConnections,
      pipelining: 1,
      allowH2: true,
      connect: (_options, onConnected) => connect(address, onConnected),
      headersTimeout: headTimeoutMs,
      bodyTimeout: bodyTimeoutMs,
    })
  }

  dispatch(
    { method, path, headers, body }: OutgoingRequest,
    handler: AnswerHandler,
  ): CarriedRequest {
    const exchange = new UndiciExchange(handler)
    const options: Dispatcher.DispatchOptions = {
      method,
      path,
      headers: headers as string[],
      body: body instanceof Content ? body.bytes() : (body ?? null),
      // A lost POST may have run: undici must not send it again on its own.
      idempotent: false,
    }
    this.#pool.dispatch(options, exchange)
    return exchange
  }

  async close(): Promise<void> {
    // Rejects when `destroy` came first, which ends it as well.
    await this.#pool.close().catch(() => {})
  }

  async destroy(): Promise<void> {
    await this.#pool.destroy()
  }
}

class UndiciExchange implements CarriedRequest, Dispatcher.DispatchHandler {
  readonly #handler: AnswerHandler
  #controller: Dispatcher.DispatchController | undefined
  #abortedFor: Error | undefined

  constructor(handler: AnswerHandler) {
    this.#handler = handler
  }

  abort(reason: Error): void {
    this.#abortedFor = reason
    // A paused connection must not go back to its pool: it would stay paused for ever and be lost to it.
    this.#controller?.abort(reason)
  }

  resume(): void {
    this.#controller?.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // Given up while it waited for a connection.
    if (this.#abortedFor === undefined) this.#handler.onSent()
    else controller.abort(this.#abortedFor)
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[]>,
  ): void {
    // Interim answers (RFC 9110 §15.2) are between the endpoint and us.
    if (status >= 200) this.#handler.onHead(status, flatten(headers))
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#handler.onData(chunk)) controller.pause()
  }

  onResponseEnd(
    _controller: Dispatcher.DispatchController,
    trailers: Record<string, string | string[]>,
  ): void {
    this.#handler.onEnd(flatten(trailers))
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#handler.onFailure(timeoutIn(error) ?? error)
  }
}

function timeoutIn(cause: Error): AnswerTimeout | undefined {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'UND_ERR_HEADERS_TIMEOUT') return new AnswerTimeout('head', { cause })
  if (code === 'UND_ERR_BODY_TIMEOUT') return new AnswerTimeout('body', { cause })
  return undefined
}

function flatten(headers: Record<string, string | string[]>): RawHeaders {
  const raw: string[] = []
  for (const name in headers) {
    const value = headers[name]
    if (typeof value === 'string') raw.push(name, value)
    else for (const single of value ?? []) raw.push(name, single)
  }
  return raw
}
