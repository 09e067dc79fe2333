// One session with a legacy server, on behalf of one caller, used by all calls of that caller at once: brings calls,
// listeners, the log level and the server's own messages together. The wire is left to session-wire.ts.
import {
  LiveSet,
  toGatewayError,
  type Clock,
  type Deadlines,
  type GatewayError,
  type RawHeaders,
} from '../../../core/index.ts'
import type { RoutedSink } from '../../../routing/index.ts'
import type { UpstreamCall } from '../../../upstream/index.ts'
import { isObject, type JsonObject, type RpcId } from '../../../wire/index.ts'
import type {
  Caller,
  ListenFilter,
  RpcError,
  ViewOrigin,
  ViewRequest,
} from '../../view/server-view.ts'
import type { CallAnswer } from './call-answer.ts'
import type { CallReader } from './call-reader.ts'
import type { CallSession } from './call-session.ts'
import { closing, isOfAnotherEra, tooManyListeners } from './failures.ts'
import type { Parking } from './parking.ts'
import { canBeAsked, type Question } from './questions.ts'
import { ServerCall } from './server-call.ts'
import { ServerMessages } from './server-messages.ts'
import { SessionListeners, type SessionListener } from './session-listeners.ts'
import { SessionLogLevel } from './session-log-level.ts'
import { SessionStream } from './session-stream.ts'
import { SessionWire } from './session-wire.ts'
import type { UpstreamSessionContext } from './upstream-session-context.ts'
import type { VerbatimServerCall } from './verbatim-call.ts'
import { VerbatimCalls } from './verbatim-calls.ts'

export class UpstreamSession implements CallSession {
  readonly caller: Caller
  readonly startedAtMs: number
  readonly logLevel: SessionLogLevel
  readonly verbatim: VerbatimCalls
  readonly #context: UpstreamSessionContext
  readonly #wire: SessionWire
  readonly #messages: ServerMessages
  readonly #listeners: SessionListeners
  readonly #calls = new LiveSet<ServerCall>()
  #initialized: JsonObject = {}
  #stream: SessionStream | undefined
  #lastUsedMs: number
  #strays = 0
  #state: 'opening' | 'open' | 'retired' | 'over' = 'opening'

