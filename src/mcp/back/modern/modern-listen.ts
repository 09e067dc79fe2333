// One subscription at a server of the modern era: a `subscriptions/listen` stream, its acknowledgement first, then the
// changes that were asked for (MCP 2026-07-28 subscriptions).
import { GatewayError, type Timer } from '../../../core/index.ts'
import { isObject, messageKind, META, type JsonObject } from '../../../wire/index.ts'
import { withMeta } from '../../translate/envelope.ts'
import { toRpcError } from '../../translate/errors.ts'
import { intersectionOf, readFilter, wants } from '../../translate/listen-filter.ts'
import type {
  ListenFilter,
  ListenRequest,
  ListenSink,
  RpcNotification,
  ViewCall,
} from '../../view/server-view.ts'
import { AnswerReader, type AnswerListener, type AnswerOver } from '../answer-reader.ts'
import type { ModernServer } from './modern-server.ts'
import { LISTEN, outgoingRequest } from './outgoing.ts'
import { refusalOf, unanswered, type Refusal } from './refusals.ts'

/** Time within which a server must acknowledge: a stream that only stays open would look like one without changes. */
const ACKNOWLEDGE_WITHIN_MS = 30_000
const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged'
/** The schema has it for stdio alone, the prose for every listen that the server ends; both are taken. */
const CANCELLED = 'notifications/cancelled'

export class ModernListen implements ViewCall, AnswerListener {
  readonly #server: ModernServer
  readonly #request: ListenRequest
  readonly #sink: ListenSink
  readonly #reader: AnswerReader
  readonly #id: number
  #status = 0
  #deadline: Timer | undefined
  #honoured: ListenFilter | undefined
  #over = false

  constructor(server: ModernServer, request: ListenRequest, sink: ListenSink) {
    this.#server = server
    this.#request = request
    this.#sink = sink
    this.#id = server.nextId()
    this.#reader = new AnswerReader(this, server.limits)
  }

  begin(): void {
    const { caller, headers, filter } = this.#request
    const params = { notifications: filter }
    const request = outgoingRequest({
      id: this.#id,
      method: LISTEN,
      params,
      caller,
      headers,
      logLevel: undefined,
      paramHeaders: [],
    })
    const { pool, clock, places } = this.#server
    const boundTo = places.find({ method: LISTEN, params, callerKey: caller.key })
    this.#deadline = clock.after(ACKNOWLEDGE_WITHIN_MS, () => this.#giveUp())
    this.#reader.attach(pool.send(request, this.#reader, boundTo))
  }

  cancel(): void {
    if (this.#over) return
    this.#leave()
    this.#reader.abandon()
  }

  onHead({ status }: { readonly status: number }): void {
    this.#status = status
  }

  onMessage(message: JsonObject): void {
    if (this.#over) return
    const kind = messageKind(message)
    if (kind === 'notification') this.#notify(message as unknown as RpcNotification)
    else if (kind === 'request') this.#server.onStrayMessage('a request of its own')
    else if (message['error'] !== undefined) this.#refuse(message['error'])
    else this.#end()
  }

  /** A stream that ends without its result was dropped; whoever listens may come back either way. */
  onEnd({ status }: AnswerOver): void {
    if (this.#over) return
    if (this.#honoured !== undefined) this.#end()
    else this.#fail(unanswered(this.#server.name, status))
  }

  onFailure(error: GatewayError): void {
    this.#fail({ error, isAboutEra: error.code === 'GW_WRONG_ERA' })
  }

  #notify({ method, params }: RpcNotification): void {
    if (method === ACKNOWLEDGED) {
      this.#acknowledge(readFilter(params?.['notifications']))
      return
    }
    if (method === CANCELLED) {
      this.#end()
      return
    }
    const isAsked =
      this.#honoured !== undefined &&
      wants(this.#request.filter, { method, ...(params && { params }) })
    if (isAsked) this.#sink.onNotification(withoutSubscriptionId(method, params))
    else this.#server.onStrayMessage('a change that nobody asked for')
  }

  #acknowledge(given: ListenFilter): void {
    if (this.#honoured !== undefined) return
    this.#deadline?.cancel()
    this.#honoured = intersectionOf(this.#request.filter, given)
    this.#sink.onAcknowledged(this.#honoured)
  }

  #giveUp(): void {
    this.#reader.abandon()
    const message = `the server "${this.#server.name}" did not acknowledge a subscription within ${ACKNOWLEDGE_WITHIN_MS} ms`
    this.#fail({ error: new GatewayError('GW_UPSTREAM_TIMEOUT', message), isAboutEra: false })
  }

  #refuse(value: unknown): void {
    const error = toRpcError(value)
    const refusal = refusalOf(this.#server.name, this.#status, error)
    if (refusal !== undefined) {
      this.#fail(refusal)
      return
    }
    this.#leave()
    this.#sink.onFailure(error)
  }

  #end(): void {
    this.#leave()
    // Nothing more will come on a stream whose request has its response, whether the server closes it or not.
    this.#reader.abandon()
    this.#sink.onEnd()
  }

  #fail({ error, isAboutEra }: Refusal): void {
    if (this.#over) return
    this.#leave()
    if (isAboutEra) this.#server.onWrongEra()
    this.#sink.onFailure(error)
  }

  #leave(): void {
    this.#over = true
    this.#deadline?.cancel()
  }
}

/** The id is of this hop; whoever passes the change on has one of its own. */
function withoutSubscriptionId(method: string, params: JsonObject | undefined): RpcNotification {
  if (params === undefined) return { method }
  const { _meta } = params
  if (!isObject(_meta) || !Object.hasOwn(_meta, META.subscriptionId)) return { method, params }
  const { [META.subscriptionId]: _, ...meta } = _meta
  return { method, params: withMeta(params, meta) }
}
