// How the messages of one session reach its server: the handshake that begins it, its id and version on all that follows,
// its endpoint, and its end. What the messages are about is with upstream-session.ts.
import type { Clock, GatewayError, RawHeaders } from '../../../core/index.ts'
import type { Pool, RoutedSink } from '../../../routing/index.ts'
import type { UpstreamCall } from '../../../upstream/index.ts'
import { LEGACY_VERSIONS, type JsonObject } from '../../../wire/index.ts'
import { toLegacyClientCapabilities } from '../../translate/capabilities.ts'
import type { Caller } from '../../view/server-view.ts'
import type { VerbatimRequest } from '../../view/verbatim.ts'
import { notInitialized, refusedWith } from './failures.ts'
import type { Notices } from './notices.ts'
import { deleteOf, getOf, postOf, type SessionFields, verbatimPostOf } from './outgoing.ts'
import { sendPlain, type PlainAnswer } from './plain-request.ts'

/** What the gateway calls itself for a client that does not say who it is; a legacy server insists. */
const OWN_INFO: JsonObject = { name: 'sallyport', version: '0' }
/** For `initialize`, and for everything else that the gateway asks for itself. */
const ANSWER_TIMEOUT_MS = 60_000
const ERROR_FLOOR = 400

export interface SessionWireContext {
  readonly pool: Pool
  readonly clock: Clock
  readonly notices: Notices
  /** A message of the server on the stream of an answer to the gateway itself. */
  readonly onServerMessage: (message: JsonObject) => void
}

export class SessionWire {
  readonly #context: SessionWireContext
  #fields: SessionFields
  #boundTo: string | undefined
  #lastId = 0
  #isEnded = false

  /** `headers`: of the client for which the session is. */
  constructor(headers: RawHeaders, context: SessionWireContext) {
    this.#context = context
    this.#fields = { headers, sessionId: undefined, version: undefined }
  }

  /** False: the server keeps no sessions. */
  get hasId(): boolean {
    return this.#fields.sessionId !== undefined
  }

  /** False when the endpoint that holds the session is out of reach. */
  get isReachable(): boolean {
    return this.#boundTo === undefined || this.#context.pool.holds(this.#boundTo)
  }

  nextId(): number {
    this.#lastId++
    return this.#lastId
  }

  /**
   * The handshake. Resolves to the InitializeResult.
   * @throws GatewayError GW_UPSTREAM_INITIALIZE and what a call can fail with
   */
  async initialize({ capabilities, clientInfo }: Caller): Promise<JsonObject> {
    const { head, result, error, failure } = await this.ask('initialize', {
      protocolVersion: LEGACY_VERSIONS[0],
      capabilities: toLegacyClientCapabilities(capabilities),
      clientInfo: clientInfo ?? OWN_INFO,
    })
    if (failure !== undefined) throw failure
    if (result === undefined || head === undefined) {
      throw notInitialized(`it answered ${head?.status} and no result`, error)
    }
    const { protocolVersion } = result
    const isKnown = (LEGACY_VERSIONS as readonly unknown[]).includes(protocolVersion)
    // What has no sessions is not bound to an endpoint either.
    this.#boundTo = head.sessionId === undefined ? undefined : head.from.key
    this.#fields = {
      headers: this.#fields.headers,
      sessionId: head.sessionId,
      version: isKnown ? (protocolVersion as string) : undefined,
    }
    const refused = isKnown
      ? await this.deliver({ jsonrpc: '2.0', method: 'notifications/initialized' }, undefined)
      : notInitialized('it chose a protocol version that nobody here speaks')
    if (refused === undefined) return result
    this.end()
    throw refused
  }

  /** A request of the client's own. */
  send(message: JsonObject, headers: RawHeaders, sink: RoutedSink): UpstreamCall {
    const { pool } = this.#context
    return pool.send(postOf(message, { ...this.#fields, headers }), sink, this.#boundTo)
  }

  /** A call in its client's bytes. */
  sendVerbatim(request: VerbatimRequest, id: number, sink: RoutedSink): UpstreamCall {
    const { pool } = this.#context
    const { headers } = request
    return pool.send(verbatimPostOf(request, id, { ...this.#fields, headers }), sink, this.#boundTo)
  }

  /** Opens the session's stream, or what came after an event on another. */
  open(lastEventId: string | undefined, from: string | undefined, sink: RoutedSink): UpstreamCall {
    return this.#context.pool.send(getOf(this.#fields, lastEventId), sink, from ?? this.#boundTo)
  }

  /** A request of the gateway's own. Never rejects. */
  ask(method: string, params: JsonObject): Promise<PlainAnswer> {
    const id = this.nextId()
    return this.#plain({ jsonrpc: '2.0', id, method, params }, id, undefined)
  }

  /** A notification or response that must arrive. Resolves to why it did not. */
  async deliver(message: JsonObject, from: string | undefined): Promise<GatewayError | undefined> {
    const { head, error, failure } = await this.#plain(message, undefined, from)
    if (failure !== undefined || head === undefined) return failure
    return head.status < ERROR_FLOOR ? undefined : refusedWith(head.status, error)
  }

  /** A message for whose arrival nobody waits. */
  notice(message: JsonObject, from: string | undefined): void {
    this.#context.notices.post(postOf(message, this.#fields), from ?? this.#boundTo)
  }

  /** Ends the session at the server. */
  end(): void {
    if (!this.hasId || this.#isEnded) return
    this.#isEnded = true
    this.#context.notices.post(deleteOf(this.#fields), this.#boundTo)
  }

  #plain(message: JsonObject, id: number | undefined, from: string | undefined) {
    const { pool, clock, onServerMessage } = this.#context
    return sendPlain({
      id,
      clock,
      timeoutMs: ANSWER_TIMEOUT_MS,
      send: (sink) => pool.send(postOf(message, this.#fields), sink, from ?? this.#boundTo),
      onOther: onServerMessage,
    })
  }
}