  constructor(origin: ViewOrigin, context: UpstreamSessionContext) {
    const { clock } = context
    this.#context = context
    this.caller = origin.caller
    this.startedAtMs = clock.monotonicMs()
    this.#lastUsedMs = this.startedAtMs
    this.logLevel = new SessionLogLevel((level) => this.#setLogLevel(level))
    this.#listeners = new SessionListeners((method, uri) => this.#succeeds(method, { uri }))
    this.#messages = new ServerMessages({
      clock,
      capabilities: origin.caller.capabilities,
      calls: () => this.#calls.snapshot(),
      respond: (id, response, from) => this.#wire.notice({ jsonrpc: '2.0', id, ...response }, from),
      onChange: (change) => this.#listeners.onChange(change),
    })
    const onServerMessage = (message: JsonObject): void => this.#receive(message)
    this.#wire = new SessionWire(origin.headers, { ...context, onServerMessage })
    const onLeft = (): void => this.#onLeft()
    this.verbatim = new VerbatimCalls(this, { messages: this.#messages, wire: this.#wire, onLeft })
  }

  /** @throws GatewayError The server could not be reached, or refused. */
  async open(): Promise<void> {
    this.#initialized = await this.#initialize()
    if (this.#state === 'over') {
      // Given up meanwhile, when there was no id yet to end it by.
      this.#wire.end()
      return
    }
    // Many servers put their questions on the stream of the session, and lose them when there is none.
    if (canBeAsked(this.caller.capabilities)) await this.#openStream()
    this.#lastUsedMs = this.#context.clock.monotonicMs()
    this.#becomeOpen()
  }

  /** True while it takes calls. */
  get isOpen(): boolean {
    return this.#state === 'open'
  }

  get clock(): Clock {
    return this.#context.clock
  }

  get parking(): Parking {
    return this.#context.parking
  }

  get drains(): Deadlines<CallAnswer> {
    return this.#context.drains
  }

  get hasId(): boolean {
    return this.#wire.hasId
  }

  /** The server's answer to `initialize`. */
  get initialized(): JsonObject {
    return this.#initialized
  }

  get serverInfo(): JsonObject | undefined {
    const { serverInfo } = this.#initialized
    return isObject(serverInfo) ? serverInfo : undefined
  }

  /** False when the endpoint that holds it is out of reach. */
  get isReachable(): boolean {
    return this.#wire.isReachable
  }

  get isBusy(): boolean {
    return this.#calls.size > 0 || this.verbatim.size > 0 || this.#listeners.size > 0
  }

  /** Since its last call or listener; 0 while there is one. */
  get idleForMs(): number {
    return this.isBusy ? 0 : this.clock.monotonicMs() - this.#lastUsedMs
  }

  nextId(): number {
    return this.#wire.nextId()
  }

  /** Questions of the server that came when no call could carry them. */
  takeHeldQuestions(): readonly Question[] {
    return this.#messages.takeHeld()
  }

  /** Sends a request. `reader` hears nothing before this has returned. */
  call(request: ViewRequest, reader: CallReader): ServerCall {
    const call = new ServerCall(this, request, reader)
    this.#calls.add(call)
    call.start()
    return call
  }

  /** Goes on with a verbatim call as with any other; `request` says the same. `reader` hears nothing before this has returned. */
  takeOver(verbatim: VerbatimServerCall, request: ViewRequest, reader: CallReader): ServerCall {
    const call = new ServerCall(this, request, reader, verbatim.id)
    void this.logLevel.enter(request.logLevel)
    this.#calls.add(call)
    call.takeOver((sink) => verbatim.passTo(sink))
    return call
  }

  /**
   * Resolves to what the server honours. Changes may be heard before.
   * @throws GatewayError GW_UPSTREAM_OVERLOADED
   */
  async listen(listener: SessionListener, filter: ListenFilter): Promise<ListenFilter> {
    if (!this.#listeners.reserve(listener)) throw tooManyListeners()
    const { capabilities } = this.#initialized
    // Without a stream nothing would be heard, whatever the server says that it announces.
    const hasStream = await this.#openStream()
    if (!hasStream || !isObject(capabilities)) return {}
    return this.#listeners.begin(listener, filter, capabilities)
  }

  unlisten(listener: SessionListener): void {
    this.#listeners.remove(listener)
    this.#onLeft()
    if (this.#listeners.size > 0 || canBeAsked(this.caller.capabilities)) return
    this.#stream?.stop()
    this.#stream = undefined
  }

  send(message: JsonObject, headers: RawHeaders, sink: RoutedSink): UpstreamCall {
    return this.#wire.send(message, headers, sink)
  }

  resume(lastEventId: string, from: string | undefined, sink: RoutedSink): UpstreamCall {
    return this.#wire.open(lastEventId, from, sink)
  }

  onServerMessage(message: JsonObject, call: ServerCall): void {
    this.#receive(message, call)
  }

  reply(
    id: RpcId,
    result: JsonObject,
    from: string | undefined,
  ): Promise<GatewayError | undefined> {
    return this.#wire.deliver({ jsonrpc: '2.0', id, result }, from)
  }

  refuse(id: RpcId, error: RpcError, from: string | undefined): void {
    this.#wire.notice({ jsonrpc: '2.0', id, error }, from)
  }

  readdress({ asked, rpcId }: Question): void {
    if (rpcId !== undefined) this.#messages.ask(asked, rpcId, undefined)
  }

  cancelled(requestId: RpcId, from: string | undefined): void {
    const params = { requestId, reason: 'the client has given up the call' }
    this.#wire.notice({ jsonrpc: '2.0', method: 'notifications/cancelled', params }, from)
  }

  countStray(): void {
    this.#strays++
    if (this.#strays > 1) return
    this.#context.log.info({}, 'a legacy server answered a request that was not asked')
  }

  leave(call: ServerCall): void {
    this.#calls.delete(call)
    this.#onLeft()
  }

  retire(): void {
    if (this.#state === 'retired' || this.#state === 'over') return
    this.#state = 'retired'
    this.#context.onRetired(this)
    this.#listeners.dismiss()
    if (!this.isBusy) this.#end()
  }

  /** Ends it, whatever is under way. */
  close(): void {
    this.retire()
    this.verbatim.giveWay()
    for (const call of this.#calls.snapshot()) call.cut(closing())
    this.#end()
  }

  /** Unless it was given up, or lost, while it was being set up. */
  #becomeOpen(): void {
    if (this.#state === 'opening') this.#state = 'open'
  }

  async #initialize(): Promise<JsonObject> {
    try {
      return await this.#wire.initialize(this.caller)
    } catch (thrown) {
      if (isOfAnotherEra(toGatewayError(thrown))) this.#context.onWrongEra()
      throw thrown
    }
  }

  #openStream(): Promise<boolean> {
    this.#stream ??= new SessionStream({
      clock: this.clock,
      hasId: this.hasId,
      open: (lastEventId, sink) => this.#wire.open(lastEventId, undefined, sink),
      onMessage: (message) => this.#receive(message),
      onGap: () => this.#listeners.onGap(),
      onLost: () => this.retire(),
    })
    return this.#stream.isOpen()
  }

  #setLogLevel(level: string): Promise<boolean> {
    const { capabilities } = this.#initialized
    const hasLogs = isObject(capabilities) && capabilities['logging'] !== undefined
    return hasLogs ? this.#succeeds('logging/setLevel', { level }) : Promise.resolve(false)
  }

  async #succeeds(method: string, params: JsonObject): Promise<boolean> {
    const { result } = await this.#wire.ask(method, params)
    return result !== undefined
  }

  /** `call`: on whose stream it came. A question may be about any call, or need one to carry it. */
  #receive(message: JsonObject, call?: ServerCall): void {
    if ('method' in message && 'id' in message) this.verbatim.giveWay()
    this.#messages.receive(message, call)
  }

  #onLeft(): void {
    this.#lastUsedMs = this.clock.monotonicMs()
    if (this.#state === 'retired' && !this.isBusy) this.#end()
  }

  #end(): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#stream?.stop()
    this.#messages.stop()
    this.#wire.end()
    this.#context.onOver(this)
  }
}
