// One request to a server of the modern era: sends it, hears the answer, and tells the view's sink what of it is the
// client's. Sends again in one case: the server wants headers for arguments, and says so before it does anything.
import { GatewayError } from '../../../core/index.ts'
import { isObject, messageKind, type JsonObject } from '../../../wire/index.ts'
import { RPC_CODE, toRpcError } from '../../translate/errors.ts'
import { isAtLeast } from '../../translate/log-levels.ts'
import { withResultType } from '../../translate/results.ts'
import type { RpcNotification, ViewCall, ViewRequest, ViewSink } from '../../view/server-view.ts'
import { AnswerReader, type AnswerListener, type AnswerOver } from '../answer-reader.ts'
import type { ModernServer } from './modern-server.ts'
import { outgoingRequest } from './outgoing.ts'
import { refusalOf, unanswered, type Refusal } from './refusals.ts'

type State = 'asking' | 'looking-up' | 'asking-again' | 'over'

export class ModernCall implements ViewCall, AnswerListener {
  readonly #server: ModernServer
  readonly #request: ViewRequest
  readonly #sink: ViewSink
  #state: State = 'asking'
  #reader: AnswerReader | undefined
  #lookUp: ViewCall | undefined
  #id = 0
  #status = 0
  #from = ''
  #paramHeaders: readonly string[] = []

  constructor(server: ModernServer, request: ViewRequest, sink: ViewSink) {
    this.#server = server
    this.#request = request
    this.#sink = sink
  }

  begin(): void {
    this.#paramHeaders = this.#knownHeaders()
    const { method, params, caller } = this.#request
    this.#send(this.#server.places.find({ method, params, callerKey: caller.key }))
  }

  cancel(): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#lookUp?.cancel()
    this.#reader?.abandon()
  }

  onHead({
    status,
    from,
  }: {
    readonly status: number
    readonly from: { readonly key: string }
  }): void {
    this.#status = status
    this.#from = from.key
  }

  onMessage(message: JsonObject): void {
    if (this.#state === 'over') return
    const kind = messageKind(message)
    if (kind === 'notification') this.#notify(message as unknown as RpcNotification)
    else if (kind === 'request') this.#server.onStrayMessage('a request of its own')
    else if (this.#isOwn(message)) this.#answer(message)
    else this.#server.onStrayMessage('a response to another request')
  }

  onEnd({ status }: AnswerOver): void {
    if (this.#isOpen) this.#refuse(unanswered(this.#server.name, status))
  }

  onFailure(error: GatewayError): void {
    if (!this.#isOpen) return
    this.#refuse({ error, isAboutEra: error.code === 'GW_WRONG_ERA' })
  }

  /** An answer is awaited, not a tool list. */
  get #isOpen(): boolean {
    return this.#state === 'asking' || this.#state === 'asking-again'
  }

  #knownHeaders(): readonly string[] {
    const { method, caller, params } = this.#request
    return method === 'tools/call' ? this.#server.tools.headersOf(caller.key, params) : []
  }

  #send(boundTo: string | undefined): void {
    const { pool, limits } = this.#server
    this.#id = this.#server.nextId()
    this.#reader = new AnswerReader(this, limits)
    const request = outgoingRequest({
      ...this.#request,
      id: this.#id,
      paramHeaders: this.#paramHeaders,
    })
    this.#reader.attach(pool.send(request, this.#reader, boundTo))
  }

  /** An error without an id answers the request as a whole: its body could not be read, or its origin was refused. */
  #isOwn({ id, error }: JsonObject): boolean {
    return id === this.#id || (error !== undefined && (id === undefined || id === null))
  }

  #notify(notification: RpcNotification): void {
    const { method, params } = notification
    const { logLevel } = this.#request
    if (method === 'notifications/message') {
      if (logLevel === undefined || !isAtLeast(params?.['level'], logLevel)) return
    }
    if (method === 'notifications/progress' && !this.#isOwnToken(params?.['progressToken'])) return
    this.#sink.onNotification(params === undefined ? { method } : { method, params })
  }

  /** Progress of another call has no way to here but a server's mistake. */
  #isOwnToken(token: unknown): boolean {
    const meta = this.#request.params['_meta']
    const own = isObject(meta) ? meta['progressToken'] : undefined
    // A number that was kept as text is an object, equal only to itself.
    return own !== undefined && (own === token || (isObject(own) && isObject(token)))
  }

  #answer({ result, error }: JsonObject): void {
    if (error !== undefined) this.#onError(error)
    else if (isObject(result)) this.#onResult(result)
    else this.#refuse({ error: notAResult(this.#server.name), isAboutEra: false })
  }

  #onResult(answered: JsonObject): void {
    const { method, caller } = this.#request
    const isToolList = method === 'tools/list'
    const kept = isToolList ? this.#server.tools.learn(caller.key, answered) : answered
    const result = withResultType(kept)
    this.#state = 'over'
    this.#server.places.note(caller.key, result, this.#from)
    this.#sink.onResult(result)
  }

  #onError(value: unknown): void {
    const error = toRpcError(value)
    if (error.code === RPC_CODE.headerMismatch && this.#mayLookUp()) {
      this.#lookUpHeaders(error.message)
      return
    }
    const refusal = refusalOf(this.#server.name, this.#status, error)
    if (refusal !== undefined) {
      this.#refuse(refusal)
      return
    }
    this.#state = 'over'
    this.#sink.onError(error)
  }

  #mayLookUp(): boolean {
    return this.#state === 'asking' && this.#request.method === 'tools/call'
  }

  /** The refusal came before the tool was run (MCP 2026-07-28 transports §Server validation), so it may be called again. */
  #lookUpHeaders(message: string): void {
    this.#state = 'looking-up'
    this.#reader?.abandon()
    this.#lookUp = this.#server.lookUpTool(this.#request, () => {
      if (this.#state !== 'looking-up') return
      this.#state = 'asking-again'
      const before = this.#paramHeaders
      this.#paramHeaders = this.#knownHeaders()
      if (before.join('\n') !== this.#paramHeaders.join('\n')) this.#send(this.#sameEndpoint())
      else this.#onError({ code: RPC_CODE.headerMismatch, message })
    })
  }

  #sameEndpoint(): string | undefined {
    return this.#server.pool.holds(this.#from) ? this.#from : undefined
  }

  #refuse({ error, isAboutEra }: Refusal): void {
    this.#state = 'over'
    if (isAboutEra) this.#server.onWrongEra()
    this.#sink.onFailure(error)
  }
}

function notAResult(server: string): GatewayError {
  return new GatewayError(
    'GW_UPSTREAM_PROTOCOL',
    `the server "${server}" answered with a result that is not an object`,
  )
}
